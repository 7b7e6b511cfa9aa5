"""What lies in a spool, for those who only look. Built from manifests; takes no lock and changes nothing."""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from batchbox.domain.errors import BAD_SETTINGS, Damaged, Stop
from batchbox.domain.job import Manifest
from batchbox.domain.operator_commands import read_command
from batchbox.domain.output_names import show
from batchbox.domain.states import HELD
from batchbox.reports.health import Health, Trouble, WaitingFile
from batchbox.storage.local import inbox
from batchbox.storage.local.command_files import Note, read_commands, read_flags
from batchbox.storage.local.hold import HoldReason, read_reason
from batchbox.storage.local.layout import JOB_NAME, MANIFEST, Layout
from batchbox.storage.local.lock import is_held, name_network, read_marker
from batchbox.storage.local.manifest_files import read_as, read_manifest
from batchbox.storage.local.manifest_summary import ManifestSummary
from batchbox.storage.local.status_file import read_health

PLACES = ("work", "hold", "done")
ID_BEGINNING = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{0,12}")  # less might mean any
UNTOLD = "why was not written down, or is not yours to read"
UNTOLD_FIX = "batchbox show JOB tells its story; batchbox release JOB goes on with it where it was"
NOT_RUNNING = "waits for batchbox to be started"

M = TypeVar("M", Manifest, ManifestSummary)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job that waits for a person. *manifest* and *since* are None where they cannot be read."""

    job: str
    problem: str
    fix: str
    manifest: Manifest | None
    since: str | None = None


@dataclass(frozen=True, slots=True)
class PendingCommand:
    """A command that waits in control/, why it does, and what to do."""

    note: Note
    problem: str
    fix: str


@dataclass(frozen=True, slots=True)
class Survey:
    """A spool at one moment. *health*: what the daemon put down last, nothing if none runs.

    Of the jobs under way, oldest first, *jobs* are told in full, *others* only counted; *others_held* is
    how many are held beyond those in *held*.
    """

    root: Path
    running: bool
    health: Health
    waiting: list[WaitingFile]
    jobs: list[Manifest]
    others: list[ManifestSummary]
    held: list[HeldJob]
    others_held: int
    finished: int
    flags: list[Note]
    remote: str  # the kind of network file system it is seen over; whether a daemon runs cannot be told there
    commands: list[PendingCommand]


def survey(root: Path, in_full: int | None = None) -> Survey:
    """Look at the spool at *root*. Raise `Stop` if there is none.

    *in_full*: how many jobs are told in full, and how many of those held; all of them if None.
    """
    layout = Layout(root)
    read_marker(layout)
    running = is_held(layout)
    remote = name_network(root)
    health = read_health(layout.health) if running or remote else Health()
    names = _job_names(layout.work)
    rest = len(names) if in_full is None else in_full
    jobs, broken = _read_jobs(layout.work, names[:rest], Manifest)
    others, more_broken = _read_jobs(layout.work, names[rest:], ManifestSummary)
    held = _job_names(layout.root / "hold")
    told = held[:in_full]
    return Survey(
        root=root,
        running=running,
        health=health,
        waiting=health.waiting if running or remote else list(_waiting(layout)),
        jobs=jobs,
        others=others,
        held=broken + more_broken + list(_held(layout, told)),
        others_held=len(held) - len(told),
        finished=sum(len(names) for _, names in _archive(layout)),
        flags=_try_list(read_flags, layout),
        remote=remote,
        commands=list(_asked(layout, running, health)),
    )


def _job_names(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if JOB_NAME.fullmatch(name))
    except OSError:
        return []


def _read_jobs(folder: Path, names: list[str], model: type[M]) -> tuple[list[M], list[HeldJob]]:
    jobs: list[M] = []
    broken: list[HeldJob] = []
    for name in names:
        try:
            job = read_as(folder / name, model)
        except Damaged as damage:
            broken.append(HeldJob(name, damage.problem, damage.fix, None))
        except OSError as error:
            broken.append(HeldJob(name, f"its manifest cannot be read: {error.strerror}", "", None))
        else:
            jobs += [job] if job else []
    return jobs, broken


def _held(layout: Layout, names: list[str]) -> Iterator[HeldJob]:
    for name in names:
        folder = layout.held(name)
        reason, job = explain_hold(layout.root, name), _try_read(folder)
        doubts = "; ".join(part.doubt or "" for part in job.parts if part.state in HELD) if job else ""
        yield HeldJob(
            name, reason.problem if reason.since else doubts or UNTOLD, reason.fix, job, reason.since
        )


def explain_hold(root: Path, job: str) -> HoldReason:
    """Return why a job is held and what to do about it, as far as that was written down."""
    reason = read_reason(Layout(root).held(job))
    if not reason.fix:
        reason = replace(reason, problem=reason.problem or UNTOLD, fix=UNTOLD_FIX)
    return replace(reason, fix=re.sub(r"\bJOB\b", job, reason.fix))  # a command to be copied


def _asked(layout: Layout, running: bool, health: Health) -> Iterator[PendingCommand]:
    for note in _try_list(read_commands, layout):
        refused = health.commands.get(show(os.fsencode(note.name)))
        problem, fix = (refused.problem, refused.fix) if refused else ("", "")
        if not read_command(note.name):
            problem, fix = "is no command", f"remove control/{note.name}; batchbox --help tells what there is"
        elif not running and not name_network(layout.root):
            problem, fix = NOT_RUNNING, f"batchbox run --spool {layout.root}"
        yield PendingCommand(note, problem or "is carried out as soon as its file is at rest", fix)


def _try_list(read: Callable[[Layout], list[T]], layout: Layout) -> list[T]:
    try:
        return read(layout)
    except OSError:  # it may not be ours to read
        return []


def _try_read(folder: Path) -> Manifest | None:
    try:
        return read_as(folder, Manifest)
    except (Damaged, OSError):  # it may not be ours to read
        return None


def _archive(layout: Layout) -> Iterator[tuple[Path, list[str]]]:
    done = layout.root / "done"
    try:
        days = sorted(os.listdir(done), reverse=True)
    except OSError:  # it is not there, or not ours to read
        return
    for day in days:
        yield done / day, _job_names(done / day)


def find_folder(root: Path, job: str) -> Path:
    """Return the folder of a finished job. Raise `Stop` if it is no more."""
    for day, names in _archive(Layout(root)):
        if job in names:
            return day / job
    raise Stop(f"{job} is in done/ no more", "drop its errors file with batchbox drop", code=BAD_SETTINGS)


def _waiting(layout: Layout) -> Iterator[WaitingFile]:
    for incoming in _try_list(inbox.scan, layout):
        obstacle = incoming.obstacle
        fix = obstacle.fix if obstacle else f"batchbox run --spool {layout.root}"
        yield WaitingFile(
            file=show(incoming.name),
            queue=incoming.queue,
            bytes=incoming.size,
            problem=obstacle.problem if obstacle else NOT_RUNNING,
            fix=fix,
        )


def is_hidden(root: Path) -> bool:
    """Say whether the jobs under way are not ours to see: producers may ask, but not look."""
    return not os.access(Layout(root).work, os.R_OK | os.X_OK)


def find_failure(root: Path, job: Manifest) -> Trouble | None:
    """Return what *job* waits after, as the running daemon put it down last; None if it is nothing."""
    layout = Layout(root)
    if not is_held(layout) and not name_network(root):
        return None
    health = read_health(layout.health)
    return health.jobs.get(job.job) or health.sending or health.crowded or health.asking


def find_jobs(root: Path, text: str, places: tuple[str, ...] = PLACES) -> list[tuple[str, Manifest]]:
    """Return the jobs in *places* that *text* means, newest first, each with the folder that it is in.

    *text*: a job id or its beginning (the whole time at least), a file's name, or its stem; the latter two
    also as QUEUE/NAME. Raise `Stop` if an id is meant and what it means cannot be read.
    """
    layout = Layout(root)
    read_marker(layout)
    folders = [(place, folder) for place in places for folder in _folders(layout, place)]
    by_id = [(place, path) for place, folder in folders for path in _find_by_id(folder, text)]
    if by_id:
        found = [(place, job) for place, path in by_id if (job := _try_read(path))]
        if not found:
            _explain(by_id[0][1])
    else:
        names = dict.fromkeys((text, text.partition("/")[2] or text))
        by_name = [
            (place, path)
            for place, folder in folders
            for name in names
            for path in _find_by_name(folder, name)
        ]
        read = [(place, job) for place, path in by_name if (job := _try_read(path))]
        found = [(place, job) for place, job in read if _is_called(job, text)]
    return sorted(found, key=lambda match: match[1].job, reverse=True)


def _is_called(job: Manifest, text: str) -> bool:
    names = (job.source.name, job.stem)
    return text in names or text in (f"{job.source.queue}/{name}" for name in names)


def list_jobs(root: Path, places: tuple[str, ...], many: int) -> list[Manifest]:
    """Return jobs in *places*, the newest of each first, *many* at most; those that can be read."""
    folders = [folder for place in places for folder in _folders(Layout(root), place)]
    paths = (folder / name for folder in folders for name in reversed(_job_names(folder)))
    return [job for path in islice(paths, many) if (job := _try_read(path))]


def _folders(layout: Layout, place: str) -> list[Path]:
    return [day for day, _ in _archive(layout)] if place == "done" else [layout.root / place]


def _find_by_id(folder: Path, text: str) -> list[Path]:
    if not ID_BEGINNING.fullmatch(text):
        return []
    return [folder / name for name in _job_names(folder) if name.startswith(text)]


def _find_by_name(folder: Path, text: str) -> Iterator[Path]:
    """Yield the jobs whose manifest holds *text* somewhere: few of thousands, so few are read in full."""
    written = json.dumps(text, ensure_ascii=False).encode(errors="surrogateescape")
    for name in _job_names(folder):
        with suppress(OSError), open(f"{folder}/{name}/{MANIFEST}", "rb") as file:
            if written in file.read():
                yield folder / name


def _explain(folder: Path) -> None:
    """Raise `Stop` with the reason why the manifest in *folder* cannot be believed."""
    try:
        read_manifest(folder)
    except Damaged as damage:
        raise Stop(damage.problem, damage.fix, code=BAD_SETTINGS) from None
