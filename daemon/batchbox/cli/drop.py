"""`drop`: put a file into the inbox as it should be done, and wait for its receipt."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from batchbox.cli.options import JsonOption, SpoolOption, require_spool
from batchbox.cli.text_layout import print_json, print_line, print_wrapped
from batchbox.domain.errors import NOT_ALL_WELL
from batchbox.domain.output_names import show
from batchbox.domain.records import Problem
from batchbox.ports.clock import SystemClock
from batchbox.storage.local.dropping import DroppedPath, drop_file, find_notice, find_receipt
from batchbox.storage.local.layout import Layout

LOOK_SECONDS = 0.2


def drop(
    file: Annotated[Path, typer.Argument(help="The file to drop.", show_default=False)],
    spool: SpoolOption = None,
    queue: Annotated[str, typer.Option(help="The queue to drop it into.")] = "default",
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the receipt and tell it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Submit a file safely."""
    root = require_spool(spool)
    dropped = drop_file(root, file, queue)
    follow(root, dropped, show(os.fsencode(file.name)), wait, as_json)


def follow(
    root: Path,
    dropped: DroppedPath,
    name: str,
    waits: bool,
    as_json: bool,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Tell what was dropped under *name*, with *more* for programs; or wait for its receipt and tell that."""
    if waits:
        _await(root, dropped, as_json)
        return
    receipt = f"{dropped.stem}.receipt.json"
    if as_json:
        # where one of that name is there already, only the daemon knows which number comes next
        sure = None if dropped.before else receipt
        facts = {"dropped": name, "queue": dropped.queue, "receipt": sure, "sha256": dropped.sha256}
        print_json({**(more or {}), **facts})
    elif dropped.before:
        print_wrapped(
            f"dropped {name}; {receipt} in the outbox is an older file's: its own will be {dropped.stem}~2",
            "",
        )
        print_wrapped(
            "or the next that is free; --wait waits for it, and input.sha256 in it is that of this file"
        )
    else:
        print_wrapped(f"dropped {name}; its receipt will be {receipt} in the outbox", "")


def _await(root: Path, dropped: DroppedPath, as_json: bool) -> None:
    clock = SystemClock()
    told = ""
    while (found := find_receipt(root, dropped)) is None:
        notice = None if as_json else find_notice(root, dropped)
        if notice and notice["reason"] != told:  # it may be held once more, for another reason
            told = notice["reason"]
            print_wrapped(f"held: {told}", "")
            print_wrapped(notice["what_to_do"])
        clock.wait(LOOK_SECONDS)
    path, receipt = found
    if as_json:
        print_json(receipt)
    else:
        print_wrapped(f"{receipt['status']}: {receipt['message']}", "")
        for mistake in map(Problem.model_validate, receipt.get("mistakes", [])):
            print_wrapped(f"{mistake.place}: {mistake.problem}; {mistake.fix}")
        print_line(f"  {path}")
        for output in receipt["outputs"]:
            print_line(f"  {Layout(root).queue(output['folder'], dropped.queue) / output['name']}")
    if receipt["status"] != "succeeded":
        raise typer.Exit(NOT_ALL_WELL)
