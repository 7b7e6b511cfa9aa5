"""The agenda: between two looks at everything, it offers what a look at everything would."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from batchbox.domain.backoff import Backoff
from batchbox.domain.batch import Batch
from batchbox.domain.job import JobId, Manifest
from batchbox.domain.states import JobState, PartState
from batchbox.scheduling.actions import Action, Collect, Ingest, Poll, Submit
from batchbox.scheduling.due_cache import DueCache
from batchbox.scheduling.plan import due_actions, plan
from batchbox.scheduling.view import View
from tests.support.values import make_job, make_part

SLOTS = 4


def running(job: str, **facts: Any) -> Manifest:
    return make_job(make_part(**facts), job=job)


def taken(job: str) -> Manifest:
    return make_job(job=job, state=JobState.TAKEN)


def sent(job: str) -> Manifest:
    return running(job, state=PartState.SUBMITTED, batch_id=f"b-{job}", submitted_at="2026-01-01T00:00:00Z")


def ended(*jobs: str) -> dict[str, Batch]:
    return {f"b-{job}": Batch(f"b-{job}", ended=True, total=1, created_at="") for job in jobs}


def view(*jobs: Manifest, **facts: Any) -> View:
    return View(
        **{"now": 100.0, "jobs": {job.job: job for job in jobs}, "slots": SLOTS, "next_poll": 1e9, **facts}
    )


def take(agenda: DueCache, seen: View, *news: JobId) -> list[Action]:
    return list(agenda.take(seen, news))


def jobs_of(actions: list[Action]) -> set[JobId]:
    return {action.job for action in actions if not isinstance(action, Poll)}


def test_the_first_take_is_the_plan() -> None:
    """An agenda that knows nothing looks at everything, the poll included."""
    seen = view(taken("a"), running("b"), sent("c"), next_poll=0.0)
    assert take(DueCache(), seen) == list(plan(seen))
    assert isinstance(take(DueCache(), seen)[0], Poll)


def test_what_found_no_slot_is_offered_without_another_look() -> None:
    """What was due stays due, most urgent first, and is offered once."""
    jobs = [taken(str(number)) for number in range(10)]
    agenda, offered = DueCache(), []
    for _ in range(4):
        offered += take(agenda, view(*jobs))
    assert offered == [Ingest(str(number)) for number in range(10)]
    assert agenda.until > 100.0


def test_one_submission_at_a_time() -> None:
    """The others keep their place until it is over."""
    jobs = [running(name) for name in "abc"]
    agenda = DueCache()
    assert take(agenda, view(*jobs)) == [Submit("a", (1, 1))]
    assert take(agenda, view(*jobs, busy={"a"}, submitting=True)) == []
    assert take(agenda, view(*jobs)) == [Submit("b", (1, 1))]


def test_news_of_a_job_are_heeded_at_once() -> None:
    """A job that has changed is looked at in the same take, and goes before what is less urgent."""
    agenda = DueCache()
    assert take(agenda, view(taken("a"), taken("b"), slots=0)) == []
    seen = view(taken("a"), taken("b"), sent("c"), batches=ended("c"), slots=1)
    assert take(agenda, seen, "c") == [Collect("c", (1, 1), ended("c")["b-c"])]


def test_what_is_not_due_any_more_is_not_offered() -> None:
    """A job that went, or began to wait, or moved on in between frees its slot for the next."""
    jobs = [taken(name) for name in "abcd"]
    agenda = DueCache()
    take(agenda, view(*jobs, slots=0))
    later = view(
        running("b"), taken("c"), taken("d"), backoffs={"c": Backoff(until=500.0)}, slots=1, submitting=True
    )
    assert take(agenda, later) == [Ingest("d")]
    assert take(agenda, replace(later, submitting=False)) == [Submit("b", (1, 1))]


def test_a_moment_that_comes_is_not_missed() -> None:
    """A wait that ends, a poll and a settle time bring about a look at everything by themselves."""
    waiting = view(taken("a"), backoffs={"a": Backoff(until=130.0)})
    agenda = DueCache()
    assert take(agenda, waiting) == []
    assert agenda.until == 130.0
    assert take(agenda, replace(waiting, now=130.0)) == [Ingest("a")]
    polled = view(sent("a"), next_poll=140.0)
    agenda.wake_by(0.0)
    assert take(agenda, polled) == []
    assert agenda.until == 140.0


@pytest.mark.parametrize("seed", range(30))
def test_nothing_that_is_due_is_forgotten(seed: int) -> None:
    """Whatever changes between takes, as long as the news are told, all that is due is begun in the end."""
    random = Random(seed)
    makers = [taken, running, sent]
    jobs = {str(number): random.choice(makers)(str(number)) for number in range(40)}
    batches = ended(*(name for name in jobs if random.random() < 0.5))
    agenda, busy, news = DueCache(), set[str](), set[str]()
    for _ in range(200):
        seen = view(*jobs.values(), busy=set(busy), batches=batches, slots=SLOTS - len(busy))
        begun = [action for action in take(agenda, seen, *news) if not isinstance(action, Poll)]
        assert set(begun) <= set(due_actions(seen))
        busy |= {action.job for action in begun}
        news = {name for name in busy if random.random() < 0.7}
        busy -= news
        for name in news:
            if isinstance(jobs[name], Manifest) and random.random() < 0.6:
                jobs[name] = random.choice(makers)(name)
            else:
                del jobs[name]
    everything = view(*jobs.values(), batches=batches, slots=99)
    rest = jobs_of(take(agenda, everything, *news, *busy))
    for _ in range(len(jobs)):
        rest |= jobs_of(take(agenda, view(*jobs.values(), busy=rest, batches=batches, slots=99)))
    assert rest == jobs_of(list(due_actions(everything)))
