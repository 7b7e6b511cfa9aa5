"""`check`: what would be sent, or every mistake. Needs no key, no spool and no network."""

import os
import stat
from pathlib import Path
from typing import Annotated, Any

import typer

from batchbox.cli.configuration import ConfigOption, read_settings
from batchbox.cli.options import JsonOption, SpoolOption
from batchbox.cli.page import say, tell, tell_json
from batchbox.core.checkup import count
from batchbox.core.errors import BAD_SETTINGS, NOT_ALL_WELL, Stop
from batchbox.core.manifest import Mistake
from batchbox.core.names import show
from batchbox.engine.ingest import measure
from batchbox.settings import Settings


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files to check.")],
    queue: Annotated[str, typer.Option(help="Check as if dropped into this queue.")] = "default",
    spool: SpoolOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what would be sent, or what is wrong."""
    settings = read_settings(spool, config)
    reports = [_examine(path, queue, settings) for path in files]
    if as_json:
        tell_json(reports)
    else:
        for report in reports:
            _tell(report)
    if any(report["mistakes_total"] for report in reports):
        raise typer.Exit(NOT_ALL_WELL)


def _examine(path: Path, queue: str, settings: Settings) -> dict[str, Any]:
    name = show(os.fsencode(path))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Stop(f"{name} cannot be read: {error.strerror}", "name a file", code=BAD_SETTINGS) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Stop(f"{name} is not a file", "name a file", code=BAD_SETTINGS)
    with open(descriptor, "rb", buffering=1 << 18) as file:
        rules = settings.for_queue(queue)
        most = settings.part_requests(rules.priority_of(os.fsencode(path.name)))
        reading, parts = measure(file, rules, most, settings.max_part_bytes)
        found = reading.conclude()
    return {
        "file": name,
        "would_send": bool(parts) and (rules.skips_bad_lines or not reading.mistakes_total),
        "lines": found.lines,
        "requests": found.requests,
        "parts": [{"requests": requests, "bytes": size} for requests, size in parts],
        "bytes": sum(size for _, size in parts),
        "mistakes_total": reading.mistakes_total,
        "mistakes": [mistake.model_dump(exclude_none=True) for mistake in reading.mistakes],
    }


def _tell(report: dict[str, Any]) -> None:
    if report["would_send"]:
        requests, parts = count(report["requests"], "request"), count(len(report["parts"]), "part")
        tell(f"{report['file']}: would send {requests} in {parts}, {report['bytes']:,} bytes", "")
    if not report["mistakes_total"]:
        return
    consequence = "those lines would be skipped" if report["would_send"] else "nothing would be sent"
    tell(f"{report['file']}: {count(report['mistakes_total'], 'mistake')}, so {consequence}", "")
    for mistake in report["mistakes"]:
        found = Mistake.model_validate(mistake)
        tell(f"{found.place}: {found.problem}")
        tell(found.fix, "    ")
    more = report["mistakes_total"] - len(report["mistakes"])
    if more:
        say(f"  and {more:,} more")
