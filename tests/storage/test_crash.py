"""A process that dies before any operation on the disk: the file is there once, outputs whole or not."""

from pathlib import Path

import pytest

from batchbox.domain.errors import BatchboxError
from batchbox.storage.local.layout import JOB_NAME
from batchbox.storage.local.local_spool import LocalSpool
from batchbox.storage.local.lock import make_spool
from tests.storage.crashing import DAY, RECEIPT, RESULTS, run_until, work_through
from tests.storage.support import CONTENT, names, put, tree

ENOUGH = 200  # more operations than the whole life of a job takes
OUTPUTS = {"x.results.jsonl": RESULTS, "x.receipt.json": RECEIPT}


def require_whole(root: Path, number: int) -> None:
    """Expect what must hold at any instant: the file in one place, each output whole, receipt last."""
    files = tree(root)
    requests = [path for path in files if path == "inbox/x.jsonl" or path.endswith("/request.jsonl")]
    assert len(requests) == 1, (number, requests)
    assert files[requests[0]] == CONTENT, number
    published = tree(root / "outbox")
    for name, content in published.items():
        assert content == OUTPUTS[name], (number, name)
    assert "x.receipt.json" not in published or len(published) == len(OUTPUTS), number


def require_done(root: Path, number: int) -> None:
    """Expect the end: one receipt, one archived job, nothing left anywhere else."""
    assert tree(root / "outbox") == OUTPUTS, number
    assert names(root / "inbox") == [], number
    assert names(root / "work") == [], number
    assert names(root / "hold") == [], number
    (job,) = names(root / "done" / DAY)
    assert JOB_NAME.fullmatch(job)
    archived = tree(root / "done" / DAY / job)
    assert set(archived) == {"manifest.json", "manifest.previous.json", "request.jsonl"}, number
    assert archived["request.jsonl"] == CONTENT


def recover(root: Path) -> None:
    """Do what the next process does."""
    spool = LocalSpool(root, epoch=2)
    try:
        work_through(spool)
    except BatchboxError as error:  # its text is what a test that fails has to show
        raise AssertionError(f"{error}; {error.fix}") from error
    finally:
        spool.close()


def test_a_crash_anywhere_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Taken, saved, published, archived: whichever operation is the last, the next process ends it well."""
    for number in range(1, ENOUGH):
        root = tmp_path / str(number)
        make_spool(root)
        put(root)
        if run_until(number, root):
            break
        require_whole(root, number)
        recover(root)
        require_done(root, number)
    assert 40 < number < ENOUGH - 1, "the operations were not counted"
    require_done(root, number)


@pytest.mark.parametrize("stride", [29, 34, 41])
def test_one_crash_after_the_other_still_comes_to_the_end(root: Path, stride: int) -> None:
    """Every process gets a little further, through all that its predecessors left."""
    put(root)
    for life in range(1, ENOUGH):
        if run_until(stride, root, epoch=life):
            break
        require_whole(root, life)
    assert 2 < life < ENOUGH - 1
    require_done(root, life)


def test_a_crash_in_the_recovery_is_one_more_crash(tmp_path: Path) -> None:
    """Dying again, early or late, in the process that clears up changes nothing."""
    for number in range(3, 60, 3):
        root = tmp_path / str(number)
        make_spool(root)
        put(root)
        run_until(number, root)
        for again in (1, 2, 4, 7):
            run_until(again, root)
            require_whole(root, number)
        recover(root)
        require_done(root, number)
