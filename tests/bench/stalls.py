"""What small files, polls and orders wait for while large ones go up and come down."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from os import SEEK_END
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.brake import Line, braked
from tests.bench.daemon import Daemon, now, pause
from tests.bench.data import write_requests
from tests.bench.figures import Figure, Findings, Scale
from tests.bench.pickup import QUIET
from tests.bench.standin import one_line
from tests.bench.transfers import Sink, running_sink

NAME = "stalls"
DEADLINE = 600.0
BETWEEN = 0.5  # seconds between two drops
TRANSFER_SECONDS = 5.0  # that an upload takes over the slow line
HONOURED = 1.2  # seconds until an order in control/ has been seen
GRACE = 1.0
LATE = 1.0
POLL = 1.0
SETTINGS = {"poll_seconds": str(POLL), "grace_seconds": str(GRACE)}
LIST = "GET /v1/messages/batches?"
RESULTS = "GET /v1/messages/batches"
UP, DOWN = "while sent", "while fetched"


@dataclass(frozen=True, slots=True)
class Site:
    """A spool, the large file that is dropped there, and the server behind its slow line."""

    root: Path
    large: Path
    requests: int
    sink: Sink
    line: Line

    def running(self) -> Daemon:
        """Return the daemon, to be started."""
        return Daemon(self.root, self.line.url, **SETTINGS)

    def drop(self, daemon: Daemon, name: str) -> str:
        """Drop the large file; return the job it has become."""
        hidden = self.root / "inbox" / f".{name}"
        shutil.copyfile(self.large, hidden)
        hidden.rename(hidden.with_name(f"{name}.jsonl"))
        return str(daemon.wait("job.taken", DEADLINE, file=f"{name}.jsonl")["job"])


def measure(scale: Scale) -> Findings:
    """Send 250 MB and fetch 300 MB over a slow line; drop small files meanwhile, then stop in the midst."""
    requests = 40_000 if scale.quick else 100_000
    large, root = scale.folder / "large.jsonl", scale.folder / "stalls"
    write_requests(large, requests)
    size = large.stat().st_size
    rate = int(size / TRANSFER_SECONDS)
    with running_sink(scale.folder / "sink") as sink, braked(sink.url, rate) as line:
        sink.tell("keep")
        site = Site(root, large, requests, sink, line)
        with site.running() as daemon:
            waits, polls = _drop_during_transfers(site, daemon, 10 if scale.quick else 20)
        stops = _stop_in_the_midst(site)
    large.unlink()
    shutil.rmtree(root)
    title = f"{size / 1e6:.0f} MB up, and more down"
    notes = [
        f"The line lets {rate / 1e6:.0f} MB a second through each way; polls are due every {POLL:g} s.",
        f"A small file is dropped every {BETWEEN} s; its {QUIET} s of lying unchanged are not counted.",
    ]
    return Findings(title=title, figures=[*_tell_waits(waits), *_tell_polls(polls), *stops], notes=notes)


def _tell_waits(waits: dict[str, list[float]]) -> list[Figure]:
    figures = []
    for when, seconds in waits.items():
        what, worst = f"small file taken, {when}", max(seconds)
        figures.append(Figure(f"{what}: median", median(seconds) * 1000, "ms"))
        figures.append(Figure(f"{what}: slowest", worst * 1000, "ms", f"< {LATE:g} s", worst < LATE))
    return figures


def _tell_polls(gaps: dict[str, float]) -> list[Figure]:
    goal = POLL + LATE
    return [
        Figure(f"longest between two polls, {when}", gap, "s", f"< {goal:g} s", gap < goal)
        for when, gap in gaps.items()
    ]


def _drop_during_transfers(
    site: Site, daemon: Daemon, idle_drops: int
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Return seconds that small files waited, and the longest time between two polls, by what went on."""
    idle = _drop_on_the_beat(daemon, idle_drops)
    job = site.drop(daemon, "large")
    before, _ = _drop_until(daemon, "check", "part.sending", job)
    began = now()
    up, ended = _drop_until(daemon, "up", "part.submitted", job)
    polls = {UP: _longest_gap([at for at in site.line.times(LIST) if began < at < ended["at"]])}
    _await_submitted(daemon, len(before) + len(up) + len(idle))
    site.sink.answer()
    site.sink.tell("end")
    began = now()
    down, ended = _drop_until(daemon, "down", "part.collected", job)
    polls[DOWN] = _longest_gap([at for at in site.line.times(LIST) if began < at < ended["at"]])
    after, _ = _drop_until(daemon, "after", "job.published", job)
    _await_submitted(daemon, len(down) + len(after))
    waits = {"idle": idle, "while checked": before, UP: up, DOWN: down}
    if after:
        waits["while published"] = after
    return waits, polls


