"""What lies in a spool, for those who only look. Built from manifests; takes no lock and changes nothing."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchbox.core.errors import Damaged
from batchbox.core.manifest import Manifest
from batchbox.core.names import show
from batchbox.core.states import HELD
from batchbox.spool import inbox
from batchbox.spool.layout import HOLD_REASON, JOB_NAME, Layout
from batchbox.spool.manifests import read_manifest
from batchbox.spool.marker import is_held, read_marker

SURE = len("20260102T030405Z-")  # of a job's id; less might mean any
NOT_RUNNING = "waits for batchbox to be started"


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job that waits for a person. *manifest* is None where it cannot be read."""

    job: str
    problem: str
    fix: str
    manifest: Manifest | None


@dataclass(frozen=True, slots=True)
class Survey:
    """A spool at one moment. *health*: what the daemon put down last, empty if nothing."""

    root: Path
    running: bool
    health: dict[str, Any]
    waiting: list[dict[str, Any]]
    jobs: list[Manifest]
    held: list[HeldJob]
    finished: int


def survey(root: Path) -> Survey:
    """Look at the spool at *root*. Raise `Stop` if there is none."""
    layout = Layout(root)
    read_marker(layout)
    running = is_held(layout)
    health = _read_json(layout.health)
    jobs, broken = _read_jobs(layout)
    return Survey(
        root=root,
        running=running,
        health=health,
        waiting=list(health.get("waiting", [])) if running else list(_waiting(layout)),
        jobs=jobs,
        held=broken + list(_held(layout)),
        finished=sum(len(names) for _, names in _archive(layout)),
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _job_names(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if JOB_NAME.fullmatch(name))
    except OSError:
        return []


def _read_jobs(layout: Layout) -> tuple[list[Manifest], list[HeldJob]]:
    jobs: list[Manifest] = []
    broken: list[HeldJob] = []
    for name in _job_names(layout.work):
        try:
            stored = read_manifest(layout.job(name))
        except Damaged as damage:
            broken.append(HeldJob(name, damage.problem, damage.fix, None))
        else:
            jobs += [stored.manifest] if stored else []
    return jobs, broken


def _held(layout: Layout) -> Iterator[HeldJob]:
    for name in _job_names(layout.root / "hold"):
        folder = layout.held(name)
        problem, fix = read_reason(layout.root, name)
        job = _try_read(folder)
        doubts = "; ".join(part.doubt or "" for part in job.parts if part.state in HELD) if job else ""
        yield HeldJob(name, problem or doubts, fix, job)


def read_reason(root: Path, job: str) -> tuple[str, str]:
    """Return why a job is held and what to do about it, as far as that was written down."""
    found = _read_json(Layout(root).held(job) / HOLD_REASON)
    return str(found.get("problem", "")), str(found.get("fix", ""))


def _try_read(folder: Path) -> Manifest | None:
    try:
        stored = read_manifest(folder)
    except (Damaged, OSError):  # it may not be ours to read
        return None
    return stored.manifest if stored else None


def _archive(layout: Layout) -> Iterator[tuple[Path, list[str]]]:
    done = layout.root / "done"
    for day in sorted(os.listdir(done), reverse=True) if done.exists() else []:
        yield done / day, _job_names(done / day)


def _waiting(layout: Layout) -> Iterator[dict[str, Any]]:
    for incoming in inbox.scan(layout):
        obstacle = incoming.obstacle
        facts = {"file": show(incoming.name), "queue": incoming.queue, "bytes": incoming.size}
        fix = obstacle.fix if obstacle else f"batchbox run --spool {layout.root}"
        yield facts | {"problem": obstacle.problem if obstacle else NOT_RUNNING, "fix": fix}


def find_jobs(root: Path, text: str) -> list[tuple[str, Manifest]]:
    """Return the jobs that *text* means, newest first, each with the folder that it is in.

    *text*: a job id or its beginning (the whole time at least), a file's name, or its stem.
    """
    layout = Layout(root)
    read_marker(layout)
    places = [("work", layout.work), ("hold", root / "hold")]
    places += [("done", day) for day, _ in _archive(layout)]
    found = [
        (place, manifest)
        for place, folder in places
        for name in _job_names(folder)
        if (manifest := _try_read(folder / name))
    ]
    matches = [(place, job) for place, job in found if _means(text, job)]
    return sorted(matches, key=lambda match: match[1].job, reverse=True)


def _means(text: str, job: Manifest) -> bool:
    is_beginning = len(text) >= SURE and job.job.startswith(text)
    return is_beginning or text in (job.source.name, job.stem)
