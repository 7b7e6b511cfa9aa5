"""The bill: what it cost and would have cost without batching; what is not known is not made up."""

from typing import Any

import pytest

from batchbox.cost.amounts import APPROXIMATION
from batchbox.cost.cost_report import write_cost_report
from batchbox.domain.part import Part
from batchbox.domain.records import Decision, Estimate, Tokens
from batchbox.domain.states import JobState, PartState
from batchbox.reports.receipt import compose_receipt
from batchbox.reports.receipt_model import Receipt
from tests.support.values import make_job, make_part

ESTIMATE = Estimate(input_tokens=100, output_tokens=900, cost_usd=0.5, unbatched_usd=1.0, models=("m",))
USED = Tokens(requests=2, input_tokens=40, output_tokens=9, cost_usd=0.0123, unbatched_usd=0.0246)


def answered(usage: dict[str, Tokens], **facts: Any) -> Part:
    return make_part(PartState.COLLECTED, usage=usage, batch_id="b-1", **facts)


@pytest.mark.parametrize(
    ("usage", "text", "cost", "unbatched"),
    [
        ({}, "0.0000 USD", 0.0, 0.0),
        ({"m": USED}, "0.0123 USD; 0.0246 USD without batching", 0.0123, 0.0246),
        ({"m": Tokens(requests=1, cost_usd=0.0123)}, "0.0123 USD", 0.0123, None),
        ({"m": Tokens(requests=1, cost_usd=None)}, "unknown: no price is known for what m used", None, None),
        (
            {"m": USED, "n": Tokens(requests=1, cost_usd=None), "o": Tokens(requests=1, cost_usd=None)},
            "unknown, at least 0.0123 USD: no price is known for what n and o used",
            None,
            None,
        ),
    ],
    ids=["nothing", "known", "of-long-ago", "unknown", "in-part"],
)
def test_cost(usage: dict[str, Tokens], text: str, cost: float | None, unbatched: float | None) -> None:
    """In words for people, as numbers for programs; null where not all of it is known."""
    found = write_cost_report(make_job(answered(usage)))
    assert (found["cost"], found["cost_usd"], found["unbatched_usd"]) == (text, cost, unbatched)


def test_batches_that_were_given_up() -> None:
    """A batch whose answers could not be had was paid for all the same: the sum is not known."""
    given_up = make_part(PartState.CANCELED, 2, batch_id="b-2")
    found = write_cost_report(make_job(answered({"m": USED}, abandoned=("b-0",)), given_up))
    told = "unknown, at least 0.0123 USD: what b-0 and b-2 used was never learnt"
    assert (found["cost"], found["cost_usd"], found["unbatched_usd"]) == (told, None, None)


def test_what_nobody_will_ever_know() -> None:
    """An attempt that had no answer may have been paid for: canceled, or sent again, the sum is not known."""
    doubted = make_part(PartState.CANCELED, given_up=("2026-01-01T00:00:00Z",))
    told = "unknown: whether something that had no answer was paid for was never learnt"
    assert write_cost_report(make_job(doubted))["cost"] == told
    again = answered({"m": USED}, given_up=("2026-01-01T00:00:00Z",))
    assert write_cost_report(make_job(again))["cost_usd"] is None
    gone = answered({"m": USED}, given_up=("2026-01-01T00:00:00Z",), abandoned=("b-0",))
    assert (
        write_cost_report(make_job(gone))["cost"]
        == "unknown, at least 0.0123 USD: what b-0 used was never learnt"
    )


@pytest.mark.parametrize(
    ("used", "ratio"),
    [
        ({"m": USED}, 0.4),
        ({"m": USED.model_copy(update={"requests": 1})}, 0.8),
        ({"m": USED.model_copy(update={"cache_read_input_tokens": 60})}, 1.0),
        ({}, None),
    ],
    ids=["all", "half", "cache", "none"],
)
def test_how_far_off_the_estimate_was(used: dict[str, Tokens], ratio: float | None) -> None:
    """It is held against what was answered, the cache included; of nothing, nothing is said."""
    job = make_job(answered(used, estimate=ESTIMATE))
    assert write_cost_report(job)["estimate"] == {
        "input_tokens": 100,
        "output_tokens": 900,
        "cost_usd": 0.5,
        "unbatched_usd": 1.0,
        "models": ["m"],
        "how": APPROXIMATION,
        "actual_by_estimated_input": ratio,
    }


@pytest.mark.parametrize("verb", ["release", "cancel"])
def test_held(verb: str) -> None:
    """A file that was held says why, and who approved of it, if anybody did."""
    at = "2026-01-01T00:00:00Z"
    approved = at if verb == "release" else None
    decision = Decision(verb=verb, at=at, by="ada")
    job = make_job(answered({"m": USED}), excess="too dear", approved_at=approved, decisions=(decision,))
    by = "ada" if approved else None
    assert write_cost_report(job)["held"] == {
        "reason": "too dear",
        "approved_at": approved,
        "approved_by": by,
    }


def test_shape() -> None:
    """A receipt with all of it has the shape that is published."""
    job = make_job(
        answered({"m": USED}, estimate=ESTIMATE),
        excess="too dear",
        state=JobState.PUBLISHING,
        status="succeeded",
    )
    assert Receipt.model_validate(compose_receipt(job)).cost == "0.0123 USD; 0.0246 USD without batching"
