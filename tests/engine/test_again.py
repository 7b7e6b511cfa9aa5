"""Rows that failed for reasons of the service go out again; what the request is to blame for does not."""

import json
from typing import Any

import pytest

from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine

FOUR = b"".join(request(one) for one in "abcd")


def sent_ids(sandbox: Sandbox) -> list[list[str]]:
    """Return the producer's ids in each batch."""
    return [[one.rpartition("-")[0] for one in batch["custom_ids"]] for batch in sandbox.batches()]


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [("expired", "")]
    + [("errored", kind) for kind in ("overloaded_error", "api_error", "timeout_error", "rate_limit_error")],
)
def test_again(engine: Engine, sandbox: Sandbox, outcome: str, kind: str) -> None:
    """Only those rows go out again, under a new nonce, and land in their places of the one file."""
    details: dict[str, Any] = {"error_type": kind} if kind else {}
    for one in "bd":
        sandbox.outcome(f"question {one}", outcome, **details)
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    assert sent_ids(sandbox) == [["a", "b", "c", "d"], ["b", "d"]]
    receipt = engine.receipt("a")
    assert (receipt["status"], receipt["counts"]["succeeded"]) == ("succeeded", 4)
    assert len(receipt["batches"]) == 2
    assert sum(one["requests"] for one in receipt["usage"].values()) == 4
    check_promises(engine, sandbox)


def test_again_and_again(start: Start, sandbox: Sandbox) -> None:
    """After max_attempts it lands in errors, with the API's own row, line and request."""
    engine = start(max_attempts=2)
    sandbox.outcome("question b", "errored", times=9, message="Overloaded!")
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    assert sent_ids(sandbox) == [["a", "b", "c", "d"], ["b"]]
    assert engine.receipt("a")["status"] == "partial"
    (error,) = engine.rows("a", "errors")
    assert (error["line"], error["custom_id"], error["reason"]["outcome"]) == (2, "b", "errored")
    assert "Overloaded!" in error["reason"]["problem"]
    assert error["request"] == json.loads(request("b"))
    check_promises(engine, sandbox)


def test_errors_dropped_back_in(start: Start, sandbox: Sandbox) -> None:
    """The errors file is itself a file that can be dropped, as it is, under its own name."""
    engine = start(max_attempts=1)
    for one in "ac":
        sandbox.outcome(f"question {one}", "expired")
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    engine.drop("a.errors.jsonl", engine.path("a", "errors.jsonl").read_bytes())
    engine.run_to_end()
    assert [row["custom_id"] for row in engine.rows("a.errors")] == ["a", "c"]
    assert engine.receipt("a.errors")["status"] == "succeeded"
    check_promises(engine, sandbox)


def test_invalid_requests_never_go_again(engine: Engine, sandbox: Sandbox) -> None:
    """What the request is to blame for would fail again: it is not sent twice."""
    sandbox.outcome("question b", "errored", error_type="invalid_request_error", message="no")
    sandbox.outcome("question c", "errored", error_type="of_tomorrow_error", message="hm")
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    assert len(sandbox.batches()) == 1
    assert [row["custom_id"] for row in engine.rows("a", "errors")] == ["b", "c"]
    check_promises(engine, sandbox)


def test_each_generation_in_doubt(engine: Engine, sandbox: Sandbox) -> None:
    """A repeated part is as careful as the first: a lost answer never makes a second batch of it."""
    sandbox.outcome("question b", "expired", times=2)
    sandbox.order("create", "drop_after", times=3)
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    assert sent_ids(sandbox) == [["a", "b", "c", "d"], ["b"], ["b"]]
    assert engine.receipt("a")["status"] == "succeeded"
    check_promises(engine, sandbox)


def test_expired_whole(start: Start, slow: Sandbox) -> None:
    """A batch that expired with nothing done goes out again whole."""
    engine = start(on=slow)
    engine.drop("a.jsonl", FOUR)
    engine.run_until(engine.is_in("submitted"))
    slow.expire(slow.batches()[0]["id"])
    engine.run_until(lambda: len(slow.batches()) == 2)
    slow.end()
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "succeeded"
    check_promises(engine, slow)


@pytest.mark.parametrize("parts", [1, 2])
def test_refused(start: Start, sandbox: Sandbox, parts: int) -> None:
    """A part that the API refuses gives rows in the API's own shape; the other parts are answered."""
    engine = start(max_part_requests=4 // parts)
    sandbox.order("create", "refuse", status=400, message="requests.0: no", skip=parts - 1)
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    receipt = engine.receipt("a")
    assert receipt["status"] == ("failed" if parts == 1 else "partial")
    assert receipt["counts"]["errored"] == 4 // parts
    assert "requests.0: no" in receipt["refusals"][0]
    result = engine.rows("a")[-1]["result"]
    assert (result["type"], result["error"]["type"]) == ("errored", "error")
    assert result["error"]["error"] == {"type": "invalid_request_error", "message": "requests.0: no"}
    assert result["error"]["request_id"].startswith("req_")
    check_promises(engine, sandbox)


def test_refused_again(engine: Engine, sandbox: Sandbox) -> None:
    """Where the second generation is refused, the answers of the first are kept."""
    sandbox.outcome("question b", "expired")
    sandbox.order("create", "refuse", status=413, skip=1)
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    assert [row["result"]["type"] for row in engine.rows("a")] == [
        "succeeded",
        "errored",
        "succeeded",
        "succeeded",
    ]
    assert engine.receipt("a")["status"] == "partial"
    check_promises(engine, sandbox)


def test_canceled(engine: Engine, sandbox: Sandbox) -> None:
    """What somebody canceled is not sent again: it was meant."""
    sandbox.outcome("question", "canceled", times=4)
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    assert (engine.receipt("a")["status"], len(sandbox.batches())) == ("canceled", 1)
    check_promises(engine, sandbox)


def test_canceled_in_part(engine: Engine, sandbox: Sandbox) -> None:
    """With some answers there, a canceled batch is a partial one."""
    sandbox.outcome("question d", "canceled")
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "partial"
    assert engine.rows("a", "errors")[0]["reason"]["outcome"] == "canceled"
    check_promises(engine, sandbox)
