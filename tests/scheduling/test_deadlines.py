"""Deadlines: answers that the API deletes soon, because nobody fetched them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from batchbox.domain.job import Manifest
from batchbox.domain.part import Part
from batchbox.domain.records import Intent
from batchbox.domain.states import PartState
from batchbox.scheduling.deadlines import Deadline, find_deadlines
from tests.support.values import make_job, make_part

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


def ago(days: float) -> str:
    return (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def sent(days: float, **facts: Any) -> Part:
    return make_part(PartState.SUBMITTED, submitted_at=ago(days), batch_id="b-1", **facts)


def find(*jobs: Manifest, held: tuple[Manifest, ...] = ()) -> list[Deadline]:
    return find_deadlines(jobs, held, NOW)


@pytest.mark.parametrize(
    ("days", "urgent"), [(0, None), (19.9, None), (20.1, False), (26.9, False), (27.1, True), (400, True)]
)
def test_told_long_before(days: float, urgent: bool | None) -> None:
    """From the twentieth day on it is told, from the twenty-seventh it is urgent; a young one is not."""
    assert [one.urgent for one in find(make_job(sent(days)))] == ([] if urgent is None else [urgent])


def test_it_says_what_and_until_when() -> None:
    """The file, the batch, the day, and what to do."""
    (found,) = find(make_job(sent(21)))
    assert (found.job, found.file, found.batch_id) == ("job-1", "a.jsonl", "b-1")
    assert (found.at, "2026-04-08" in found.problem) == (NOW + timedelta(days=8), True)
    assert "batchbox status" in found.fix


def test_a_held_job_counts() -> None:
    """What is to be done about it is another thing."""
    (found,) = find(held=(make_job(sent(21)),))
    assert "batchbox release job-1" in found.fix


def test_after_the_end_no_day_is_promised() -> None:
    """On the thirtieth day the answers may still be there: nobody is told that they are not."""
    (found,) = find(make_job(sent(30)))
    assert "may be lost" in found.problem


@pytest.mark.parametrize("state", PartState)
def test_which_parts_have_answers_to_be_lost(state: PartState) -> None:
    """Those that run, and those that may: not what was never sent, is fetched, gone or given up."""
    intent = Intent(cursor=None, date=ago(25))
    job = make_job(make_part(state, submitted_at=ago(25), intent=intent), checked_at=ago(25))
    told = bool(find(job))
    assert told == (state in {PartState.SUBMITTED, PartState.IN_DOUBT, PartState.CANDIDATES})


@pytest.mark.parametrize("date", [ago(90), "", "Wed, 01 Jan 2025 00:00:00 GMT"])
def test_what_is_in_doubt_counts_from_when_it_was_checked(date: str) -> None:
    """An old cursor in a quiet workspace is no old batch; a date that cannot be read is none."""
    part = make_part(PartState.IN_DOUBT, intent=Intent(cursor="b-0", date=date))
    assert find(make_job(part, checked_at=ago(3))) == []
    (found,) = find(make_job(part, checked_at=ago(23)))
    assert (found.at, found.batch_id) == (NOW + timedelta(days=6), None)


def test_a_job_is_told_once_by_its_oldest_part() -> None:
    """A file in a hundred parts is one line; what is fetched of it does not count."""
    fetched = make_part(PartState.COLLECTED, number=4, submitted_at=ago(29))
    (found,) = find(make_job(sent(21), sent(25, number=2), sent(1, number=3), fetched))
    assert found.at == NOW + timedelta(days=4)


def test_the_most_urgent_comes_first() -> None:
    """Whether it is held or under way."""
    jobs = make_job(sent(21), job="later"), make_job(sent(26), job="soon")
    found = find(*jobs, held=(make_job(sent(24), job="between"),))
    assert [one.job for one in found] == ["soon", "between", "later"]


def test_a_time_that_cannot_be_read_stops_nothing() -> None:
    """Nor does one without a zone."""
    odd = make_part(PartState.SUBMITTED, submitted_at="yesterday", batch_id="b-1")
    naive = make_part(PartState.SUBMITTED, submitted_at="2026-03-08T00:00:00", batch_id="b-1")
    found = find(make_job(odd, job="odd", taken_at="now"), make_job(naive, job="naive"))
    assert [one.job for one in found] == ["naive"]
