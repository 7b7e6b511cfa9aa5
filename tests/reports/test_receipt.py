"""The receipt: how a job ended, in a word, in numbers, in money."""

import json
from typing import Any

import pytest

from batchbox.domain.job import Manifest
from batchbox.domain.part import Part
from batchbox.domain.records import Input, Output, Problem, Refusal, Tokens
from batchbox.domain.states import JobState, PartState
from batchbox.reports.receipt import SENTENCES, compose_receipt, count_rows, status_of
from tests.support.values import make_job, make_part

REFUSAL = Refusal(problem="the API refused it", fix="mend it", error={"type": "invalid_request_error"})


def collected(number: int = 1, generation: int = 1, **facts: Any) -> Part:
    return make_part(PartState.COLLECTED, number, generation=generation, **facts)


def refused(requests: int = 2, number: int = 9) -> Part:
    return make_part(PartState.REFUSED, number, requests=requests, refusal=REFUSAL)


def finished(*parts: Part, requests: int = 2, skipped: int = 0) -> Manifest:
    """Return a job with these parts, whose status is known."""
    whole = Input(lines=requests + skipped, requests=requests, skipped=skipped, bytes=9, sha256="1" * 64)
    job = make_job(*parts, state=JobState.PUBLISHING, input=whole)
    return job.model_copy(update={"status": status_of(job)})


