"""A daemon with nothing to do: what it takes all the same."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from batchbox_sandbox.remote import Sandbox
from tests.bench.daemon import Daemon, now, pause
from tests.bench.figures import Figure, Findings, Scale
from tests.bench.standin import one_line, standin

NAME = "idle"
SETTLED = 3.0
DEADLINE = 60.0
MB = 1_000_000
CPU_GOAL = 0.1  # percent of a core
MEMORY_GOAL = 90.0
STOP_GOAL = 0.5  # seconds
WAKEUPS_GOAL = 1.5  # once a second; a wait for the disk, as to tell of its health, counts as well


@dataclass(frozen=True, slots=True)
class Rest:
    """What a daemon at rest takes.

    Percent of a core, MB, how often a second each thread wakes, and the seconds that it takes to stop.
    """

    cpu: float
    memory: float
    switches: float
    wakeups: Mapping[int, float]
    stop: float


def measure(scale: Scale) -> Findings:
    """Watch it with an empty spool, and with thousands of finished jobs in done/."""
    seconds, finished = (15.0, 1_000) if scale.quick else (60.0, 10_000)
    empty = scale.folder / "empty"
    full = scale.folder / "full"
    with standin(0) as box:
        bare = _watch(empty, box, seconds)
        _finish_one(full, box)
        _multiply(full, finished)
        laden = _watch(full, box, seconds)
    for root in (empty, full):
        shutil.rmtree(root)
    return Findings(
        title="an empty inbox",
        figures=[
            *_tell("", bare),
            *_tell(f"{finished:,} in done/: ", laden),
        ],
        notes=[
            "Wake-ups are the times a thread went to sleep by itself, or for the disk: "
            + "; ".join(f"{_list(rest.wakeups)} a second by thread" for rest in (bare, laden)),
        ],
    )


def _list(wakeups: Mapping[int, float]) -> str:
    return ", ".join(f"{often:.2f}" for often in wakeups.values())


def _tell(what: str, rest: Rest) -> list[Figure]:
    often = sum(rest.wakeups.values())
    return [
        Figure(f"{what}share of a core", rest.cpu, "%", f"< {CPU_GOAL} %", rest.cpu < CPU_GOAL),
        Figure(f"{what}memory", rest.memory, "MB", f"< {MEMORY_GOAL:.0f} MB", rest.memory < MEMORY_GOAL),
        Figure(f"{what}wake-ups a second", often, "1/s", f"< {WAKEUPS_GOAL}", often < WAKEUPS_GOAL),
        Figure(f"{what}context switches a second", rest.switches, "1/s"),
        Figure(f"{what}SIGTERM, ended after", rest.stop, "s", f"< {STOP_GOAL} s", rest.stop < STOP_GOAL),
    ]


def _watch(root: Path, box: Sandbox, seconds: float) -> Rest:
    with Daemon(root, box.url) as daemon:
        pause(SETTLED)
        began, cpu, before = now(), daemon.cpu(), daemon.switches()
        pause(seconds)
        after, taken, lasted = daemon.switches(), daemon.cpu() - cpu, now() - began
        none = (0, 0)
        switches = sum(sum(found) - sum(before.get(task, none)) for task, found in after.items())
        wakeups = {task: (found[0] - before.get(task, none)[0]) / lasted for task, found in after.items()}
        memory = daemon.resident() / MB
        return Rest(taken / lasted * 100, memory, switches / lasted, wakeups, daemon.stop())


def _finish_one(root: Path, box: Sandbox) -> None:
    with Daemon(root, box.url, poll_seconds="0.2") as daemon:
        daemon.drop("first.jsonl", one_line())
        daemon.wait("job.published", DEADLINE)


def _multiply(root: Path, times: int) -> None:
    """Copy the one finished job, so that there are *times* of them."""
    (job,) = root.glob("done/*/*")
    lead = job.name.partition("-")[0]
    for number in range(1, times):
        shutil.copytree(job, job.with_name(f"{lead}-{number:012x}"))
