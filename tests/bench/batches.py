"""Many batches running at once: what it costs to ask for them all."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from batchbox_sandbox.remote import Sandbox
from tests.bench.daemon import Daemon, now, pause
from tests.bench.figures import Curve, Figure, Findings, Scale
from tests.bench.standin import FOREVER, one_line, standin

NAME = "batches"
INTERVAL = 5.0  # seconds between two polls: the shortest that batchbox chooses by itself
SUBMIT_DEADLINE = 600.0
STRANGERS = 1000
CPU_GOAL = 0.2


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll takes: calls of the API, and CPU seconds of the daemon from one poll to the next."""

    calls: float
    cpu: float


def measure(scale: Scale) -> Findings:
    """Let up to a thousand batches run, ours alone and then with as many newer ones of strangers."""
    sizes = (30, 100, 300) if scale.quick else (100, 300, 1000)
    found = {size: _watch(scale.folder / "running", size, polls=3 if scale.quick else 6) for size in sizes}
    alone, among = found[sizes[-1]]
    behind = f"behind {STRANGERS:,} strangers"
    lines = {
        "ours alone": [(float(size), poll.cpu * 1000) for size, (poll, _) in found.items()],
        behind: [(float(size), poll.cpu * 1000) for size, (_, poll) in found.items()],
    }
    return Findings(
        title=f"{sizes[-1]:,} batches running",
        figures=[
            Figure("calls a poll", alone.calls, "calls", "1", alone.calls <= 1),
            Figure("CPU a poll", alone.cpu * 1000, "ms", "< 200 ms", alone.cpu < CPU_GOAL),
            Figure(f"{behind}: calls a poll", among.calls, "calls"),
            Figure(f"{behind}: CPU a poll", among.cpu * 1000, "ms"),
        ],
        curves=[Curve("Cost of a poll", "batches running", "CPU ms a poll", lines)],
        notes=[f"The CPU of a poll is that of the whole daemon for the {INTERVAL:.0f} s until the next one."],
    )


def _watch(root: Path, running: int, polls: int) -> tuple[Poll, Poll]:
    """Return what a poll takes with *running* batches of ours, and then among strangers."""
    settings = {"poll_seconds": str(INTERVAL), "max_jobs": str(2 * running)}
    with standin(FOREVER) as box, Daemon(root, box.url, **settings) as daemon:
        for number in range(running):
            daemon.drop(f"{number}.jsonl", one_line(str(number)))
        until = now() + SUBMIT_DEADLINE
        for _ in range(running):
            daemon.wait("part.submitted", until - now())
        alone = _watch_polls(daemon, box, polls)
        box.strangers(STRANGERS, 1)
        among = _watch_polls(daemon, box, polls)
    shutil.rmtree(root)
    return alone, among


def _watch_polls(daemon: Daemon, box: Sandbox, polls: int) -> Poll:
    pause(2 * INTERVAL)  # what the submissions or the strangers stirred up has settled
    calls, cpu, began = len(box.calls()), daemon.cpu(), now()
    pause(polls * INTERVAL)
    share = INTERVAL / (now() - began)
    return Poll((len(box.calls()) - calls) / polls, (daemon.cpu() - cpu) * share)
