"""`check`: what would be sent, or every mistake. Needs no key, no spool and no network."""

import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from batchbox.cli.configuration import ConfigOption, read_settings
from batchbox.cli.costs import begin_estimate, describe_estimate, price_requests, read_estimate
from batchbox.cli.options import JsonOption, SpoolOption
from batchbox.cli.text_layout import print_json, print_line, print_wrapped
from batchbox.cost.amounts import write_estimate
from batchbox.cost.estimates import Estimator
from batchbox.domain.errors import BAD_SETTINGS, NO_SPOOL, NOT_ALL_WELL, InvalidFile, Stop, TryLater
from batchbox.domain.file_types import FORMS, HIDDEN, form_of
from batchbox.domain.output_names import show
from batchbox.domain.records import Problem
from batchbox.engine.steps.conversion import Lines, write_lines
from batchbox.engine.steps.ingest import measure
from batchbox.reports.check_result import count
from batchbox.settings.model import Settings
from batchbox.storage.local.local_files import LocalFiles, find_allowed_folders_beside


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files to check.")],
    queue: Annotated[str, typer.Option(help="Check as if dropped into this queue.")] = "default",
    spool: SpoolOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what would be submitted, its maximum cost, or mistakes."""
    settings = read_settings(spool, config)
    reports = [_examine(path, queue, settings, spool) for path in files]
    if as_json:
        print_json(reports)
    else:
        for report in reports:
            _tell(report)
    if any(report["mistakes_total"] for report in reports):
        raise typer.Exit(NOT_ALL_WELL)


def _examine(path: Path, queue: str, settings: Settings, spool: Path | None) -> dict[str, Any]:
    name = show(os.fsencode(path))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Stop(f"{name} cannot be read: {error.strerror}", "name a file", code=BAD_SETTINGS) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Stop(f"{name} is not a file", "name a file", code=BAD_SETTINGS)
    with open(descriptor, "rb", buffering=1 << 18) as file:
        try:
            return {"file": name} | _read(file, path, queue, settings, spool)
        except InvalidFile as unfit:
            return {"file": name} | _refuse(Problem(line=unfit.line, problem=unfit.problem, fix=unfit.fix))
        except TryLater as error:
            raise Stop(f"{name} cannot be checked here: {error.problem}", error.fix, code=NO_SPOOL) from None


def _read(file: BinaryIO, path: Path, queue: str, settings: Settings, spool: Path | None) -> dict[str, Any]:
    rules = settings.for_queue(queue)
    most = settings.part_requests(rules.priority_of(os.fsencode(path.name)))
    sizes, reckoning = (most, settings.max_part_bytes), begin_estimate()
    folder = rules.files and (spool or Path()) / rules.files
    places = find_allowed_folders_beside(path, queue, folder, settings.queue.keys() - {queue})
    fetch = LocalFiles(places, sees_writers=False).read
    with tempfile.TemporaryFile() as temp:
        lines = _convert(file, temp, os.fsencode(path.name), queue, settings)
        reading, parts = measure(lines, rules, *sizes, fetch=fetch, reckoning=reckoning)
    found = reading.conclude()
    would_send = bool(parts) and (rules.skips_bad_lines or not reading.mistakes_total)
    money = _reckon(reckoning, queue, settings, found.requests) if would_send else {}
    return {
        "would_send": would_send,
        "lines": found.lines,
        "requests": found.requests,
        "parts": [{"requests": requests, "bytes": size} for requests, size in parts],
        "bytes": sum(size for _, size in parts),
        "mistakes_total": reading.mistakes_total,
        "mistakes": [mistake.model_dump(exclude_none=True) for mistake in reading.mistakes],
        **money,
    }


def _convert(file: BinaryIO, temp: BinaryIO, name: bytes, queue: str, settings: Settings) -> BinaryIO:
    """Return *file* as lines of JSON: itself, or what is made of it in *temp*."""
    form = form_of(name.lstrip(b"".join(HIDDEN))) or FORMS[0]
    if form.is_plain:
        return file
    rules, folder = settings.for_queue(queue), tempfile.gettempdir()

    def has_room(_: int) -> bool:
        return shutil.disk_usage(folder).free >= settings.reserve_bytes

    write_lines(file, Lines(temp, rules.max_unpacked_bytes, has_room), form, name, queue, rules)
    temp.seek(0)
    return temp


def _refuse(mistake: Problem) -> dict[str, Any]:
    counts: dict[str, Any] = {"would_send": False, "lines": None, "requests": 0, "parts": [], "bytes": 0}
    return counts | {"mistakes_total": 1, "mistakes": [mistake.model_dump(exclude_none=True)]}


def _reckon(reckoning: Estimator, queue: str, settings: Settings, requests: int) -> dict[str, Any]:
    """Return what it may cost, and what it would be held for on a day on which nothing else is sent."""
    estimate = price_requests(reckoning)
    excess = settings.purse().weigh(queue, estimate, requests)
    return {"estimate": describe_estimate(estimate), "would_be_held": list(map(str, excess))}


def _tell(report: dict[str, Any]) -> None:
    if report["would_send"]:
        requests, parts = count(report["requests"], "request"), count(len(report["parts"]), "part")
        print_wrapped(f"{report['file']}: would send {requests} in {parts}, {report['bytes']:,} bytes", "")
        for line in write_estimate(read_estimate(report["estimate"])):
            print_wrapped(line)
        for reason in report["would_be_held"]:
            print_wrapped(f"it would be held until somebody releases it: {reason}")
    if not report["mistakes_total"]:
        return
    consequence = "those lines would be skipped" if report["would_send"] else "nothing would be sent"
    print_wrapped(f"{report['file']}: {count(report['mistakes_total'], 'mistake')}, so {consequence}", "")
    for mistake in report["mistakes"]:
        found = Problem.model_validate(mistake)
        print_wrapped(f"{found.place}: {found.problem}")
        print_wrapped(found.fix, "    ")
    more = report["mistakes_total"] - len(report["mistakes"])
    if more:
        print_line(f"  and {more:,} more")
