"""`drop`: put a file into the inbox as it should be done, and wait for its receipt."""

import os
from pathlib import Path
from typing import Annotated

import typer

from batchbox.cli.options import JsonOption, SpoolOption, require_spool
from batchbox.cli.page import say, tell, tell_json
from batchbox.clock import SystemClock
from batchbox.core.errors import NOT_ALL_WELL
from batchbox.core.manifest import Mistake
from batchbox.core.names import show
from batchbox.spool.dropping import Dropped, drop_file, find_notice, find_receipt

LOOK_SECONDS = 0.2


def drop(
    file: Annotated[Path, typer.Argument(help="The file to drop.", show_default=False)],
    spool: SpoolOption = None,
    queue: Annotated[str, typer.Option(help="The queue to drop it into.")] = "default",
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the receipt and tell it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put a file into the inbox, whole or not at all."""
    root = require_spool(spool)
    dropped = drop_file(root, file, queue)
    if not wait:
        receipt = f"{dropped.stem}.receipt.json"
        if as_json:
            facts = {"dropped": show(os.fsencode(file.name)), "queue": dropped.queue, "receipt": receipt}
            tell_json(facts | {"sha256": dropped.sha256})
        else:
            tell(f"dropped {file.name}; its receipt will be {receipt} in the outbox", "")
        return
    _await(root, dropped, as_json)


def _await(root: Path, dropped: Dropped, as_json: bool) -> None:
    clock = SystemClock()
    is_told = as_json
    while (found := find_receipt(root, dropped)) is None:
        if not is_told and (notice := find_notice(root, dropped)):
            tell(f"held: {notice['reason']}", "")
            tell(notice["what_to_do"])
            is_told = True
        clock.wait(LOOK_SECONDS)
    path, receipt = found
    if as_json:
        tell_json(receipt)
    else:
        tell(f"{receipt['status']}: {receipt['message']}", "")
        for mistake in map(Mistake.model_validate, receipt.get("mistakes", [])):
            tell(f"{mistake.place}: {mistake.problem}; {mistake.fix}")
        say(f"  {path}")
        for output in receipt["outputs"]:
            say(f"  {output['folder']}: {output['name']}")
    if receipt["status"] != "succeeded":
        raise typer.Exit(NOT_ALL_WELL)
