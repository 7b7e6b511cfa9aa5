"""One job that never gets anywhere takes nothing away from the others."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, cast

from batchbox.domain.batch import Batch
from batchbox.domain.errors import TryLater
from batchbox.domain.stability import InboxFile, Inspection
from batchbox.engine.admission import JUDGED_AT_ONCE
from batchbox.ports.api import Api
from batchbox.ports.storage import Spool
from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.engine.conftest import Start
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Clock, Engine

ONE = request("a")
TWO = request("a") + request("b")
HOUR = 3600.0
LOOK = 0.01  # seconds


class NoRowsOfTwo:
    """An API that never gives out the rows of a batch of two requests."""

    def __init__(self, real: Api) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def rows(self, batch: Batch) -> AbstractContextManager[Iterator[bytes]]:
        """Give the rows, but of one batch not."""
        if batch.total == 2:
            raise TryLater("the API said 500", shared=True)
        return self._real.rows(batch)


def test_results_never_come(start: Start, sandbox: Sandbox) -> None:
    """Results that always fail are asked for again and again, between those of the others."""
    engine = start(transfers=1)
    engine.close()
    engine.wrap_api = lambda api: cast("Api", NoRowsOfTwo(api))
    engine.open()
    for name in "abc":
        engine.drop(f"{name}.jsonl", TWO)
    for name in "xyz":
        engine.drop(f"{name}.jsonl", ONE)
    engine.run_for(HOUR / 2)
    assert all(engine.receipt(name)["status"] == "succeeded" for name in "xyz")
    assert engine.states() == ["submitted"] * 3
    engine.wrap_api = lambda api: api
    engine.crash_and_restart()
    engine.run_to_end()
    check_promises(engine, sandbox)


class SlowInbox:
    """A spool on which each look into a file takes a while, as on a file server."""

    def __init__(self, real: Spool) -> None:
        self._real = real
        self.clock = Clock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def examine(self, incoming: InboxFile) -> Inspection:
        """Look, and let time pass."""
        self.clock.advance(LOOK)
        return self._real.examine(incoming)


def test_many_files_that_wait(start: Start, sandbox: Sandbox) -> None:
    """However many older files are not complete, and however long each look takes: it gets its turn."""
    engine = start(scan_seconds=1.0, max_settle_seconds=HOUR)
    engine.close()
    slow: list[SlowInbox] = []

    def slow_down(real: Spool) -> Spool:
        slow.append(SlowInbox(real))
        return cast("Spool", slow[-1])

    engine.wrap_spool = slow_down
    engine.open()
    slow[-1].clock = engine.clock
    for number in range(2 * JUDGED_AT_ONCE):
        engine.drop(f"a{number:05}.jsonl", ONE.rstrip())
    engine.drop("good.jsonl", ONE)
    engine.run_until(engine.path("good", "receipt.json").exists)
    assert engine.receipt("good")["status"] == "succeeded"
    assert len(sandbox.batches()) == 1
    assert len(list((engine.root / "inbox").iterdir())) == 2 * JUDGED_AT_ONCE


def test_too_large_for_the_queue(start: Start) -> None:
    """A part that the API has no room for waits for its turn; smaller ones pass it."""
    with running(SandboxSettings(work_seconds=0.0, queue_limit=1)) as sandbox:
        engine = start(on=sandbox)
        engine.drop("a.jsonl", TWO)
        engine.run_until(lambda: engine.states() == ["ready"])
        for name in "xyz":
            engine.drop(f"{name}.jsonl", ONE)
        engine.run_for(HOUR / 2)
        assert all(engine.receipt(name)["status"] == "succeeded" for name in "xyz")
        assert engine.states() == ["ready"]


def test_one_batch_cannot_be_looked_up(start: Start, slow: Sandbox) -> None:
    """A batch that is not listed, and whose look-up fails, leaves the listed ones alone."""
    engine = start(on=slow)
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))
    slow.delete(slow.batches()[0]["id"])
    slow.order("retrieve", "refuse", times=10**6, status=500)
    engine.drop("b.jsonl", ONE)
    engine.run_until(lambda: engine.states() == ["submitted"] * 2)
    slow.end()
    engine.run_for(HOUR / 4)
    assert engine.receipt("b")["status"] == "succeeded"
    assert engine.states() == ["submitted"]


def test_wrong_files_among_good_ones(engine: Engine, sandbox: Sandbox) -> None:
    """Files that are not text, empty, or not meant for us stop nobody."""
    engine.drop("binary.jsonl", bytes(range(256)) + b"\n")
    engine.drop("empty.jsonl", b"")
    engine.drop(b"odd-\xff-name.jsonl", ONE)
    engine.drop("good.jsonl", TWO)
    engine.run_to_end()
    assert engine.receipt("binary")["status"] == "rejected"
    assert engine.receipt("empty")["status"] == "rejected"
    assert engine.receipt("odd-%FF-name")["status"] == "succeeded"
    assert engine.receipt("good")["status"] == "succeeded"
    check_promises(engine, sandbox)
