"""`demo`: the whole way of a file, for real, in under twenty seconds and without a key.

A fresh spool, the built-in stand-in for the API and the real daemon, each a process of its own; the
samples are dropped as a producer would, and what is shown is what the daemon logs.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from batchbox.cli.log_words import LogWords
from batchbox.cli.options import SpoolOption
from batchbox.cli.samples import SampleFile, find_samples
from batchbox.cli.sandbox import require_sandbox
from batchbox.cli.text_layout import print_line
from batchbox.domain.errors import NO_SPOOL, NOT_ALL_WELL, Stop
from batchbox.ports.clock import SystemClock
from batchbox.storage.local.dropping import DroppedPath, drop_file, find_receipt
from batchbox.storage.local.lock import make_spool

WORK_SECONDS = "2"
BETWEEN_DROPS = 0.4
LOOK_SECONDS = 0.1
PATIENCE = 60.0
RESULT_LINES = 2
LINE_SHOWN = 300

PROGRAM = [sys.executable, "-m", "batchbox"]


def demo(spool: SpoolOption = None) -> None:
    """Show a file's whole way through batchbox; needs no key."""
    require_sandbox()
    root = _make_fresh(spool)
    samples = find_samples()
    typer.echo(f"A fresh spool: {root}")
    with _sandbox() as url, _daemon(root, url) as story:
        typer.echo(f"A stand-in for the API: {url}")
        typer.echo(f"The daemon, and {len(samples)} files dropped into {root}/inbox:\n")
        receipts = _drop_all(root, samples, story)
    _show_outbox(root, samples)
    wrong = _compare(samples, receipts)
    for line in wrong:
        typer.echo(f"not as it should be: {line}", err=True)
    raise typer.Exit(NOT_ALL_WELL if wrong else 0)


def _make_fresh(spool: Path | None) -> Path:
    root = spool.absolute() if spool else Path(tempfile.mkdtemp(prefix="batchbox-demo-"))
    if spool and root.exists() and any(root.iterdir()):
        raise Stop(f"{root} is not empty", "name a folder that is not there yet", code=NO_SPOOL)
    make_spool(root)
    return root


def _environment(**more: str) -> dict[str, str]:
    """Return this environment without what would change the demo."""
    ours = ("BATCHBOX_", "ANTHROPIC_", "CREDENTIALS_DIRECTORY")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | more


@contextmanager
def _process(
    arguments: list[str], environment: dict[str, str], stdout: int | None, stderr: int
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*PROGRAM, *arguments], env=environment, text=True, stdout=stdout, stderr=stderr
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def _sandbox() -> Iterator[str]:
    arguments = ["sandbox", "--port", "0", "--work-seconds", WORK_SECONDS]
    with _process(arguments, _environment(), subprocess.PIPE, subprocess.DEVNULL) as process:
        url = process.stdout.readline().strip() if process.stdout else ""
        if not url:
            raise Stop("the stand-in did not start", "try: batchbox sandbox", code=NOT_ALL_WELL)
        yield url


@contextmanager
def _daemon(root: Path, url: str) -> Iterator[LogWords]:
    environment = _environment(
        ANTHROPIC_BASE_URL=url,
        ANTHROPIC_API_KEY="sandbox",
        BATCHBOX_POLL_SECONDS="0.5",
        BATCHBOX_LOG_FORMAT="json",
    )
    log = root / "state" / "demo.log"
    with log.open("w") as sink:
        arguments = ["run", "--spool", str(root)]
        with _process(arguments, environment, None, sink.fileno()):
            yield LogWords(log, SystemClock())


def _drop_all(root: Path, samples: list[SampleFile], story: LogWords) -> dict[str, dict[str, Any]]:
    """Drop the samples; tell the story until each has its receipt."""
    clock = SystemClock()
    deadline = clock.monotonic() + PATIENCE
    dropped: dict[str, DroppedPath] = {}
    receipts: dict[str, dict[str, Any]] = {}
    while len(receipts) < len(samples):
        if clock.monotonic() > deadline:
            raise Stop("not every file got its receipt", f"see {story.path}", code=NOT_ALL_WELL)
        due = samples[len(dropped) : len(dropped) + 1] if story.has_begun else []
        for sample in due:
            dropped[sample.name] = drop_file(root, sample.path, "default")
        clock.wait(BETWEEN_DROPS if due else LOOK_SECONDS)
        found = {name: find_receipt(root, one) for name, one in dropped.items() if name not in receipts}
        receipts |= {name: receipt for name, pair in found.items() if pair for receipt in pair[1:]}
        for line in story.tell():
            print_line(line)
    return receipts


def _show_outbox(root: Path, samples: list[SampleFile]) -> None:
    typer.echo("\nIn the outbox now, each complete from the moment it could be seen:\n")
    for path in sorted((root / "outbox").iterdir()):
        print_line(f"  {path.stat().st_size:>7,} bytes  {path.name}")
    first = root / "outbox" / f"{samples[0].path.stem}.results.jsonl"
    typer.echo(f"\nThe first lines of {first.name}, in the order of the requests:\n")
    with first.open(encoding="utf-8") as file:
        for _, line in zip(range(RESULT_LINES), file, strict=False):
            print_line(f"  {_shorten(line.strip())}")
    refused = next(sample for sample in samples if sample.status == "rejected")
    typer.echo("\nLook further:\n")
    program = sys.argv[0] if Path(sys.argv[0]).name == "batchbox" else "python -m batchbox"
    typer.echo(f"  {program} status --spool {root}")
    typer.echo(f"  {program} show {samples[0].name} --spool {root}")
    typer.echo(f"  cat {root}/outbox/{refused.path.stem}.receipt.json")


def _shorten(line: str) -> str:
    return line if len(line) <= LINE_SHOWN else line[:LINE_SHOWN] + "…"


def _compare(samples: list[SampleFile], receipts: dict[str, dict[str, Any]]) -> list[str]:
    wrong = []
    for sample in samples:
        receipt = receipts[sample.name]
        lines = [mistake["line"] for mistake in receipt.get("mistakes", [])]
        ended = (receipt["status"], receipt["requests"], lines)
        if ended != (sample.status, sample.requests, sample.mistakes):
            wrong.append(f"{sample.name} ended as {json.dumps(ended)}")
    return wrong
