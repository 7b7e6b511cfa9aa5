"""The plan: from plain values to what is due, and to when to look again."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from batchbox.domain.backoff import Backoff
from batchbox.domain.batch import Batch
from batchbox.domain.job import Manifest
from batchbox.domain.states import FINAL, HELD, JobState, PartState
from batchbox.scheduling.actions import Action, Collect, Ingest, Park, Poll, Publish, Recover, Submit
from batchbox.scheduling.plan import next_moment, plan
from batchbox.scheduling.view import Doubt, View
from tests.support.values import make_batch, make_job, make_part

NOW = 1000.0
LATER = Backoff(1, NOW + 5, "down")
KEY = (1, 1)


def view(*jobs: Manifest, **facts: Any) -> View:
    usual: dict[str, Any] = {"now": NOW, "jobs": {job.job: job for job in jobs}, "next_poll": NOW + 99}
    return View(**usual | facts)


def due(*jobs: Manifest, **facts: Any) -> list[Action]:
    return list(plan(view(*jobs, **facts)))


def ready(job: str = "job-1") -> Manifest:
    return make_job(make_part(PartState.READY), job=job)


def submitted(job: str = "job-1", batch_id: str = "b-1", **facts: Any) -> Manifest:
    return make_job(make_part(PartState.SUBMITTED, batch_id=batch_id, **facts), job=job)


def ended(*batch_ids: str) -> Mapping[str, Batch]:
    return {batch_id: make_batch(batch_id) for batch_id in batch_ids}


def parts_of(states: Iterable[PartState]) -> list[Any]:
    return [make_part(state, number) for number, state in enumerate(states, start=1)]


@pytest.mark.parametrize(
    ("state", "action"),
    [
        (JobState.TAKEN, Ingest("job-1")),
        (JobState.PUBLISHING, Publish("job-1")),
        (JobState.DONE, Publish("job-1")),
    ],
)
def test_a_job_whose_parts_do_not_matter(state: JobState, action: Action) -> None:
    """A file that was taken is checked; an end that was broken off is brought to its end."""
    assert due(make_job(state=state)) == [action]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (PartState.READY, [Submit("job-1", KEY)]),
        (PartState.PREPARED, [Recover("job-1", KEY)]),
        (PartState.COMMITTED, [Recover("job-1", KEY)]),
        (PartState.IN_DOUBT, []),
        (PartState.CANDIDATES, []),
        (PartState.SUBMITTED, []),
        (PartState.COLLECTED, [Publish("job-1")]),
        (PartState.REFUSED, [Publish("job-1")]),
        (PartState.UNDECIDED, [Park("job-1")]),
        (PartState.GONE, [Park("job-1")]),
    ],
)
def test_a_part_without_news(state: PartState, expected: list[Action]) -> None:
    """What each state of a part asks for by itself; what waits for the API asks for nothing."""
    assert due(make_job(make_part(state))) == expected


@pytest.mark.parametrize("state", [*JobState])
def test_nothing_is_planned_for_a_busy_job(state: JobState) -> None:
    """Each manifest has one writer: a job that is being worked on is left alone."""
    job = make_job(make_part(PartState.READY), state=state)
    assert due(job)
    assert due(job, busy=frozenset({"job-1"})) == []


@pytest.mark.parametrize("state", [*JobState])
def test_a_job_that_failed_waits_for_its_time(state: JobState) -> None:
    """A failure of one job holds back that job, to the instant, and no other."""
    job, other = make_job(make_part(PartState.READY), state=state), make_job(state=JobState.TAKEN, job="b")
    backoffs = {"job-1": LATER}
    assert due(job, other, backoffs=backoffs) == [Ingest("b")]
    assert len(due(job, other, backoffs=backoffs, now=LATER.until)) == 2


def test_one_action_a_job() -> None:
    """However much of a job is due, only the first of it is begun: rows come home before others leave."""
    states = [PartState.READY, PartState.PREPARED, PartState.READY]
    job = make_job(*parts_of(states), make_part(PartState.SUBMITTED, 4, batch_id="b-1"))
    assert due(job, batches=ended("b-1")) == [Recover("job-1", (2, 1))]
    only = make_job(*parts_of(states[:1]), make_part(PartState.SUBMITTED, 4, batch_id="b-1"))
    assert due(only, batches=ended("b-1")) == [Collect("job-1", (4, 1), make_batch("b-1"))]


def test_one_submission_at_a_time() -> None:
    """Of many parts that are ready one goes out; none while one is on its way."""
    jobs = [ready(f"job-{number}") for number in range(5)]
    assert due(*jobs, slots=10) == [Submit("job-0", KEY)]
    assert due(*jobs, slots=10, submitting=True) == []


def test_a_submission_under_way_holds_up_nothing_else() -> None:
    """While a part is being sent, files are checked and rows are fetched."""
    jobs = [ready(), submitted("b"), make_job(state=JobState.TAKEN, job="c")]
    found = due(*jobs, submitting=True, batches=ended("b-1"))
    assert found == [Collect("b", KEY, make_batch("b-1")), Ingest("c")]


def test_rows_come_home_before_new_work_leaves() -> None:
    """Where slots are short, ends go before beginnings."""
    jobs = [
        make_job(state=JobState.TAKEN, job="taken"),
        ready("ready"),
        submitted("ended"),
        make_job(make_part(PartState.COLLECTED), job="collected"),
    ]
    kinds = [type(action) for action in due(*jobs, batches=ended("b-1"))]
    assert kinds == [Publish, Collect, Submit, Ingest]
    for slots in range(5):
        assert [type(action) for action in due(*jobs, batches=ended("b-1"), slots=slots)] == kinds[:slots]


@pytest.mark.parametrize("slots", [0, -1])
def test_the_poll_needs_no_slot(slots: int) -> None:
    """Transfers that take all the slots cannot keep the poll from going out."""
    assert due(submitted(), slots=slots, next_poll=NOW) == [Poll(frozenset({"b-1"}))]


def test_one_poll_asks_for_every_batch() -> None:
    """Submitted parts and candidates of all jobs, busy ones too, are asked for in one call."""
    suspect = make_job(make_part(PartState.CANDIDATES, candidates=("b-2", "b-3")), job="b")
    done = make_job(make_part(PartState.COLLECTED, batch_id="b-9"), job="c")
    found = due(submitted(), suspect, done, next_poll=NOW, busy=frozenset({"job-1", "b", "c"}))
    assert found == [Poll(frozenset({"b-1", "b-2", "b-3"}))]


@pytest.mark.parametrize(
    "facts",
    [{"next_poll": NOW + 0.1}, {"polling": True}, {"read": LATER}, {"jobs": {}}],
    ids=["not-yet", "under-way", "api-down", "nothing-runs"],
)
def test_no_poll_is_made_too_early(facts: dict[str, Any]) -> None:
    """A poll waits for its time, for the one under way, for the API, and for something to ask for."""
    assert due(submitted(), **{"next_poll": NOW} | facts) == []


@pytest.mark.parametrize("batch", [None, make_batch(ended=False)], ids=["unknown", "running"])
def test_only_an_ended_batch_is_collected(batch: Batch | None) -> None:
    """Until the API says that a batch has ended there is nothing to fetch."""
    assert due(submitted(), batches={"b-1": batch} if batch else {}) == []


def test_an_outage_of_create_keeps_no_rows_back() -> None:
    """The breaker of create stops submissions alone, and for its time alone."""
    jobs = [ready(), submitted("b")]
    collect = Collect("b", KEY, make_batch("b-1"))
    assert due(*jobs, create=LATER, batches=ended("b-1")) == [collect]
    assert Submit("job-1", KEY) in due(*jobs, create=LATER, batches=ended("b-1"), now=LATER.until)


def test_an_outage_of_reads_keeps_no_submission_back() -> None:
    """The breaker of reads stops polls and fetches alone."""
    jobs = [ready(), submitted("b")]
    assert due(*jobs, read=LATER, batches=ended("b-1"), next_poll=NOW) == [Submit("job-1", KEY)]


def test_paused_sends_nothing_and_finishes_what_is_out() -> None:
    """PAUSE stops what would cost money; what has been paid for still comes home."""
    jobs = [ready(), submitted("b"), make_job(make_part(PartState.COLLECTED), job="c")]
    kinds = [type(action) for action in due(*jobs, paused=True, batches=ended("b-1"), next_poll=NOW)]
    assert kinds == [Poll, Publish, Collect]


@pytest.mark.parametrize("held", sorted(HELD))
@pytest.mark.parametrize("other", PartState)
def test_a_job_is_parked_only_when_nothing_else_is_left_of_it(held: PartState, other: PartState) -> None:
    """A part that a person must decide about waits until every other part has come to its end."""
    parked = Park("job-1") in due(make_job(*parts_of([other, held])))
    assert parked == (other in FINAL | HELD)


@pytest.mark.parametrize("unfinished", [state for state in PartState if state not in FINAL])
def test_a_job_is_published_only_when_every_part_is_final(unfinished: PartState) -> None:
    """One part without its rows keeps the whole job from being published."""
    assert Publish("job-1") not in due(make_job(*parts_of([PartState.COLLECTED, unfinished])))


@pytest.mark.parametrize(
    ("facts", "moment"),
    [
        ({}, NOW + 99),
        ({"polling": True}, float("inf")),
        ({"next_poll": NOW + 3}, NOW + 3),
        ({"next_poll": NOW + 3, "read": LATER}, LATER.until),
        ({"create": LATER}, LATER.until),
        ({"backoffs": {"x": LATER, "y": replace(LATER, until=NOW + 2)}}, NOW + 2),
        ({"doubts": {("job-1", KEY): Doubt(since=NOW - 890)}}, NOW + 10),
        ({"doubts": {("job-1", KEY): Doubt(since=NOW - 990, looked_at=NOW - 20)}}, NOW + 40),
    ],
    ids=[
        "poll",
        "poll-under-way",
        "poll-soon",
        "poll-when-api-is-back",
        "create",
        "first-backoff",
        "doubt",
        "second-look",
    ],
)
def test_the_next_moment_is_the_first_at_which_something_may_be_due(
    facts: dict[str, Any], moment: float
) -> None:
    """The loop sleeps until then and no longer; what lies behind wakes nobody."""
    assert next_moment(view(submitted(), **facts)) == moment


def test_without_anything_to_wait_for_there_is_no_next_moment() -> None:
    """An idle spool wakes nobody."""
    assert next_moment(view(ready(), next_poll=NOW + 1)) == float("inf")
