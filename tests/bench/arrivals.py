"""Many small files at once: what each costs, and how the cost of a scan grows with the inbox."""

import json
import shutil
from dataclasses import dataclass
from itertools import count
from math import log
from pathlib import Path
from statistics import linear_regression
from threading import Event, Thread
from typing import Self

from batchbox_sandbox.remote import Sandbox
from tests.bench.daemon import Daemon, now, pause
from tests.bench.figures import Curve, Figure, Findings, Scale
from tests.bench.pickup import PICKUP_NOTE, measure_pickup
from tests.bench.standin import one_line, standin

NAME = "arrivals"
LONGEST = 1200.0  # seconds, after which a run is given up and told as it is
FLAT = 1.25
STEPS = frozenset({"job.taken", "job.checked", "part.submitted", "part.collected", "job.published"})
PROBE_PAUSE = 0.5
ANSWER_DEADLINE = 60.0
SETTLED = 3.0
ANSWER_NOTE = (
    "An order in control/ is looked at with the inbox, which is due every second: what its answer takes "
    "beyond that second is the time for which the loop was busy."
)
EARLY, LATE = (0.15, 0.35), (0.65, 0.85)  # of the files: neither the first nor the last are at hand
SHARE_NOTE = "Early and late: while the files from 15 to 35 and from 65 to 85 in a hundred were published."
MAX_JOBS = 1000  # as it is if nobody sets it


@dataclass(frozen=True, slots=True)
class Rush:
    """What became of *files* files that came at once."""

    files: int
    finished: int
    wrong: int  # files without exactly one receipt, and batches too many or too few
    seconds: float
    cpu: float
    growth: float  # CPU of some late files over that of as many early ones
    answers: list[float]  # seconds to each order in control/


def measure(scale: Scale) -> Findings:
    """Drop files by the thousand, let some lie, and drop some one by one."""
    sizes = (500, 2_000) if scale.quick else (1_000, 4_000, 20_000)
    rushes = [_rush(scale.folder / "rush", size) for size in sizes]
    lying = (0, 500, 2_000) if scale.quick else (0, 1_000, 5_000, 20_000)
    scans = [(float(size), _scan_cost(scale.folder / "lying", size, scale.quick)) for size in lying]
    per_job = [(float(rush.files), rush.cpu / rush.finished * 1000) for rush in rushes]
    seconds = [(float(rush.files), rush.seconds) for rush in rushes]
    looks = [(size, cost * 1000) for size, cost in scans if size]
    return Findings(
        title=f"{sizes[-1]:,} small files at once",
        figures=[*_tell_rush(rushes[-1]), *_tell_scans(scans), *measure_pickup(scale)],
        curves=[
            _draw("Cost of a file among many", "files dropped at once", "CPU ms a file", per_job),
            _draw("Time until all is published", "files dropped at once", "s", seconds),
            _draw("Cost of a look at the inbox", "files that lie there", "CPU ms a second", looks),
        ],
        notes=[
            ANSWER_NOTE,
            SHARE_NOTE,
            PICKUP_NOTE,
            *(_lament(rush) for rush in rushes if rush.finished < rush.files),
        ],
    )


def _draw(title: str, x: str, y: str, points: list[tuple[float, float]]) -> Curve:
    return Curve(title, x, y, {"daemon": points}, log=True)


def _lament(rush: Rush) -> str:
    return f"Of {rush.files:,} files only {rush.finished:,} were done after {rush.seconds:.0f} s: given up."


def _tell_rush(rush: Rush) -> list[Figure]:
    worst = max(rush.answers)
    return [
        Figure("missed, taken or sent twice", rush.wrong, "files", "0", rush.wrong == 0),
        Figure("CPU for each file", rush.cpu / rush.finished * 1000, "ms"),
        Figure("CPU, late files over early ones", rush.growth, "x", f"<= {FLAT}", rush.growth <= FLAT),
        Figure("done a second", rush.finished / rush.seconds, "files"),
        Figure("slowest answer to an order meanwhile", worst, "s", "< 2 s", worst < 2),
    ]


def _tell_scans(scans: list[tuple[float, float]]) -> list[Figure]:
    size, cost = scans[-1]
    exponent = _fit([(many, took - scans[0][1]) for many, took in scans[1:]])
    return [
        Figure(f"CPU a second, {size:,.0f} files in PAUSE", cost * 1000, "ms"),
        Figure("growth of that with the files: exponent", exponent, "", "<= 1.1", exponent <= 1.1),
    ]


