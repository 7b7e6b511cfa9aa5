"""Rows in = rows out: results that are not whole are never published, and are fetched again."""

from typing import Any

import pytest

from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine

FOUR = b"".join(request(one) for one in "abcd")
FRAMINGS = ["length", "chunked", "close"]
DAMAGE: list[tuple[str, dict[str, Any]]] = [
    ("cut", {"where": "line_end"}),
    ("cut", {"where": "mid_line"}),
    ("cut", {"rows": 0, "where": "line_end"}),
    ("short", {}),
    ("short", {"rows": 0}),
    ("missing_row", {"row": 0}),
    ("missing_row", {"row": 3}),
    ("doubled_row", {"row": 1}),
    ("stranger_row", {"place": "first"}),
    ("stranger_row", {"place": "last"}),
]


def count_posts(sandbox: Sandbox) -> int:
    return sum(1 for call in sandbox.calls() if call["operation"] == "create")


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(("fault", "details"), DAMAGE)
def test_damaged(engine: Engine, sandbox: Sandbox, fault: str, details: dict[str, Any], framing: str) -> None:
    """However a stream is cut, shortened or mixed up: nothing of it is seen, and the next one counts."""
    sandbox.order("results", fault, times=2, framing=framing, **details)
    engine.drop("a.jsonl", FOUR)
    engine.run_until(lambda: not sandbox.faults())
    assert list((engine.root / "outbox").iterdir()) == []
    assert engine.states() == ["submitted"]
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "succeeded"
    assert count_posts(sandbox) == 1
    check_promises(engine, sandbox)


@pytest.mark.parametrize(
    ("fault", "details"),
    [
        ("garbage", {}),
        ("empty", {}),
        ("html", {"status": 502}),
        ("html", {"status": 502, "after": True}),
        ("not_found", {}),
        ("redirect", {"location": "http://127.0.0.1:9/"}),
        ("drop_after", {}),
        ("refuse", {"status": 401}),
    ],
)
def test_no_rows(engine: Engine, sandbox: Sandbox, fault: str, details: dict[str, Any]) -> None:
    """Whatever comes in the place of rows is not taken for them."""
    sandbox.order("results", fault, times=3, **details)
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    assert sandbox.faults() == []
    check_promises(engine, sandbox)


def test_unknown_type_on_the_wire(engine: Engine, sandbox: Sandbox) -> None:
    """A row of a type that does not exist yet is a row: it is passed on, byte for byte."""
    sandbox.order("results", "unknown_type", row=1)
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    types = sorted(row["result"]["type"] for row in engine.rows("a"))
    assert types == ["sandbox_unknown_type", "succeeded", "succeeded", "succeeded"]
    assert engine.receipt("a")["status"] == "partial"
    check_promises(engine, sandbox)


@pytest.mark.parametrize("fault", ["foreign_results_url", "relative_results_url"])
def test_results_url(engine: Engine, sandbox: Sandbox, fault: str) -> None:
    """Wherever the rows are said to be, they are fetched from the API itself."""
    details = {"url": "http://127.0.0.1:9"} if fault == "foreign_results_url" else {}
    sandbox.order("list", fault, times=5, **details)
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    check_promises(engine, sandbox)


@pytest.mark.parametrize("details", [{"calls": 5}, {"seconds": 0.3}])
def test_invisible_after_create(engine: Engine, sandbox: Sandbox, details: dict[str, Any]) -> None:
    """A batch that is neither listed nor found for a while after its creation is waited for."""
    sandbox.order("create", "hide", **details)
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    looks = [call["status"] for call in sandbox.calls() if call["operation"] == "retrieve"]
    assert 404 in looks
    assert count_posts(sandbox) == 1
    check_promises(engine, sandbox)


def test_invisible_beyond_the_settle_time(start: Start, slow: Sandbox) -> None:
    """A batch that was accepted and is out of sight is never given up for sent again."""
    engine = start(on=slow)
    slow.order("create", "hide", calls=150)
    engine.drop("a.jsonl", FOUR)
    engine.run_until(engine.is_in("submitted"))
    engine.run_for(1000)
    slow.end()
    engine.run_to_end()
    assert count_posts(slow) == 1
    check_promises(engine, slow)


def test_many_running(start: Start, slow: Sandbox) -> None:
    """One list answers for all running batches, in a busy workspace too."""
    engine = start(on=slow, max_part_requests=1)
    engine.drop("a.jsonl", FOUR)
    engine.run_until(lambda: engine.states() == ["submitted"] * 4)
    for _ in range(1100):
        slow.stranger(1)
    slow.end()
    before = len(slow.calls())
    engine.run_to_end()
    looks = [call["operation"] for call in slow.calls()[before:]]
    assert 1 <= looks.count("list") <= 4
    assert looks.count("results") == 4
    check_promises(engine, slow)
