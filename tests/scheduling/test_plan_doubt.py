"""The plan for parts in doubt: wait, look twice, believe only proof."""

from dataclasses import replace
from typing import Any

import pytest

from batchbox.domain.backoff import Backoff
from batchbox.domain.batch import Batch
from batchbox.domain.job import Manifest
from batchbox.domain.states import PartState
from batchbox.scheduling.actions import Action, Look, LoseSight, Prove, Submit
from batchbox.scheduling.plan import next_moment, plan
from batchbox.scheduling.view import Doubt, View
from tests.support.values import make_batch, make_job, make_part

NOW = 10_000.0
SETTLE = 900.0
FIFTEENTH = 60.0
KEY = (1, 1)
DOUBTED = make_job(make_part(PartState.IN_DOUBT))
DOWN = Backoff(1, NOW + 5, "down")


def due(*jobs: Manifest, **facts: Any) -> list[Action]:
    usual = {"now": NOW, "jobs": {job.job: job for job in jobs}, "next_poll": NOW + 99}
    return list(plan(View(**{**usual, "doubt_seconds": SETTLE, **facts})))


def suspect(*candidates: str) -> Manifest:
    return make_job(make_part(PartState.CANDIDATES, candidates=candidates))


def doubt(since: float, looked_at: float | None = None) -> dict[tuple[str, tuple[int, int]], Doubt]:
    return {("job-1", KEY): Doubt(since, looked_at)}


@pytest.mark.parametrize(
    ("doubts", "expected"),
    [
        ({}, []),
        (doubt(NOW), []),
        (doubt(NOW - SETTLE + 0.1), []),
        (doubt(NOW - SETTLE), [Look("job-1", KEY, final=False)]),
        (doubt(NOW - 2 * SETTLE), [Look("job-1", KEY, final=False)]),
        (doubt(NOW - SETTLE, NOW), []),
        (doubt(NOW - 5 * SETTLE, NOW - FIFTEENTH + 0.1), []),
        (doubt(NOW - 5 * SETTLE, NOW - FIFTEENTH), [Look("job-1", KEY, final=True)]),
    ],
    ids=["unknown", "fresh", "settling", "settled", "late", "looked", "not-yet", "second"],
)
def test_a_part_in_doubt_is_looked_for_twice(doubts: dict[Any, Doubt], expected: list[Action]) -> None:
    """First when the settle time is over, then a fifteenth of it later; never before, to the instant."""
    assert due(DOUBTED, doubts=doubts) == expected


@pytest.mark.parametrize("settle", [1.5, 15.0, 900.0])
def test_the_second_look_follows_the_settle_time(settle: float) -> None:
    """A shorter settle time brings both looks nearer, in proportion."""
    looked = doubt(0.0, NOW - settle / 15)
    assert due(DOUBTED, doubts=looked, doubt_seconds=settle) == [Look("job-1", KEY, final=True)]
    assert due(DOUBTED, doubts=looked, doubt_seconds=settle * 1.01) == []


def test_no_look_is_taken_while_the_api_cannot_be_read() -> None:
    """A look that fails says nothing, so it waits for the API."""
    assert due(DOUBTED, doubts=doubt(0.0), read=DOWN) == []
    assert due(DOUBTED, doubts=doubt(0.0), create=DOWN) == [Look("job-1", KEY, final=False)]


def test_a_part_in_doubt_waits_alone() -> None:
    """Other parts and other jobs go on; the part in doubt is not sent again."""
    job = make_job(make_part(PartState.IN_DOUBT), make_part(PartState.READY, number=2))
    other = make_job(make_part(PartState.READY), job="b")
    assert due(job, doubts=doubt(NOW)) == [Submit("job-1", (2, 1))]
    assert due(DOUBTED, other, doubts=doubt(NOW)) == [Submit("b", KEY)]


def test_a_doubt_is_that_of_one_part() -> None:
    """What is known of another part, or of another job's, ends no wait."""
    for key in (("job-1", (2, 1)), ("job-1", (1, 2)), ("b", KEY)):
        assert due(DOUBTED, doubts={key: Doubt(0.0)}) == []