def _fit(points: list[tuple[float, float]]) -> float:
    """Return the slope of the line through *points* when both axes are logarithmic."""
    points = [(x, y) for x, y in points if y > 0]
    return linear_regression([log(x) for x, _ in points], [log(y) for _, y in points]).slope


def _rush(root: Path, files: int) -> Rush:
    crowd = str(min(MAX_JOBS, files // 10))
    with standin(0) as box, Daemon(root, box.url, max_jobs=crowd) as daemon:
        names = [f"rush-{number:05}" for number in range(files)]
        for number, name in enumerate(names):
            hidden = root / "inbox" / f".{name}"
            hidden.write_bytes(one_line(name) * (1 + number % 2))
        with Prober(daemon) as prober:
            began, before = now(), daemon.cpu()
            for name in names:
                (root / "inbox" / f".{name}").rename(root / "inbox" / f"{name}.jsonl")
            finished = _count_published(daemon, files)
        steps = [line for line in daemon.events if line["event"] in STEPS]
        early, late = (_spend(daemon, files, *share) for share in (EARLY, LATE))
        wrong = _count_wrong(root, box, names) if finished == files else files - finished
        seconds, cpu = steps[-1]["at"] - began, daemon.cpu() - before
    shutil.rmtree(root)
    return Rush(files, max(finished, 1), wrong, seconds, cpu, late / early, prober.answers)


def _spend(daemon: Daemon, files: int, begin: float, end: float) -> float:
    """Return the CPU that passed while that share of the files was published."""
    ends = [line for line in daemon.events if line["event"] == "job.published"]
    marks = [ends[min(int(files * share), len(ends) - 1)]["cpu"] for share in (begin, end)]
    return float(marks[1] - marks[0])


def _count_published(daemon: Daemon, files: int) -> int:
    until = now() + LONGEST
    for number in range(files):
        try:
            daemon.wait("job.published", until - now())
        except TimeoutError:
            return number
    return files


def _count_wrong(root: Path, box: Sandbox, names: list[str]) -> int:
    """Count the files that did not end in exactly one receipt of exactly one batch."""
    receipts = {path.name.removesuffix(".receipt.json"): path for path in root.glob("outbox/*.receipt.json")}
    sent = [json.loads(path.read_bytes())["batches"] for path in receipts.values()]
    ids = {batch for batches in sent for batch in batches}
    strays = len(receipts.keys() ^ set(names)) + sum(1 for batches in sent if len(batches) != 1)
    return strays + abs(len(box.batches()) - len(names)) + abs(len(ids) - len(names))


class Prober:
    """Leaves an order in control/ again and again, and times until the daemon says it is none."""

    def __init__(self, daemon: Daemon) -> None:
        self.answers: list[float] = []
        self._daemon = daemon
        self._is_over = Event()
        self._thread = Thread(target=self._probe)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _probe(self) -> None:
        for number in count():
            order = self._daemon.root / "control" / f"probe-{number}"
            asked = now()
            order.touch()
            try:
                answer = self._daemon.wait("command.refused", ANSWER_DEADLINE, command=order.name)
                self.answers.append(answer["at"] - asked)
            except TimeoutError:
                self.answers.append(ANSWER_DEADLINE)
            order.unlink()
            if self._is_over.wait(PROBE_PAUSE):
                return


def _scan_cost(root: Path, files: int, quick: bool) -> float:
    """Return the CPU seconds a second of a daemon that may take none of *files* files."""
    with standin(0) as box, Daemon(root, box.url) as daemon:
        (root / "control" / "PAUSE").touch()
        pause(SETTLED)  # an order is honoured within a second
        for number in range(files):
            hidden = root / "inbox" / f".{number}"
            hidden.write_bytes(one_line())
            hidden.rename(root / "inbox" / f"{number}.jsonl")
        _await_waiting(root, files)
        pause(SETTLED)
        began, before = now(), daemon.cpu()
        pause(10.0 if quick else 20.0)
        cost = (daemon.cpu() - before) / (now() - began)
        assert not daemon.count("job.taken")
    shutil.rmtree(root)
    return cost


def _await_waiting(root: Path, files: int) -> None:
    until = now() + ANSWER_DEADLINE
    while json.loads((root / "state" / "health.json").read_bytes())["waiting_total"] < files:
        if now() > until:
            raise TimeoutError(f"the daemon has not seen {files} files within {ANSWER_DEADLINE:.0f} s")
        pause(0.1)
