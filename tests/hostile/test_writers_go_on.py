"""A writer that goes on after the claim: what was checked is what is sent, and what is kept."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from batchbox.ports.storage import Spool
from batchbox.storage.local.local_spool import LocalSpool
from batchbox_sandbox.remote import Sandbox
from tests.engine.meddling import Meddled
from tests.engine.promises import ids_of
from tests.hostile.conftest import Start
from tests.hostile.neighbours import digest
from tests.storage.support import IS_ROOT, NOBODY
from tests.support.daemon import request
from tests.support.engine import Engine

PADDING = "x" * 100_000  # so that a pass over the file reads it in several pieces
BEFORE = b"".join(request(f"before-{line}", PADDING) for line in range(6))
AFTER = BEFORE.replace(b"before-", b"after--").replace(b"xx", b"yy")


def grow(file: int) -> None:
    """Add a line."""
    os.pwrite(file, request("more"), os.fstat(file).st_size)


def begin_a_line(file: int) -> None:
    """Add half a line."""
    os.pwrite(file, request("half", PADDING)[:50_000], os.fstat(file).st_size)


def truncate(file: int) -> None:
    """Take the last lines away, and half of one."""
    os.ftruncate(file, len(BEFORE) // 2)


def rewrite(file: int) -> None:
    """Write other lines over the old ones."""
    os.pwrite(file, AFTER, 0)


def rewrite_secretly(file: int) -> None:
    """Write other lines over the old ones, and put the time of change back."""
    seen = os.fstat(file)
    os.pwrite(file, AFTER, 0)
    os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))


ACTS = [grow, begin_a_line, truncate, rewrite, rewrite_secretly]
EARLY = {"as the check begins": ("request", 0), "in the middle": ("create", 5), "as it ends": ("request", 1)}
LATE = {"before it is sent": ("describe", 0), "before it is archived": ("retire", 0)}


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    """Give a descriptor that its owner keeps open for reading and writing."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(BEFORE)
    found = os.open(path, os.O_RDWR)
    yield found
    os.close(found)


def answer(start: Start, file: int, call: tuple[str, int], act: Callable[[], object]) -> Engine:
    """Drop the file; *act* before the n-th call of that name; return the engine when all is done."""
    name, skip = call
    real: list[Meddled] = []

    def wrap(spool: Spool) -> Spool:
        cast("LocalSpool", spool).sees_writers = False  # as where the file is another user's
        real.append(Meddled(spool, name))
        return cast("Spool", real[-1])

    engine = start(wrap_spool=wrap, settings={"max_part_requests": 2})
    real[0].before += [lambda: None] * skip + [act]
    Path(f"/proc/self/fd/{file}").resolve().rename(engine.root / "inbox" / "x.jsonl")
    engine.run_to_end()
    assert not real[0].before, "nothing was interfered with"
    return engine


def require_consistent(engine: Engine, sandbox: Sandbox) -> None:
    """Hold the file that is kept against the receipt's digest, and against what was sent and answered."""
    receipt = engine.receipt("x")
    (kept,) = [*engine.root.glob("done/*/*/request.jsonl"), *engine.root.glob("rejected/x.jsonl")]
    content = kept.read_bytes()
    assert (receipt["input"]["size"], receipt["input"]["sha256"]) == (len(content), digest(content))
    sent = [one.rpartition("-")[0] for batch in sandbox.batches() for one in batch["custom_ids"]]
    if receipt["status"] == "rejected":
        assert sent == []
        return
    ids = [own for _, own in ids_of(content)]
    assert sent == ids
    assert [row["custom_id"] for row in engine.rows("x")] == ids


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
@pytest.mark.parametrize("moment", EARLY)
def test_changed_while_it_is_checked(
    start: Start,
    sandbox: Sandbox,
    tally: Counter[str],
    file: int,
    moment: str,
    act: Callable[[int], None],
) -> None:
    """A change during the check is noticed, and the file is checked anew from its first line."""
    engine = answer(start, file, EARLY[moment], lambda: act(file))
    require_consistent(engine, sandbox)
    tally["attempts of neighbours"] += 1


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
@pytest.mark.parametrize("moment", LATE)
def test_changed_after_it_was_checked(
    start: Start,
    sandbox: Sandbox,
    tally: Counter[str],
    file: int,
    moment: str,
    act: Callable[[int], None],
) -> None:
    """What is kept of a file is what was checked and sent, whatever its writer still does to it."""
    engine = answer(start, file, LATE[moment], lambda: act(file))
    require_consistent(engine, sandbox)
    tally["attempts of neighbours"] += 1


@pytest.mark.skipif(not IS_ROOT, reason="needs root, to make a file of another user")
def test_a_reader_cannot_become_a_writer(start: Start, sandbox: Sandbox, tally: Counter[str]) -> None:
    """A descriptor that was open for reading only at the claim, opened anew for writing, changes nothing."""
    engine = start(settings={"max_part_requests": 2})
    engine.drop("x.jsonl", BEFORE)
    path = engine.root / "inbox" / "x.jsonl"
    os.chown(path, NOBODY, NOBODY)
    reader = os.open(path, os.O_RDONLY)
    engine.run_until(lambda: [job for job in engine.manifests() if job.parts])
    writer = os.open(f"/proc/self/fd/{reader}", os.O_RDWR)
    rewrite(writer)
    os.close(writer)
    os.close(reader)
    engine.run_to_end()
    require_consistent(engine, sandbox)
    tally["attempts of neighbours"] += 1