@pytest.mark.parametrize("batch", [None, make_batch("b-1", ended=False)], ids=["unknown", "running"])
def test_a_candidate_is_not_judged_before_it_has_ended(batch: Batch | None) -> None:
    """Its first row is the only proof, and there is none until the batch has ended."""
    assert due(suspect("b-1"), batches={"b-1": batch} if batch else {}) == []


def test_a_candidate_that_has_ended_is_proven() -> None:
    """Of several candidates, the one that has ended is looked into; the others wait."""
    batches = {"b-1": make_batch("b-1", ended=False), "b-2": make_batch("b-2")}
    assert due(suspect("b-1", "b-2"), batches=batches) == [Prove("job-1", KEY, (make_batch("b-2"),))]
    assert due(suspect("b-1", "b-2"), batches=batches, read=DOWN) == []


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ({}, []),
        ({"b-1": 0.0}, []),
        ({"b-1": SETTLE - 0.1}, []),
        ({"b-1": SETTLE}, [LoseSight("job-1", KEY, "b-1")]),
        ({"b-2": SETTLE}, []),
    ],
    ids=["seen", "just-missed", "missed", "lost", "another"],
)
def test_sight_is_lost_only_after_the_settle_time(missing: dict[str, float], expected: list[Action]) -> None:
    """A 404 is normal for a while; only one that lasts asks for a person."""
    assert due(suspect("b-1"), missing=missing) == expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (make_batch("b-2"), [Prove("job-1", KEY, (make_batch("b-2"),))]),
        (make_batch("b-2", ended=False), []),
        (None, []),
    ],
    ids=["ended", "running", "not-yet-seen"],
)
def test_no_person_is_asked_while_another_candidate_may_be_proven(
    other: Batch | None, expected: list[Action]
) -> None:
    """A deleted candidate is given up only once none of the others can settle the matter."""
    batches = {"b-2": other} if other else {}
    assert due(suspect("b-1", "b-2"), missing={"b-1": SETTLE}, batches=batches) == expected
    assert due(suspect("b-1"), missing={"b-1": SETTLE}) == [LoseSight("job-1", KEY, "b-1")]


def test_all_that_were_lost_are_given_up_one_by_one() -> None:
    """With every candidate out of sight, one is named; one action a job, here too."""
    gone = {"b-1": SETTLE, "b-2": SETTLE}
    assert due(suspect("b-1", "b-2"), missing=gone) == [LoseSight("job-1", KEY, "b-1")]


@pytest.mark.parametrize("looked_at", [None, NOW - 1])
def test_the_loop_wakes_when_the_wait_is_over(looked_at: float | None) -> None:
    """At the moment that the plan names, and not before it, the look is due."""
    view = View(now=NOW, jobs={"job-1": DOUBTED}, doubts=doubt(NOW - 1, looked_at), doubt_seconds=SETTLE)
    moment = next_moment(view)
    assert due(DOUBTED, doubts=view.doubts, now=moment - 0.001) == []
    assert len(due(DOUBTED, doubts=view.doubts, now=moment)) == 1


def test_all_that_have_ended_are_looked_into_at_once() -> None:
    """A stranger's batch that cannot be read never stands before ours."""
    batches = {name: make_batch(name) for name in ("b-1", "b-2")}
    expected = [Prove("job-1", KEY, (make_batch("b-1"), make_batch("b-2")))]
    assert due(suspect("b-1", "b-2"), batches=batches) == expected


def test_an_archived_candidate_hides_no_other() -> None:
    """Sight is lost only when no candidate is left that can be read."""
    old = replace(make_batch("b-1"), archived_at="2026-11-01T00:00:00Z")
    running = {"b-1": old, "b-2": make_batch("b-2", ended=False)}
    assert due(suspect("b-1", "b-2"), batches=running) == []
    assert due(suspect("b-1", "b-2"), batches=running | {"b-2": make_batch("b-2")}) == [
        Prove("job-1", KEY, (make_batch("b-2"),))
    ]
    assert due(suspect("b-1"), batches={"b-1": old}) == [LoseSight("job-1", KEY, "b-1")]
