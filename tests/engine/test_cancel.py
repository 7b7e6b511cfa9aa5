"""Cancel: a file ends early, with a row for each request, and nothing more is sent."""

import errno
from pathlib import Path
from typing import Any, cast

import pytest

from batchbox.ports.storage import Spool
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.meddling import Meddled, fail
from tests.engine.promises import check_promises
from tests.engine.test_commands import TWO, be_gone, be_sent, be_undecided, check_end, count_posts, job_of
from tests.support.daemon import request
from tests.support.engine import Engine


def test_cancel_while_it_runs(start: Start, slow: Sandbox) -> None:
    """A running batch is canceled at the API once, and its rows end in a receipt of that name."""
    engine = start(on=slow)
    be_sent(engine, slow)
    engine.ask("cancel", job_of(engine))
    engine.run_to_end()
    check_end(engine, "canceled", "canceled", "canceled")
    assert [call["operation"] for call in slow.calls()].count("cancel") == 1
    assert len(engine.rows("a", "errors")) == 2
    check_promises(engine, slow)


def test_cancel_before_it_is_sent(start: Start, slow: Sandbox) -> None:
    """What was not sent stays unsent: each request has its row, and nothing is paid."""
    engine = start(on=slow)
    slow.order("create", "refuse", status=429, times=100, retry_after=30)
    engine.drop("a.jsonl", TWO)
    engine.run_until(lambda: count_posts(slow) == 2)
    engine.ask("cancel", job_of(engine))
    engine.run_to_end()
    check_end(engine, "canceled", "canceled", "canceled")
    assert not slow.batches()
    assert engine.receipt("a")["counts"]["canceled"] == 2


def test_cancel_before_it_is_checked(tmp_path: Path, sandbox: Sandbox) -> None:
    """A file that was only taken comes back whole, in rejected/, under a receipt that says canceled."""
    ill = fail(OSError(errno.EIO, "the disk is ill"))
    engine = Engine(
        tmp_path / "spool",
        sandbox.url,
        wrap_spool=lambda real: cast("Spool", Meddled(real, "freeze", [ill] * 9)),
    )
    engine.drop("a.jsonl", TWO)
    engine.run_until(lambda: engine.loop.memory.backoffs)
    engine.ask("cancel", job_of(engine))
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "canceled"
    assert (engine.root / "rejected" / "a.jsonl").read_bytes() == TWO
    assert not sandbox.batches()
    engine.close()


def test_cancel_several_parts(start: Start, slow: Sandbox) -> None:
    """Parts that were answered keep their answers; those that were not are canceled."""
    engine = start(on=slow, max_part_requests=1)
    slow.order("create", "refuse", status=429, times=100, retry_after=60, skip=2)
    engine.drop("a.jsonl", TWO + request("c"))
    engine.run_until(lambda: len(slow.batches()) == 2)
    slow.end(slow.batches()[0]["id"])
    engine.run_until(engine.is_in("collected"))
    engine.ask("cancel", job_of(engine))
    engine.run_to_end()
    check_end(engine, "partial", "succeeded", "canceled", "canceled")
    check_promises(engine, slow)


def test_cancel_sends_nothing_again(start: Start, slow: Sandbox) -> None:
    """Rows that would go out again in another file end as they are in a canceled one."""
    engine = start(on=slow)
    slow.outcome("question", "expired", times=9)
    be_sent(engine, slow)
    engine.ask("cancel", job_of(engine))
    slow.end()
    engine.run_to_end()
    assert count_posts(slow) == 1
    assert engine.receipt("a")["status"] == "canceled"
    check_promises(engine, slow)


def test_cancel_in_doubt(start: Start, slow: Sandbox) -> None:
    """A part in doubt is looked for first: what was paid for is found, and its rows are published."""
    engine = start(on=slow)
    slow.order("create", "drop_after")
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("in_doubt"))
    engine.ask("cancel", job_of(engine))
    engine.run_until(engine.is_in("candidates"))
    slow.end()
    engine.run_to_end()
    assert count_posts(slow) == 1
    check_promises(engine, slow)


@pytest.mark.parametrize("fault", [("refuse", {"status": 500}), ("drop_after", {}), ("not_found", {})])
def test_cancel_fails_for_a_while(start: Start, slow: Sandbox, fault: tuple[str, dict[str, Any]]) -> None:
    """A cancel that did not get through is asked for again."""
    engine = start(on=slow)
    be_sent(engine, slow)
    slow.order("cancel", fault[0], times=3, **fault[1])
    engine.ask("cancel", job_of(engine))
    engine.run_to_end()
    check_end(engine, "canceled", "canceled", "canceled")
    check_promises(engine, slow)


def test_cancel_comes_too_late(engine: Engine, sandbox: Sandbox) -> None:
    """A command for a job that is no more is forgotten, and does no harm to the next of that name."""
    engine.drop("a.jsonl", TWO)
    engine.run_to_end()
    engine.ask("cancel", job_of(engine, "done"))
    engine.drop("b.jsonl", TWO)
    engine.run_to_end()
    assert [engine.receipt(stem)["status"] for stem in "ab"] == ["succeeded", "succeeded"]
    check_promises(engine, sandbox)


def test_cancel_held(start: Start, slow: Sandbox) -> None:
    """What nobody can decide is given up: the file ends, with a row for each request."""
    engine = start(on=slow)
    be_undecided(engine, slow)
    engine.ask("cancel", job_of(engine, "hold"))
    engine.run_to_end()
    check_end(engine, "canceled", "canceled", "canceled")
    assert count_posts(slow) == 1


def test_cancel_gone(start: Start, slow: Sandbox) -> None:
    """Answers that can no longer be had are given up."""
    engine = start(on=slow)
    be_gone(engine, slow)
    engine.ask("cancel", job_of(engine, "hold"))
    engine.run_to_end()
    check_end(engine, "canceled", "canceled", "canceled")
