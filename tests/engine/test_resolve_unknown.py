"""A submission without an answer: exactly one batch is paid, whichever way the answer was lost."""

from typing import Any

import pytest

from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.promises import check_promises
from tests.support.daemon import request, wait_for
from tests.support.engine import Engine

TWO = request("a") + request("b")
SETTLE = 900.0 + 60.0  # and a second look a fifteenth of it later

CREATED: list[tuple[str, dict[str, Any]]] = [
    ("drop_after", {}),
    *(("error_after", {"status": status}) for status in (408, 409, 500, 503, 504, 529)),
    ("html", {"status": 502, "after": True}),
    ("late", {"seconds": 1.0}),
    ("garbage", {}),
    ("empty", {}),
]
NOT_CREATED: list[tuple[str, dict[str, Any]]] = [
    ("drop_before", {}),
    *(("refuse", {"status": status}) for status in (408, 409, 500, 503, 504, 529)),
    ("html", {"status": 503}),
    ("redirect", {"location": "http://127.0.0.1:9/"}),
]


def count_posts(sandbox: Sandbox) -> int:
    return sum(1 for call in sandbox.calls() if call["operation"] == "create")


def count_lists(sandbox: Sandbox) -> int:
    return sum(1 for call in sandbox.calls() if call["operation"] == "list")


@pytest.mark.parametrize(("fault", "details"), CREATED)
def test_lost_after(engine: Engine, sandbox: Sandbox, fault: str, details: dict[str, Any]) -> None:
    """A batch whose answer was lost is found, proven by its first row, and never sent again."""
    sandbox.order("create", fault, **details)
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("in_doubt"))
    since = engine.clock.seconds
    engine.run_to_end()
    assert engine.clock.seconds - since >= SETTLE
    assert (count_posts(sandbox), len(sandbox.batches())) == (1, 1)
    assert engine.receipt("a")["status"] == "succeeded"
    check_promises(engine, sandbox)


@pytest.mark.parametrize(("fault", "details"), NOT_CREATED)
def test_lost_before(engine: Engine, sandbox: Sandbox, fault: str, details: dict[str, Any]) -> None:
    """Where nothing was created the part goes out again, but not before the settle time and two looks."""
    sandbox.order("create", fault, **details)
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("in_doubt"))
    since, lists = engine.clock.seconds, count_lists(sandbox)
    engine.run_until(engine.is_in("submitted"))
    assert engine.clock.seconds - since >= SETTLE
    assert count_lists(sandbox) - lists >= 2
    engine.run_to_end()
    assert (count_posts(sandbox), len(sandbox.batches())) == (2, 1)
    check_promises(engine, sandbox)


@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
@pytest.mark.parametrize("moment", ["before", "in doubt", "between the looks", "with candidates"])
def test_strangers(engine: Engine, sandbox: Sandbox, fault: str, moment: str) -> None:
    """Another's batch of the same size, created at any time, is never taken for ours nor ours for it."""
    if moment == "before":
        sandbox.stranger(2)
    sandbox.order("create", fault)
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("in_doubt"))
    if moment == "between the looks":
        engine.run_until(lambda: any(doubt.looked_at for doubt in engine.loop.memory.doubts.values()))
    if moment == "with candidates" and fault == "drop_after":
        engine.run_until(engine.is_in("candidates"))
    sandbox.stranger(2)
    engine.run_to_end()
    own = [batch for batch in sandbox.batches() if not batch["stranger"]]
    assert len(own) == 1
    assert engine.receipt("a")["batches"] == [own[0]["id"]]
    check_promises(engine, sandbox)


def test_many_strangers(engine: Engine, sandbox: Sandbox) -> None:
    """More batches than a page holds have been created since: the list is read to the cursor."""
    sandbox.stranger(2)
    sandbox.order("create", "drop_after")
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("in_doubt"))
    for _ in range(1001):
        sandbox.stranger(3)
    engine.run_to_end()
    pages = [call for call in sandbox.calls() if "after_id" in call["query"]]
    assert len(pages) >= 2
    check_promises(engine, sandbox)


@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
def test_cursor_is_deleted(engine: Engine, sandbox: Sandbox, fault: str) -> None:
    """The batch from which to look on may be gone: then the server's own times bound the search."""
    cursor = sandbox.stranger(2)
    sandbox.order("create", fault)
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("in_doubt"))
    sandbox.delete(cursor)
    engine.run_to_end()
    check_promises(engine, sandbox)


@pytest.mark.parametrize("faults", [("drop_after", "drop_after"), ("drop_after", "drop_before")])
def test_twins(engine: Engine, sandbox: Sandbox, faults: tuple[str, str]) -> None:
    """Two files of the same content in doubt together: each finds its own batch, or is sent again."""
    for fault in faults:
        sandbox.order("create", fault)
    engine.drop("a.jsonl", TWO)
    engine.drop("b.jsonl", TWO)
    engine.run_until(lambda: engine.states() == ["in_doubt"] * 2)
    engine.run_to_end()
    assert len(sandbox.batches()) == 2
    assert engine.receipt("a")["batches"] != engine.receipt("b")["batches"]
    check_promises(engine, sandbox)