def _await_submitted(daemon: Daemon, files: int) -> None:
    for _ in range(files):
        daemon.wait("part.submitted", DEADLINE)


def _longest_gap(moments: Sequence[float]) -> float:
    return max((later - earlier for earlier, later in pairwise(moments)), default=float("inf"))


def _drop_on_the_beat(daemon: Daemon, drops: int) -> list[float]:
    """Drop small files into an idle daemon at the same pace as later; return what each waited."""
    dropped: dict[str, float] = {}
    for number in range(drops):
        name = f"idle-{number}.jsonl"
        dropped[name] = daemon.drop(name, one_line(name))
        pause(BETWEEN)
    return _read_waits(daemon, dropped)


def _drop_until(daemon: Daemon, lead: str, event: str, job: str) -> tuple[list[float], dict[str, Any]]:
    """Drop small files until *job* has come to *event*; return what each waited, and that line."""
    dropped: dict[str, float] = {}
    ended: dict[str, Any] = {}
    while not ended:
        name = f"{lead}-{len(dropped)}.jsonl"
        dropped[name] = daemon.drop(name, one_line(name))
        try:
            ended = daemon.wait(event, BETWEEN, job=job)
        except TimeoutError:
            continue  # not yet: one more
    return _read_waits(daemon, dropped), ended


def _read_waits(daemon: Daemon, dropped: dict[str, float]) -> list[float]:
    taken = {name: daemon.wait("job.taken", DEADLINE, file=name)["at"] for name in dropped}
    return [taken[name] - at - QUIET for name, at in dropped.items()]


def _stop_in_the_midst(site: Site) -> list[Figure]:
    """Stop the daemon while a large file goes up, and again while its answers come down."""
    known = _count_accepted(site)
    with site.running() as daemon:
        job = site.drop(daemon, "again")
        daemon.wait("part.sending", DEADLINE, job=job)
        early = _count_taken_in_pause(daemon)
        up = _stop(daemon, "part.submitted", job)
    with site.running() as daemon:
        batch = daemon.wait("part.submitted", DEADLINE, job=job)["batch"]
        _await_submitted(daemon, 1)  # the small one, which was dropped in the pause
        accepted = _count_accepted(site) - known
        site.sink.answer()
        site.sink.tell("end")
        _await(lambda: site.line.times(f"{RESULTS}/{batch}/results"))
        pause(TRANSFER_SECONDS / 2)
        down = _stop(daemon, "part.collected", job)
    with site.running() as daemon:
        daemon.wait("job.published", DEADLINE, job=job)
    missing = site.requests - _count_lines(site.root / "outbox" / "again.results.jsonl")
    goal = GRACE + LATE
    return [
        Figure("taken while control/PAUSE stood", early, "files", "0", early == 0),
        Figure(f"SIGTERM {UP}: ended after", up, "s", f"< {goal:g} s", up < goal),
        Figure("batches accepted for it in the end", accepted, "", "1", accepted == 1),
        Figure(f"SIGTERM {DOWN}: ended after", down, "s", f"< {goal:g} s", down < goal),
        Figure("answers missing in the end", missing, "rows", "0", missing == 0),
    ]


def _stop(daemon: Daemon, too_late: str, job: str) -> float:
    """Stop it, and return the seconds that took. Raise `RuntimeError` if *job* had come to *too_late*."""
    seconds = daemon.stop()
    if any(line["event"] == too_late and line.get("job") == job for line in daemon.events):
        raise RuntimeError(f"{too_late} came before the stop: there was nothing left to interrupt")
    return seconds


def _count_taken_in_pause(daemon: Daemon) -> int:
    """Drop a small file while control/PAUSE stands; return whether it was taken all the same."""
    flag = daemon.root / "control" / "PAUSE"
    flag.touch()
    pause(HONOURED)
    before = daemon.count("job.taken")
    daemon.drop("paused.jsonl", one_line())
    pause(HONOURED)
    taken = daemon.count("job.taken") - before
    flag.unlink()
    return taken


def _count_accepted(site: Site) -> int:
    """Count the large bodies that reached the server whole."""
    least = site.large.stat().st_size
    large = [body for body in site.sink.folder.glob("*.body") if body.stat().st_size > least]
    return sum(1 for body in large if _read_end(body) == b"]}")


def _read_end(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-2, SEEK_END)
        return file.read()


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _await(fact: Callable[[], object]) -> None:
    until = now() + DEADLINE
    while not fact():
        if now() > until:
            raise TimeoutError("the large batch was never asked for")
        pause(0.02)
