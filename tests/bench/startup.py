"""`batchbox status`, and a restart, with many jobs under way, held and done."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from batchbox.storage.local.layout import BEGUN
from batchbox_sandbox.remote import Sandbox
from tests.bench.daemon import DEADLINE, PROGRAM, ROOT, Daemon, clean_environment, now
from tests.bench.figures import Curve, Figure, Findings, Scale
from tests.bench.standin import FOREVER, one_line, standin

NAME = "startup"
LOOK_DEADLINE = 300.0
BARE = (sys.executable, "-m", "tests.bench.bare")
PYTHON = (sys.executable, "-c", "pass")
DEATHS = b"..."  # as many as let the daemon put a job aside
MORE_GOAL = 0.1
RESTART_GOAL = 3.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What a command took."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Starts:
    """What `status`, an empty typer program, an empty Python and a restart took, round by round."""

    status: list[Taken]
    bare: list[Taken]
    python: list[Taken]
    restart: list[float]


def measure(scale: Scale) -> Findings:
    """Let jobs add up to a thousand under way, then add held and finished ones."""
    sizes = (10, 100, 300) if scale.quick else (10, 100, 1000)
    held, finished = (200, 1_000) if scale.quick else (1_000, 10_000)
    root = scale.folder / "startup"
    with standin(FOREVER) as box:
        found = {}
        for before, size in zip((0, *sizes), sizes, strict=False):
            _submit(root, box, range(before, size))
            found[size] = _time_starts(root, box, size, scale.rounds)
        _hold_one(root, box, sizes[-1])
        _multiply(next(root.glob("hold/*")), root / "hold", held)
        _multiply(next(root.glob("hold/*")), root / "done" / "2026-01-01", finished)
        crowded = _time_starts(root, box, sizes[-1], scale.rounds)
    shutil.rmtree(root)
    largest = found[sizes[-1]]
    return Findings(
        title=f"{sizes[-1]:,} jobs under way",
        figures=[
            *_tell_status("", largest),
            _tell_restart("", largest),
            *_tell_status("crowded: ", crowded)[:2],
            _tell_restart("crowded: ", crowded),
        ],
        curves=[
            _draw("Restart until every job was looked at", found, lambda starts: starts.restart),
            _draw("batchbox status", found, lambda starts: [taken.wall for taken in starts.status]),
        ],
        notes=[
            f"Crowded: {held:,} held and {finished:,} finished jobs besides.",
            "A restart ends when the daemon has told of its first poll, which asks for every running batch.",
        ],
    )


def _draw(title: str, found: dict[int, Starts], choose: Callable[[Starts], list[float]]) -> Curve:
    points = [(float(size), median(choose(starts))) for size, starts in found.items()]
    return Curve(title, "jobs under way", "s", {"batchbox": points})


def _tell_status(among: str, starts: Starts) -> list[Figure]:
    rounds = list(zip(starts.status, starts.bare, strict=True))
    wall = [(status.wall - bare.wall) * 1000 for status, bare in rounds]
    cpu = [(status.cpu - bare.cpu) * 1000 for status, bare in rounds]
    goal = MORE_GOAL * 1000
    return [
        _median(f"{among}status beyond empty typer: time", wall, "ms", goal),
        _median(f"{among}status beyond empty typer: CPU", cpu, "ms", goal),
        _median("status: CPU", [taken.cpu * 1000 for taken in starts.status], "ms"),
        _median("empty typer program: CPU", [taken.cpu * 1000 for taken in starts.bare], "ms"),
        _median("empty Python: CPU", [taken.cpu * 1000 for taken in starts.python], "ms"),
    ]


def _tell_restart(among: str, starts: Starts) -> Figure:
    return _median(f"{among}restart: all looked at", starts.restart, "s", RESTART_GOAL)


def _median(what: str, values: Sequence[float], unit: str, goal: float | None = None) -> Figure:
    value, spread = median(values), (min(values), max(values))
    if goal is None:
        return Figure(what, value, unit, spread=spread)
    return Figure(what, value, unit, f"<= {goal:g} {unit}", value <= goal, spread)


def _submit(root: Path, box: Sandbox, numbers: range) -> None:
    with Daemon(root, box.url, max_jobs="10000") as daemon:
        for number in numbers:
            daemon.drop(f"{number}.jsonl", one_line(str(number)))
        until = now() + LOOK_DEADLINE
        for _ in numbers:
            daemon.wait("part.submitted", until - now())


def _hold_one(root: Path, box: Sandbox, running: int) -> None:
    """Let the daemon hold a job of which it believes that it has died of it again and again."""
    _submit(root, box, range(running, running + 1))
    newest = max(root.glob("work/*-*"), key=lambda job: (job / "request.jsonl").stat().st_mtime_ns)
    (newest / BEGUN).write_bytes(DEATHS)
    with Daemon(root, box.url, max_jobs="10000") as daemon:
        daemon.wait("job.held", DEADLINE)


def _multiply(job: Path, folder: Path, times: int) -> None:
    """Copy *job* into *folder* under other ids, until *times* jobs are there."""
    folder.mkdir(parents=True, exist_ok=True)
    lead = job.name.partition("-")[0]
    for number in range(times - len(list(folder.iterdir()))):
        shutil.copytree(job, folder / f"{lead}-{number:012x}")


def _time_starts(root: Path, box: Sandbox, running: int, rounds: int) -> Starts:
    status = (*PROGRAM, "status", "--spool", str(root))
    starts = Starts([], [], [], [])
    for command in (status, BARE, PYTHON):
        _run(command)  # whatever is compiled and read for the first time
    for _ in range(rounds):
        starts.status.append(_run(status))
        starts.bare.append(_run(BARE))
        starts.python.append(_run(PYTHON))
        with Daemon(root, box.url, max_jobs="10000") as daemon:
            looked = daemon.wait("batches.polled", LOOK_DEADLINE, running=running)
            starts.restart.append(looked["at"] - daemon.began)
    return starts


def _run(command: Sequence[str]) -> Taken:
    began = now()
    started = subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stdout=subprocess.DEVNULL)
    _, code, used = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(code)
    assert started.returncode == 0, command
    return Taken(now() - began, used.ru_utime + used.ru_stime)