def test_parts_of_one_job(start: Start, sandbox: Sandbox) -> None:
    """Several parts of one file in doubt, with one lost for good, all come to their end."""
    engine = start(max_part_requests=1)
    for fault in ("drop_after", "drop_before", "drop_after"):
        sandbox.order("create", fault)
    engine.drop("a.jsonl", TWO + request("c"))
    engine.run_to_end()
    assert len(sandbox.batches()) == 3
    check_promises(engine, sandbox)


def test_others_go_on(engine: Engine, sandbox: Sandbox) -> None:
    """A part in doubt waits alone."""
    sandbox.order("create", "drop_after")
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("in_doubt"))
    since = engine.clock.seconds
    engine.drop("b.jsonl", TWO)
    engine.run_until(engine.path("b", "receipt.json").exists)
    assert engine.clock.seconds - since < SETTLE / 2
    assert engine.states() == ["in_doubt"]
    engine.run_to_end()
    check_promises(engine, sandbox)


@pytest.mark.parametrize("after_look", [False, True])
def test_stored_late(engine: Engine, sandbox: Sandbox, after_look: bool) -> None:
    """A batch that the API stores only after we saw the error, within the settle time, is ours alone."""
    sandbox.order("create", "late_store", seconds=0.4)
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("in_doubt"))
    assert sandbox.batches() == []
    if after_look:
        engine.run_until(lambda: any(doubt.looked_at for doubt in engine.loop.memory.doubts.values()))
        assert sandbox.batches() == []
    wait_for(sandbox.batches, "the late batch")
    engine.run_to_end()
    assert count_posts(sandbox) == 1
    check_promises(engine, sandbox)


@pytest.mark.parametrize(
    ("fault", "details"),
    [("refuse", {"status": 500}), ("garbage", {}), ("drop_before", {}), ("refuse", {"status": 401})],
)
def test_list_fails(engine: Engine, sandbox: Sandbox, fault: str, details: dict[str, Any]) -> None:
    """A list that fails says nothing: the doubt goes on until two have come whole."""
    sandbox.order("create", "drop_after")
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("in_doubt"))
    sandbox.order("list", fault, times=6, **details)
    engine.run_to_end()
    assert sandbox.faults() == []
    assert count_posts(sandbox) == 1
    check_promises(engine, sandbox)


@pytest.mark.parametrize(
    ("fault", "details"),
    [
        ("not_found", {}),
        ("empty", {}),
        ("garbage", {}),
        ("html", {"status": 502}),
        ("cut", {"rows": 0, "where": "mid_line", "framing": "close"}),
        ("cut", {"rows": 0, "where": "mid_line", "framing": "chunked"}),
        ("cut", {"rows": 0, "where": "line_end", "framing": "length"}),
        ("refuse", {"status": 529}),
    ],
)
def test_proof_fails(engine: Engine, sandbox: Sandbox, fault: str, details: dict[str, Any]) -> None:
    """A first row that could not be read strikes nobody: it is read again."""
    sandbox.order("create", "drop_after")
    sandbox.order("results", fault, times=3, **details)
    engine.drop("a.jsonl", TWO)
    engine.run_to_end()
    assert sandbox.faults() == []
    assert (count_posts(sandbox), len(sandbox.batches())) == (1, 1)
    check_promises(engine, sandbox)


@pytest.mark.parametrize("last", ["drop_after", "clean"])
def test_twelve_in_a_row(engine: Engine, sandbox: Sandbox, last: str) -> None:
    """However often the answer is lost, it is one batch in the end."""
    sandbox.order("create", "drop_before", times=6)
    sandbox.order("create", "refuse", status=529, times=6)
    sandbox.order("create", last)
    engine.drop("a.jsonl", TWO)
    engine.run_to_end()
    assert (count_posts(sandbox), len(sandbox.batches())) == (13, 1)
    assert engine.parts("done")[0].attempt == 13
    check_promises(engine, sandbox)


@pytest.mark.parametrize("state", ["in_doubt", "candidates"])
def test_settle_time_starts_over(start: Start, slow: Sandbox, state: str) -> None:
    """A restart in the middle of a doubt waits in full once more, and then finds the same batch."""
    engine = start(on=slow)
    slow.order("create", "drop_after")
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("in_doubt"))
    engine.run_for(800)
    if state == "candidates":
        engine.run_until(engine.is_in("candidates"))
    engine.crash_and_restart()
    since = engine.clock.seconds
    if state == "in_doubt":
        engine.run_until(engine.is_in("candidates"))
        assert engine.clock.seconds - since >= SETTLE
    slow.end()
    engine.run_to_end()
    assert count_posts(slow) == 1
    check_promises(engine, slow)
