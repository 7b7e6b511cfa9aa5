"""Retention: what is kept no longer, by age and by bytes, whatever the clock says."""

from datetime import date, timedelta
from itertools import pairwise

import pytest

from batchbox.scheduling.retention import Kept, Limits, Retention, Totals, find_outdated, sum_up

TODAY = date(2026, 3, 31)


def make(age: int, name: str = "a", size: int = 10, queue: str = "default") -> Kept:
    """Return a job that was put away so many days ago."""
    return Kept("done", name, TODAY - timedelta(days=age), queue, size)


def outdated(kept: list[Kept], retention: Retention, today: date = TODAY) -> list[str]:
    return [one.place for one in find_outdated(kept, retention, today)]


def test_without_limits_all_is_kept() -> None:
    """Off by default: nothing is ever too old or too much."""
    assert not Retention()
    assert not Retention(own={"q": Limits()})
    assert outdated([make(9999, size=10**15)], Retention()) == []


@pytest.mark.parametrize(("age", "gone"), [(0, []), (29, []), (30, []), (31, ["a"]), (-5, [])])
def test_too_old_is_older_than_the_days(age: int, gone: list[str]) -> None:
    """What was put away on the very day that many days ago is kept; what lies in the future is."""
    assert outdated([make(age)], Retention(Limits(days=30))) == gone


def test_one_day_at_a_time() -> None:
    """Of all that is too old, the oldest day goes, all of it; the next look takes the next."""
    kept = [make(50, "c"), make(51, "b"), make(51, "a"), make(40, "d")]
    assert outdated(kept, Retention(Limits(days=30))) == ["a", "b"]
    assert outdated(kept[:1] + kept[3:], Retention(Limits(days=30))) == ["c"]


def test_a_clock_years_ahead_costs_a_day_for_each_look() -> None:
    """Nothing is too old by the right clock; by one ten years ahead it goes day by day, oldest first."""
    kept = [make(age, str(age)) for age in range(20)]
    retention = Retention(Limits(days=30))
    assert outdated(kept, retention) == []
    assert outdated(kept, retention, TODAY + timedelta(days=3650)) == ["19"]


def test_a_clock_years_behind_costs_nothing() -> None:
    """What seems to come from the future is not too old."""
    assert outdated([make(100)], Retention(Limits(days=1)), TODAY - timedelta(days=20_000)) == []


@pytest.mark.parametrize(
    ("limit", "gone"), [(40, []), (39, ["1"]), (30, ["1"]), (29, ["1", "2"]), (0, ["1", "2", "3", "4"])]
)
def test_beyond_the_bytes_the_oldest_goes(limit: int, gone: list[str]) -> None:
    """As many of the newest as fit are kept, of one day by their names, which begin with the time."""
    kept = [make(2, "2"), make(1, "4"), make(3, "1"), make(1, "3")]
    assert outdated(kept, Retention(Limits(bytes=limit))) == gone


def test_what_is_older_than_what_did_not_fit_goes_too() -> None:
    """A small old one does not outlive a large younger one."""
    kept = [make(3, "small", 1), make(2, "large", 1000), make(1, "new", 10)]
    assert outdated(kept, Retention(Limits(bytes=100))) == ["small", "large"]


def test_a_queue_has_days_of_its_own() -> None:
    """And where it has none, those of all."""
    own = {"short": Limits(days=1), "sized": Limits(bytes=10**9)}
    kept = [make(5, queue, queue=queue) for queue in ("default", "short", "sized")]
    assert outdated(kept, Retention(Limits(days=9), own)) == ["short"]
    assert outdated(kept, Retention(Limits(days=4), own)) == ["default", "short", "sized"]
    assert outdated(kept, Retention(own=own)) == ["short"]


def test_a_queue_has_bytes_of_its_own() -> None:
    """It is counted by itself; all queues without a number share the one of all."""
    own = {"big": Limits(bytes=100), "dated": Limits(days=99)}
    kept = [make(age, f"{queue}{age}", queue=queue) for queue in ("big", "dated", "x") for age in (1, 2)]
    assert outdated(kept, Retention(Limits(bytes=20), own)) == ["dated2", "x2"]
    assert outdated(kept, Retention(own={"big": Limits(bytes=10)})) == ["big2"]


def test_removed_is_the_oldest_first() -> None:
    """Broken off anywhere, what is left is the youngest."""
    kept = [make(age % 7, str(age)) for age in range(50)]
    found = find_outdated(kept, Retention(Limits(days=3, bytes=200)), TODAY)
    assert len(found) > 20
    assert all(one.day <= other.day for one, other in pairwise(found))


def test_a_sum_tells_how_much_there_is() -> None:
    """Number, bytes and the oldest day; nothing has no day."""
    assert sum_up([make(3), make(9, size=1)]) == Totals(2, 11, TODAY - timedelta(days=9))
    assert sum_up([]) == Totals(0, 0, None)
