"""Any single thing the spool asks of the disk may fail, once or for an hour."""

import ast
import errno
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import batchbox.storage.local
from tests.faults.conftest import Begin
from tests.faults.scenarios import SCENARIOS, nothing
from tests.support.mishaps import (
    ALLOCATES,
    CHANGES,
    OPENS,
    READS,
    ForAnHour,
    Mishap,
    Once,
    Operation,
    count_start,
)

ONCE = "disk errors (ENOSPC, EIO, EDQUOT, EMFILE, EROFS, EACCES, ESTALE)"
HOUR = "disks that failed for an hour"

FULL = (errno.ENOSPC, errno.EDQUOT)
BAD = (errno.EIO, errno.ESTALE)
SHUT = (errno.EROFS, errno.EACCES)
FITTING = {
    "mkdir": FULL + BAD + SHUT,
    "rename": FULL + BAD + SHUT,
    "link": FULL + BAD + SHUT,
    "create": FULL + BAD + SHUT + (errno.EMFILE,),
    "unlink": BAD + SHUT,
    "rmdir": BAD + SHUT,
    "chmod": BAD + SHUT,
    "write": FULL + BAD,
    "sync": FULL + BAD,
    "open": (*BAD, errno.EACCES, errno.EMFILE),
    "scan": (*BAD, errno.EACCES, errno.EMFILE),
    "read": BAD,
    "stat": (*BAD, errno.EACCES),
    "lock": BAD,
}
DONE_ALL_THE_SAME = ("rename", "sync", "link", "mkdir", "unlink")  # and the error is told
CLOSED = {"close": (errno.EIO,), "finish": (errno.EIO, *FULL)}  # a close that fails has closed (close(2))
ALTERS = CHANGES - {"finish"}
HOURS = {
    "ENOSPC": (ALLOCATES, errno.ENOSPC, ""),
    "EROFS": (ALTERS, errno.EROFS, ""),
    "EMFILE": (OPENS, errno.EMFILE, ""),
    "EIO": (READS, errno.EIO, ""),
    "ESTALE": (ALTERS | READS, errno.ESTALE, ""),
    "EIO for one file": (frozenset({"stat"}), errno.EIO, "/request.jsonl"),
    "EIO for one manifest": (READS, errno.EIO, "/manifest.json"),
}
EVERY = 151  # in CI; with --soak each
EVERY_HOUR = 701

COMMANDS = {"dropping", "known_batches", "manifest_summary"}
BESIDE = COMMANDS | {"status_file", "watcher"}  # not the daemon's own work, or nothing that it needs
ROUND_IT = {"exists", "is_dir", "is_file", "read_bytes", "read_text", "write_bytes", "write_text"}
ROUND_IT |= {"touch", "iterdir", "glob", "rglob", "hardlink_to", "symlink_to"}
HARMLESS = {
    "archive.py is_dir",
    "archive.py is_file",
    "inbox.py is_dir",
    "local_spool.py is_file",
    "lock.py read_text",
}  # of entries of scandir; of /proc, where any error is borne


def find_errors(trace: list[Operation]) -> Iterator[Once]:
    """Yield every error that fits, at every operation."""
    for operation in trace:
        at, kind = operation.number, operation.kind
        for number in FITTING.get(kind, ()):
            yield Once(at, "before", number)
        for number in CLOSED.get(kind, ()):
            yield Once(at, "after", number)
        if kind in DONE_ALL_THE_SAME:
            yield Once(at, "after", errno.EIO)
        if kind == "write":
            yield Once(at, "half", errno.ENOSPC)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_operation_may_fail_once(
    begin: Begin, name: str, pytestconfig: pytest.Config, tally: Counter[str]
) -> None:
    """An error costs time and nothing else; where it is not at the start the program goes on running."""
    step = 1 if pytestconfig.getoption("--soak") else EVERY
    trace = begin(SCENARIOS[name]).run(Mishap())
    start = count_start(trace)
    for failure in list(find_errors(trace))[len(name) % step :: step]:
        trial = begin(SCENARIOS[name])
        trial.run(failure)
        assert failure.struck or SCENARIOS[name].sent is not nothing
        assert trial.deaths == 0
        assert not trial.ends or failure.at < start, trial.ends
        tally[ONCE] += failure.struck
    assert tally[ONCE] > 5


@pytest.mark.parametrize("kind", HOURS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_disk_fails_for_an_hour(
    begin: Begin, name: str, kind: str, pytestconfig: pytest.Config, tally: Counter[str]
) -> None:
    """A disk that is full, read-only or unreadable for an hour: everything goes on when it is well again."""
    step = 1 if pytestconfig.getoption("--soak") else EVERY_HOUR
    kinds, number, only = HOURS[kind]
    whole = begin(SCENARIOS[name]).run(Mishap())
    trace = [one for one in whole if one.kind in kinds and one.what.endswith(only)]
    for operation in trace[len(name + kind) % min(step, len(trace)) :: step]:
        trial = begin(SCENARIOS[name])
        failure = ForAnHour(operation.number, kinds, number, trial.engine.clock.monotonic, only)
        trial.run(failure)
        assert failure.struck or SCENARIOS[name].sent is not nothing
        assert trial.deaths == 0
        tally[HOUR] += failure.struck
    assert tally[HOUR]


def test_nothing_goes_round_the_disk_that_fails() -> None:
    """All that the daemon asks of the disk goes through `os` and `open`, where these tests stand."""
    found = []
    for path in Path(batchbox.storage.local.__path__[0]).glob("*.py"):
        calls = [one for one in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(one, ast.Call)]
        names = {one.func.attr for one in calls if isinstance(one.func, ast.Attribute)}
        if path.stem not in BESIDE:
            found += [f"{path.name} {name}" for name in names & ROUND_IT]
    assert set(found) <= HARMLESS
