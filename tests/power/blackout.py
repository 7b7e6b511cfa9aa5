"""Power cuts, one after the other, in a process with mounts of its own.

Started as `python -m tests.power.blackout ORDER`; the order is JSON, and so is the report on stdout.
A child runs the real engine on a real file system and has its power cut before its k-th change of the
disk. Then the file system is mounted anew, another engine runs to the end, and the promises are checked.
The stand-in lies outside, so what was paid stays paid.
"""

import json
import mmap
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from batchbox.domain.errors import Stop
from batchbox.storage.local import durable
from batchbox_sandbox.remote import Sandbox
from tests.power.scenario import finish, prepare, start
from tests.power.seam import Seam, placed
from tests.power.volume import NotPossibleError, Volume, make_volume
from tests.support.engine import Engine

CUT, NOT_POSSIBLE = 99, 77
LAST_TURNS = 60  # of a daemon that outlives its disk


@dataclass(frozen=True)
class Order:
    """What is to be cut: *number* cuts spread evenly (0: all), every *step*-th from *first*.

    *folder*: an empty one. *mode*: `plain`, `journal` (which gets out, the data does not), or `outlives`
    (the daemon goes on, on a disk that fails at everything). *mutant*: what the program leaves out.
    """

    url: str
    kind: str
    folder: str
    first: int = 0
    step: int = 1
    number: int = 0
    mode: str = "plain"
    mutant: str = ""


@dataclass
class Report:
    """What came of it: how many cuts, how many could have been, and the ones that broke a promise."""

    cuts: int = 0
    moments: int = 0
    broken: list[str] = field(default_factory=list)
    problem: str = ""


class Blackout:
    """One file system, and the runs on it."""

    def __init__(self, order: Order, volume: Volume) -> None:
        self._order = order
        self._volume = volume
        self._sandbox = Sandbox(order.url)
        self._root = volume.place / "spool"
        self._counter = mmap.mmap(-1, 8)

    def prepare(self) -> None:
        """Begin anew; every dropped file is on the disk, as a careful producer leaves it."""
        shutil.rmtree(self._root, ignore_errors=True)
        prepare(self._root, self._sandbox)
        self._volume.sync()

    def _start(self) -> Engine:
        return start(self._root, self._order.url)

    def live(self, moment: int) -> None:
        """Work until the power is cut before the change of that number, or to the end."""

        def meet(number: int) -> None:
            self._counter[:8] = number.to_bytes(8, "little")
            if number == moment:
                self._volume.cut(self._order.mode == "journal")
                if self._order.mode != "outlives":
                    os._exit(CUT)

        leave_out(self._order.mutant)
        with placed(Seam(meet)) as seam:
            engine = self._try_start()
            if engine:
                engine.run_until(lambda: seam.count >= moment or engine.is_done())
            if engine and seam.count >= moment:
                engine.run_turns(LAST_TURNS)
        if seam.count >= moment:
            os._exit(CUT)

    def _try_start(self) -> Engine | None:
        """Start the program; None if it says that it cannot, and ends."""
        try:
            return self._start()
        except (Stop, OSError):
            return None

    def finish(self) -> None:
        """Run to the end after the cut, and check everything."""
        finish(self._start(), self._sandbox)

    def moments(self) -> int:
        """Return how many changes of the disk a run makes that nobody disturbs."""
        self.prepare()
        code, words = in_child(lambda: self.live(sys.maxsize))
        assert code == 0, words
        return int.from_bytes(self._counter[:8], "little")

    def cut_at(self, moment: int) -> str | None:
        """Cut the power once; return what it broke, empty if nothing, None if the run had ended."""
        self.prepare()
        code, words = in_child(lambda: self.live(moment))
        if code == 0:
            return None
        self._volume.restore()
        return words or in_child(self.finish)[1]


def leave_out(mutant: str) -> None:
    """Break the program in this process, so that the checks can be seen to fail."""
    match mutant:
        case "folder sync":
            durable.sync_folder = lambda folder: None  # noqa: ARG005
        case "every fsync":
            os.fsync = lambda fd: None  # noqa: ARG005, TID251  in a child that ends soon


def in_child(work: Callable[[], None]) -> tuple[int, str]:
    """Run *work* in a child; return its exit code and, if it failed, why."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        code, words = 0, ""
        try:
            work()
        except BaseException:  # noqa: BLE001  a child must never go on as its parent
            code, words = 1, traceback.format_exc()
        os.write(writer, words.encode()[-4000:])
        os._exit(code)
    os.close(writer)
    with open(reader, encoding="utf-8", errors="replace") as told:
        words = told.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), words


def chosen(order: Order, moments: int) -> Iterator[int]:
    """Yield the moments of the cuts."""
    if order.number:
        yield from (moments * (2 * one + 1) // (2 * order.number) + 1 for one in range(order.number))
    else:
        yield from range(order.first + 1, moments + 1, order.step)


def work_off(order: Order) -> Report:
    """Carry out *order*."""
    report = Report()
    blackout = Blackout(order, make_volume(order.kind, Path(order.folder)))
    report.moments = blackout.moments()
    for moment in chosen(order, report.moments):
        broken = blackout.cut_at(moment)
        report.cuts += broken is not None
        if broken:
            report.broken.append(f"cut {moment} of {report.moments}: {broken}")
    return report


def main(words: str) -> int:
    """Print the report as JSON."""
    structlog.configure(processors=[structlog.processors.KeyValueRenderer()], logger_factory=_to_stderr())
    try:
        report = work_off(Order(**json.loads(words)))
    except NotPossibleError as reason:
        report = Report(problem=str(reason))
    print(json.dumps(vars(report)))  # noqa: T201  it is what the parent reads
    return NOT_POSSIBLE if report.problem else 0


def _to_stderr() -> structlog.PrintLoggerFactory:
    return structlog.PrintLoggerFactory(sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
