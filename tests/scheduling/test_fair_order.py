"""Turns: no queue's flood keeps another waiting, and what is more urgent goes first."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from batchbox.domain.batch import Batch
from batchbox.domain.job import Manifest
from batchbox.domain.priorities import Priority
from batchbox.domain.records import SourceFile
from batchbox.domain.states import JobState, PartState
from batchbox.scheduling.actions import CallOff, Collect, Ingest, Poll, Submit
from batchbox.scheduling.due_cache import DueCache
from batchbox.scheduling.quota import Quota
from batchbox.scheduling.view import View
from tests.support.values import make_job, make_part

KEY = (1, 1)
SOURCE = SourceFile(name="a.jsonl", name_b64="YS5qc29ubA==", queue="", size=9, inode=3, mtime_ns=5)


def job(name: str, queue: str, state: PartState | None = None, **facts: Any) -> Manifest:
    """Return a job of *queue*; *state* is that of its one part, without it the file is not checked yet."""
    known: dict[str, Any] = {"job": name, "source": SOURCE.model_copy(update={"queue": queue})} | facts
    if state is None:
        return make_job(state=JobState.TAKEN, **known)
    requests = known.pop("requests", 2)
    return make_job(make_part(state, batch_id=f"b-{name}", requests=requests), **known)


def view(jobs: Iterable[Manifest], **facts: Any) -> View:
    return View(**{"now": 1.0, "jobs": {one.job: one for one in jobs}, "next_poll": 1e9, **facts})


def work_off(jobs: Iterable[Manifest], slots: int, **facts: Any) -> list[str]:
    """Return the names of the jobs in the order in which they are begun; each ends when the next is due."""
    agenda, left, busy, order = DueCache(), {one.job: one for one in jobs}, list[str](), list[str]()
    while left:
        seen = view(left.values(), busy=frozenset(busy), slots=slots - len(busy), **facts)
        begun = [one.job for one in agenda.take(seen, order[-1:]) if not isinstance(one, Poll)]
        order += begun
        busy += begun
        del left[busy.pop(0)]
    return order


def flood(queue: str, number: int, state: PartState | None = None, **facts: Any) -> list[Manifest]:
    return [job(f"1-{queue}-{n:04d}", queue, state, **facts) for n in range(number)]


@pytest.mark.parametrize("slots", [1, 4])
def test_a_flood_lets_others_pass(slots: int) -> None:
    """A queue with little to do waits for what is under way, and not for a flood that came before."""
    order = work_off([*flood("flood", 1000), job("2-a", "a"), job("2-b", "b")], slots)
    assert order.index("2-a") <= slots
    assert order.index("2-b") <= slots + 1


@pytest.mark.parametrize("slots", [1, 3, 4])
def test_two_floods_share(slots: int) -> None:
    """Whatever the number of slots, each of two floods gets half of the turns."""
    order = work_off([*flood("x", 200), *flood("y", 200)], slots)
    counts = Counter(name[2] for name in order[:200])
    assert abs(counts["x"] - counts["y"]) <= slots


def test_fetching_for_one_queue_keeps_no_other_from_sending() -> None:
    """A thousand batches that end at once do not stop what another queue has to check and send."""
    many = flood("x", 1000, PartState.SUBMITTED)
    ended = {f"b-{one.job}": Batch(f"b-{one.job}", ended=True, total=2, created_at="") for one in many}
    order = work_off([*many, job("2-check", "y"), job("2-send", "y", PartState.READY)], 1, batches=ended)
    assert order.index("2-send") <= 3
    assert order.index("2-check") <= 5


def test_within_a_queue_rows_come_home_first_and_the_oldest_file_goes_first() -> None:
    """Ends go before beginnings; of several files the oldest, whatever was read last."""
    jobs = [job("3", "q"), job("2", "q"), job("1", "q"), job("9", "q", PartState.COLLECTED)]
    assert work_off(jobs, 1) == ["9", "1", "2", "3"]


def test_of_files_taken_within_a_second_the_older_goes_first() -> None:
    """A job's id tells its second; within it, the file's own time tells which came first."""
    jobs = [
        job(f"{name}-x", "q", source=SOURCE.model_copy(update={"queue": "q", "mtime_ns": at}))
        for name, at in (("a", 30), ("b", 10), ("c", 20))
    ]
    assert work_off(jobs, 1) == ["b-x", "c-x", "a-x"]


def test_the_more_urgent_goes_first() -> None:
    """Urgent, normal, low: in any queue, and whatever else is to be done."""
    jobs = [
        job("1", "q", PartState.COLLECTED, priority=Priority.LOW),
        *flood("n", 3),
        job("2", "q", priority=Priority.URGENT),
        job("3", "q", PartState.READY, priority=Priority.URGENT),
    ]
    assert work_off(jobs, 1) == ["3", "2", "1-n-0000", "1-n-0001", "1-n-0002", "1"]


def test_what_takes_no_time_waits_for_no_turn() -> None:
    """A cancel of a low file goes before an urgent transfer."""
    canceled = job("2", "q", priority=Priority.LOW, cancel_asked_at="2026-01-01T00:00:00Z")
    actions = list(DueCache().take(view([job("1", "q", priority=Priority.URGENT), canceled]), ()))
    assert actions == [CallOff("2"), Ingest("1")]


def sent(seen: View, agenda: DueCache | None = None) -> list[Submit]:
    return [one for one in (agenda or DueCache()).take(seen, ()) if isinstance(one, Submit)]


def test_queues_send_in_turn() -> None:
    """A part of each queue that has any, one after the other."""
    jobs = [*flood("x", 3, PartState.READY), *flood("y", 3, PartState.READY)]
    assert [name[2] for name in work_off(jobs, 4)] == list("xyxyxy")


def test_where_room_at_the_api_is_short_the_queue_with_the_least_there_is_next() -> None:
    """A hundred thousand requests of one queue weigh more than ten of another."""
    jobs = [*flood("x", 3, PartState.READY), *flood("y", 3, PartState.READY)]
    quota = Quota(limit=200_000, in_flight={"x": 100_000, "y": 10})
    agenda = DueCache()
    for number in range(3):
        assert sent(view(jobs[number:], quota=quota), agenda)[0].job == f"1-y-{number:04d}"
        jobs = [one for one in jobs if one.job != f"1-y-{number:04d}"]
        agenda.wake_by(0.0)


@pytest.mark.parametrize(("there", "goes"), [(0, True), (1, True), (100, True), (101, False)])
def test_a_part_waits_until_there_is_room(there: int, goes: bool) -> None:
    """It goes out if it fits; which one waits is known, for people."""
    seen = view([job("1", "q", PartState.READY, requests=100)], quota=Quota(200, {"q": there}))
    agenda = DueCache()
    assert bool(sent(seen, agenda)) is goes
    assert agenda.crowded_out == (None if goes else Submit("1", KEY))


def test_with_nothing_there_even_what_never_fits_goes_out() -> None:
    """A part that was cut before the limit was set does not wait for ever."""
    assert sent(view([job("1", "q", PartState.READY, requests=500)], quota=Quota(200, {})))


def test_small_parts_do_not_pass_a_large_one_that_waits_for_room() -> None:
    """Otherwise there would never be room; but urgent ones pass, and other work goes on."""
    large, small = (
        job("1", "q", PartState.READY, requests=150),
        job("2", "q", PartState.READY, requests=1),
    )
    quota = Quota(200, {"other": 100})
    assert sent(view([large, small], quota=quota)) == []
    assert sent(view([large, small.model_copy(update={"priority": Priority.URGENT})], quota=quota))
    assert list(DueCache().take(view([large, small, job("3", "q")], quota=quota), ())) == [Ingest("3")]


@pytest.mark.parametrize(
    "queue_of",
    [lambda n: f"new-{n}", lambda n: "cd"[n % 2], lambda _n: "b"],
    ids=["ever new queues", "queues that come back", "one queue"],
)
def test_a_large_part_does_not_starve(queue_of: Callable[[int], str]) -> None:
    """Whoever else sends small ones, in whatever queues: they do not go before it again and again."""
    agenda = DueCache()
    fresh = [job(f"0-{queue}", queue, PartState.READY) for queue in "ab"]
    assert sent(view(fresh), agenda) == [Submit("0-a", KEY)]
    assert sent(view(fresh), agenda) == [Submit("0-b", KEY)]
    there = [job(f"0-{queue}", queue, PartState.SUBMITTED) for queue in "ab"]  # both have had a turn
    large = job("1", "a", PartState.READY, requests=20)
    order: list[str] = []
    while order[-1:] != ["1"]:
        small = job(f"2-{len(order):02d}", queue_of(len(order)), PartState.READY, requests=1)
        agenda.wake_by(0.0)
        order += [one.job for one in sent(view([*there, large, small], quota=Quota(20, {})), agenda)]
        assert len(order) < 4


def test_what_is_next_stays_next_until_it_is_sent() -> None:
    """Not what has less there by then goes before it, but what is urgent does, of its own queue as well."""
    large = job("1", "a", PartState.READY, requests=20)
    small = job("2", "b", PartState.READY, requests=1)
    urgent = job("3", "a", PartState.READY, requests=1, priority=Priority.URGENT)
    agenda = DueCache()

    def go(*jobs: Manifest, **there: int) -> list[str]:
        agenda.wake_by(0.0)
        return [one.job for one in sent(view(jobs, quota=Quota(20, there)), agenda)]

    assert go(large, small, a=5, b=6) == []
    assert go(large, small, a=5, b=1) == []
    assert go(large, small, urgent, a=5) == ["3"]
    assert go(large, small, a=1) == []
    assert go(large, small) == ["1"]
    assert go(small, a=1) == ["2"]


def test_what_has_just_failed_lets_all_others_try_first() -> None:
    """A part that can never be sent, urgent though it is, keeps nobody from sending; it is tried again."""
    poison = job("1", "x", PartState.READY, priority=Priority.URGENT)
    others = [job("2", "y", PartState.READY), job("3", "x", PartState.READY, priority=Priority.LOW)]
    agenda, resting = DueCache(), {"1": 10.0}
    assert sent(view([poison, *others], resting=resting), agenda) == [Submit("2", KEY)]
    assert sent(view([poison, others[1]], resting=resting), agenda) == [Submit("3", KEY)]
    assert sent(view([poison], resting=resting), agenda) == [Submit("1", KEY)]
    fetched = view([poison, job("4", "z")], resting=resting, slots=1)
    assert list(DueCache().take(fetched, ())) == [Ingest("4")]
    assert sent(view([poison, *others], resting=resting, now=10.0)) == [Submit("1", KEY)]


def test_low_files_leave_room() -> None:
    """A quarter is left to those that are not low."""
    part = job("1", "q", PartState.READY, requests=60)
    quota = Quota(200, {"q": 100})
    assert sent(view([part], quota=quota))
    assert not sent(view([part.model_copy(update={"priority": Priority.LOW})], quota=quota))


def test_a_part_that_is_gone_makes_nobody_wait() -> None:
    """What waited for room and was canceled in between is seen to be so."""
    large, small = job("1", "q", PartState.READY, requests=150), job("2", "q", PartState.READY, requests=1)
    agenda, quota = DueCache(), Quota(200, {"other": 100})
    assert sent(view([large, small], quota=quota), agenda) == []
    assert sent(view([small], quota=quota), agenda) == [Submit("2", KEY)]
    assert agenda.crowded_out is None


def test_a_suspect_of_a_flood_still_runs_alone() -> None:
    """Fairness changes nothing about who may be blamed for the end of the process."""
    jobs = [*flood("x", 5), job("2", "y")]
    seen = view(jobs, suspects=frozenset({"2"}))
    assert list(DueCache().take(seen, ())) == [Ingest("2")]
    assert list(DueCache().take(replace(seen, risky=frozenset({"z"})), ())) == []


def test_a_queue_that_is_no_more_is_forgotten() -> None:
    """Whoever may make folders in the inbox cannot fill the memory with their names."""
    agenda = DueCache()
    for number in range(100):
        agenda.wake_by(0.0)
        list(agenda.take(view([job("1", f"made-up-{number}")]), ()))
    assert len(agenda._turns.all) <= 2


def test_rows_of_what_ended_first_come_first() -> None:
    """Fetching goes by the age of the file."""
    jobs = [job(name, "q", PartState.SUBMITTED) for name in ("2", "1")]
    ended = {f"b-{one.job}": Batch(f"b-{one.job}", ended=True, total=2, created_at="") for one in jobs}
    first = next(iter(DueCache().take(view(jobs, batches=ended, slots=1), ())))
    assert first == Collect("1", KEY, ended["b-1"])