@pytest.mark.parametrize(
    ("outcomes", "skipped", "status"),
    [
        ({"succeeded": 5}, 0, "succeeded"),
        ({"succeeded": 5}, 1, "partial"),
        ({"succeeded": 4, "errored": 1}, 0, "partial"),
        ({"succeeded": 1, "canceled": 4}, 0, "partial"),
        ({"succeeded": 1, "expired": 4}, 0, "partial"),
        ({"succeeded": 4, "pondered": 1}, 0, "partial"),
        ({"errored": 5}, 0, "failed"),
        ({"expired": 5}, 0, "failed"),
        ({"canceled": 4, "errored": 1}, 0, "failed"),
        ({"pondered": 5}, 0, "failed"),
        ({"canceled": 5}, 0, "canceled"),
        ({"canceled": 5}, 2, "canceled"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_the_status_tells_what_became_of_the_requests(
    outcomes: dict[str, int], skipped: int, status: str
) -> None:
    """Only a job of which every request was answered has succeeded; the counts add up to its requests."""
    job = finished(collected(requests=5, outcomes=outcomes), requests=5, skipped=skipped)
    receipt = compose_receipt(job)
    assert receipt["status"] == status
    assert receipt["message"] == SENTENCES[status]
    assert sum(receipt["counts"].values()) - receipt["counts"]["skipped"] == receipt["requests"] == 5
    assert receipt["counts"]["skipped"] == skipped


def test_a_part_that_was_refused_counts_as_errors() -> None:
    """Requests that the API never took were not answered, and the reason is given."""
    job = finished(collected(outcomes={"succeeded": 2}), refused(3), requests=5)
    receipt = compose_receipt(job)
    assert (receipt["status"], receipt["counts"]["errored"]) == ("partial", 3)
    assert receipt["refusals"] == ["the API refused it; mend it"]
    assert compose_receipt(finished(refused(5), requests=5))["status"] == "failed"


def test_rows_that_went_out_again_are_counted_once() -> None:
    """A row of an earlier generation that went out again counts as what it became in the end."""
    job = finished(
        collected(1, requests=5, outcomes={"succeeded": 3}, again=2),
        collected(1, 2, requests=2, outcomes={"succeeded": 1}, again=1),
        collected(1, 3, requests=1, outcomes={"expired": 1}),
        collected(2, requests=4, outcomes={"succeeded": 4}),
        requests=9,
    )
    assert count_rows(job) == {"succeeded": 8, "errored": 0, "canceled": 0, "expired": 1}
    assert job.status == "partial"


def test_a_rejected_file_sent_nothing() -> None:
    """A file with mistakes has no requests, and its mistakes are told, as many as there are."""
    mistakes = (Problem(line=3, column=5, problem="p", fix="f"), Problem(line=4, problem="q", fix="g"))
    whole = Input(lines=9, requests=7, bytes=9, sha256="1" * 64)
    job = make_job(
        state=JobState.PUBLISHING, input=whole, mistakes=mistakes, mistakes_total=200, status="rejected"
    )
    receipt = compose_receipt(job)
    assert (receipt["status"], receipt["requests"], sum(receipt["counts"].values())) == ("rejected", 0, 0)
    assert receipt["message"] == SENTENCES["rejected"]
    assert receipt["mistakes"] == [
        {"line": 3, "column": 5, "problem": "p", "fix": "f"},
        {"line": 4, "problem": "q", "fix": "g"},
    ]
    assert (receipt["mistakes_total"], receipt["cost_usd"], receipt["batches"]) == (200, 0.0, [])


def test_usage_is_summed_over_parts_and_generations() -> None:
    """Each model's tokens are added up, whichever part or generation used them."""
    job = finished(
        collected(1, usage={"m": Tokens(requests=2, input_tokens=10, cost_usd=0.125)}),
        collected(1, 2, usage={"m": Tokens(requests=1, input_tokens=5, output_tokens=7, cost_usd=0.25)}),
        collected(2, usage={"n": Tokens(requests=1, output_tokens=1, cost_usd=0.5)}),
    )
    receipt = compose_receipt(job)
    used = {
        model: (one["requests"], one["input_tokens"], one["output_tokens"], one["cost_usd"])
        for model, one in receipt["usage"].items()
    }
    assert used == {"m": (3, 15, 7, 0.375), "n": (1, 0, 1, 0.5)}
    assert receipt["cost_usd"] == 0.875


@pytest.mark.parametrize("place", range(3))
def test_one_unknown_price_makes_the_cost_unknown(place: int) -> None:
    """A cost that is not whole is null, never a smaller number and never 0."""
    costs: list[float | None] = [0.1, 0.2, 0.4]
    costs[place] = None
    models = ("m", "m", "n")
    parts = [
        collected(turn, usage={models[turn]: Tokens(requests=1, cost_usd=cost)})
        for turn, cost in enumerate(costs)
    ]
    receipt = compose_receipt(finished(*parts))
    assert receipt["cost_usd"] is None
    assert receipt["usage"][models[place]]["cost_usd"] is None


def test_a_receipt_names_every_file_batch_and_time() -> None:
    """What came in, what went out, in which batches and when: from the first to the last."""
    output = Output(folder="outbox", name="a.results.jsonl", source="secret", size=3, sha256="2" * 64)
    parts = [
        collected(1, batch_id="b-1", submitted_at="2025-01-01T00:00:02Z", ended_at="2025-01-01T00:00:09Z"),
        collected(2, batch_id="b-2", submitted_at="2025-01-01T00:00:01Z", ended_at="2025-01-01T00:00:08Z"),
        refused(),
    ]
    job = finished(*parts).model_copy(update={"outputs": (output,), "published_at": "later"})
    receipt = compose_receipt(job)
    assert receipt["batches"] == ["b-1", "b-2"]
    assert (receipt["times"]["submitted"], receipt["times"]["ended"]) == (
        "2025-01-01T00:00:01Z",
        "2025-01-01T00:00:09Z",
    )
    assert receipt["outputs"] == [
        {"folder": "outbox", "name": "a.results.jsonl", "size": 3, "sha256": "2" * 64}
    ]
    assert receipt["input"] == {
        "name": "a.jsonl",
        "name_b64": "YS5qc29ubA==",
        "lines": 2,
        "size": 9,
        "sha256": "1" * 64,
    }
    assert json.loads(json.dumps(receipt)) == receipt


def test_nothing_ended_has_no_time() -> None:
    """A time that did not come is null, not made up."""
    times = compose_receipt(finished(refused()))["times"]
    assert (times["submitted"], times["ended"], times["published"]) == (None, None, None)
