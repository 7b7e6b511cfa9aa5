"""What the measurements of transfers share: rounds, a sink, a run of the real daemon, a comparison."""

import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from tests.bench.daemon import Daemon
from tests.bench.data import write_requests, write_rows
from tests.bench.figures import Row
from tests.bench.memory import touch_memory
from tests.bench.region import MB, ROOT, Cost

SUBJECTS = ("cookbook", "batchbox", "floor")
DEADLINE = 600.0
SENT = "msgbatch_*"
DROPPED = "requests.jsonl"
WARM = "warm.jsonl"

Subject = Callable[[], Cost]


@dataclass(frozen=True, slots=True)
class Sink:
    """A running sink, and the folder that it keeps bodies and rows in."""

    url: str
    folder: Path

    def tell(self, command: str) -> None:
        """Give it an order: `keep` bodies from now on or `discard` them, or `end` all batches."""
        order = urllib.request.Request(f"{self.url}/bench/{command}", method="POST")  # noqa: S310  our own sink
        with urllib.request.urlopen(order) as answer:  # noqa: S310
            answer.read()

    def answer(self) -> int:
        """Write the rows of every body that was kept; return their bytes."""
        for body in self.folder.glob(f"{SENT}.body"):
            write_rows(body, body.with_suffix(".rows"))
        return sum(rows.stat().st_size for rows in self.folder.glob(f"{SENT}.rows"))

    def forget(self) -> None:
        """Remove the bodies and rows of what was sent."""
        for path in self.folder.glob(f"{SENT}.*"):
            path.unlink()


@contextmanager
def running_sink(folder: Path) -> Iterator[Sink]:
    """Run a sink on a new *folder*, which is removed with all that it kept."""
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.bench.sink", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield Sink(server.stdout.readline().strip() if server.stdout else "", folder)
        finally:
            server.kill()
    shutil.rmtree(folder)


@dataclass(frozen=True, slots=True)
class Box:
    """A spool with the real daemon at work on it."""

    root: Path
    daemon: Daemon
    sink: Sink

    def submit(self, path: Path) -> Cost:
        """Drop a copy of *path*; return what it cost until each of its parts was accepted."""
        temp = self.root / "inbox" / f".{DROPPED}.tmp"
        shutil.copyfile(path, temp)
        temp.chmod(0o644)
        with self._measured() as costs:
            temp.rename(temp.with_name(DROPPED))
            parts = self.daemon.wait("job.checked", DEADLINE)["parts"]
            for _ in range(parts):
                self.daemon.wait("part.submitted", DEADLINE)
        return costs[0]

    def collect(self) -> Cost:
        """Let all batches end; return what it cost until the answers were out."""
        with self._measured() as costs:
            self.sink.tell("end")
            self.daemon.wait("job.published", DEADLINE, status="succeeded")
        return costs[0]

    @contextmanager
    def _measured(self) -> Iterator[list[Cost]]:
        costs: list[Cost] = []
        touch_memory()
        os.sync()  # else it waits for what was written before
        self.daemon.reset_peak()
        wall, cpu = perf_counter(), self.daemon.cpu()
        yield costs
        costs.append(Cost(self.daemon.cpu() - cpu, perf_counter() - wall, self.daemon.peak() / MB))


@contextmanager
def running_box(folder: Path, sink: Sink, keeps: bool = False) -> Iterator[Box]:
    """Run the daemon on a new spool, which is removed; a file of one request goes first, as for the others.

    *keeps*: the sink is to keep what is sent.
    """
    root = folder / "spool"
    with Daemon(root, sink.url, poll_seconds="0.2") as daemon:
        box = Box(root, daemon, sink)
        sink.tell("keep")
        box.submit(folder / WARM)
        sink.answer()
        box.collect()
        sink.forget()
        if not keeps:
            sink.tell("discard")
        yield box
    shutil.rmtree(root)


def lay_warm_up(folder: Path, sink: Sink) -> None:
    """Put a single request beside the data, and its answer into the sink."""
    warm = folder / WARM
    write_requests(warm, 1)
    write_rows(warm, sink.folder / "warm.rows")


def take_rounds(rounds: int, subjects: Mapping[str, Subject]) -> dict[str, list[Cost]]:
    """Run every subject once a round, in reversed order every other round."""
    costs: dict[str, list[Cost]] = {name: [] for name in subjects}
    for number in range(rounds):
        for name in list(subjects)[:: -1 if number % 2 else 1]:
            os.sync()
            costs[name].append(subjects[name]())
    return costs


@dataclass(frozen=True, slots=True)
class Goals:
    """How much less CPU batchbox is to use, and how much memory at most, in MB."""

    ratio: float
    peak: float


def compare(costs: Mapping[str, Sequence[Cost]], size: int, goals: Goals) -> list[Row]:
    """Return a comparison as lines of the table."""
    ratios = _ratios(costs["cookbook"], costs["batchbox"])
    floors = _ratios(costs["batchbox"], costs["floor"])
    peak = max(cost.peak for cost in costs["batchbox"])
    return [
        Row(
            "CPU",
            "s",
            _medians(costs, lambda cost: cost.cpu),
            median(ratios),
            (min(ratios), max(ratios)),
            f">= {goals.ratio:g}",
            median(ratios) >= goals.ratio,
        ),
        Row("batchbox over floor", "", {}, median(floors), (min(floors), max(floors))),
        Row(
            "peak memory",
            "MB",
            {name: max(cost.peak for cost in of) for name, of in costs.items()},
            goal=f"< {goals.peak:g}",
            met=peak < goals.peak,
        ),
        Row("wall", "s", _medians(costs, lambda cost: cost.wall)),
        Row("speed", "MB/s", _medians(costs, lambda cost: size / MB / cost.wall)),
    ]


def _ratios(more: Sequence[Cost], less: Sequence[Cost]) -> list[float]:
    return [one.cpu / other.cpu for one, other in zip(more, less, strict=True)]


def _medians(costs: Mapping[str, Sequence[Cost]], read: Callable[[Cost], float]) -> dict[str, float]:
    return {name: median(read(cost) for cost in of) for name, of in costs.items()}
