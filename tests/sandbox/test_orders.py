"""Ordered faults and outcomes, tested by calls."""

import json
from typing import Any

import msgspec
import pytest

from batchbox_sandbox.batches import Verdict
from batchbox_sandbox.checks import Dialect
from batchbox_sandbox.envelope import Request, parse
from batchbox_sandbox.faults import FAULTS, BadOrder, FaultBook
from batchbox_sandbox.faults import read_order as read_fault
from batchbox_sandbox.outcomes import OutcomeBook, decide
from batchbox_sandbox.outcomes import read_order as read_outcome

TURNS = [{"role": "user", "content": "Hi"}]
PARAMS: dict[str, Any] = {"model": "claude-haiku-5-5", "max_tokens": 8, "messages": TURNS}


def write(*items: object) -> bytes:
    """Return the body of a create with these requests."""
    return json.dumps({"requests": items}).encode()


def test_orders_are_taken_in_turn_and_used_up() -> None:
    """Each matching call consumes one order; other calls consume none."""
    book = FaultBook()
    book.add(read_fault({"at": "create", "fault": "drop_after", "times": 2}))
    book.add(read_fault({"at": "any", "fault": "empty"}))
    taken = [book.take(operation) for operation in ("create", "list", "create", "create")]
    kinds = [type(fault).__name__ for fault in taken]
    assert kinds == ["DropAfter", "Empty", "DropAfter", "NoneType"]
    assert book.show() == []


def test_skip_lets_calls_through_first() -> None:
    """An order with `skip` waits for its turn, and so do the orders behind it."""
    book = FaultBook()
    book.add(read_fault({"at": "list", "fault": "garbage", "skip": 2}))
    assert [book.take("list") is None for _ in range(4)] == [True, True, False, True]


def test_any_waits_for_a_call_to_which_the_fault_can_happen() -> None:
    """A fault of one operation, ordered at any, passes over the others."""
    book = FaultBook()
    book.add(read_fault({"at": "any", "fault": "cut"}))
    assert book.take("create") is None
    assert book.take("results") is not None


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        ({"at": "create", "fault": "explode"}, "known faults: clean, refuse, drop_before"),
        ({"at": "create"}, "fault: None is not known"),
        (
            {"at": "submit", "fault": "late"},
            "known: cancel, create, delete, list, results, retrieve, any",
        ),
        ({"at": "create", "fault": "cut"}, "known: results, any"),
        ({"at": "create", "fault": "refuse"}, "missing required field `status`; known details: early"),
        ({"at": "create", "fault": "refuse", "status": 200}, ">= 400"),
        ({"at": "create", "fault": "late", "seconds": "soon"}, "Expected `float`"),
        ({"at": "create", "fault": "drop_after", "loud": True}, "unknown field `loud`; known details: skip"),
        ({"at": "create", "fault": "drop_after", "times": 0}, ">= 1"),
        ({"at": "create", "fault": "hide"}, "needs `seconds` or `calls`"),
        ({"at": "results", "fault": "cut", "where": "here"}, "Invalid enum value 'here'"),
    ],
)
def test_a_wrong_order_names_what_is_known(order: dict[str, Any], complaint: str) -> None:
    """Whoever orders what does not exist learns what does."""
    with pytest.raises(BadOrder) as caught:
        read_fault(order)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_says_what_it_is(name: str) -> None:
    """The table of faults is its own documentation."""
    assert (FAULTS[name].__doc__ or "").endswith(".")


def read(*texts: str) -> list[Request]:
    """Return requests with these texts as their questions, named q0, q1, ..."""
    turns = [[{"role": "user", "content": text}] for text in texts]
    items = ({"custom_id": f"q{at}", "params": {**PARAMS, "messages": turn}} for at, turn in enumerate(turns))
    return parse(write(*items))


def test_an_outcome_holds_for_the_next_requests_that_match() -> None:
    """An order is consumed by matching requests only, and comes before their own mistakes."""
    book = OutcomeBook()
    book.add(read_outcome({"match": "tree", "outcome": "expired", "times": 2}))
    book.add(read_outcome({"match": '"q0"', "outcome": "errored", "message": "Busy"}))
    verdicts = decide(read("a bush", "a tree", "trees", "tree"), Dialect(), book)
    assert verdicts == {
        0: Verdict("errored", "overloaded_error", "Busy"),
        1: Verdict("expired"),
        2: Verdict("expired"),
    }
    assert book.show() == []


def test_a_mistake_in_params_is_a_verdict() -> None:
    """What is wrong with params is decided at the create and shown at the end."""
    item = b'{"custom_id":"a","params":{}}'
    verdicts = decide([Request("a", msgspec.Raw(item))], Dialect(), OutcomeBook())
    assert verdicts == {0: Verdict("errored", "invalid_request_error", "model: Field required")}


@pytest.mark.parametrize(
    "order", [{}, {"match": "", "outcome": "expired"}, {"match": "a", "outcome": "lost"}]
)
def test_a_wrong_outcome_names_what_is_known(order: dict[str, Any]) -> None:
    """Whoever orders an outcome that does not exist learns which do."""
    with pytest.raises(BadOrder, match="known outcomes: expired, canceled, errored, unknown_type, refusal"):
        read_outcome(order)
