"""How long to wait after a failure: longer each time, never for ever."""

import pytest

from batchbox.domain.backoff import FIRST, LONGEST, LONGEST_ASKED, Backoff

NOW = 500.0


def waits(times: int, asked: float | None = None) -> list[float]:
    """Return the wait after each of so many failures in a row."""
    backoff, found = Backoff(), []
    for _ in range(times):
        backoff = backoff.failed(NOW, "down", asked=asked)
        found.append(backoff.until - NOW)
    return found


def test_each_failure_doubles_the_wait_up_to_a_minute() -> None:
    """One second, two, four, and so on; a long outage is asked about once a minute."""
    assert waits(8) == [1, 2, 4, 8, 16, 32, 60, 60]
    assert set(waits(2000)[6:]) == {LONGEST}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, FIRST),
        (0.0, FIRST),
        (-5.0, FIRST),
        (30.0, 30.0),
        (120.0, 120.0),
        (LONGEST_ASKED, LONGEST_ASKED),
        (86_400.0 * 3, LONGEST_ASKED),
        (float("inf"), LONGEST_ASKED),
        (float("nan"), FIRST),
    ],
    ids=["nothing", "zero", "negative", "more", "over-our-cap", "an-hour", "days", "infinite", "no-number"],
)
def test_the_other_side_may_ask_for_more(asked: float | None, expected: float) -> None:
    """A wait that was asked for is kept where it is longer than ours; an absurd one is an hour."""
    assert waits(1, asked) == [expected]


def test_what_was_asked_never_shortens_the_wait() -> None:
    """After many failures, being asked to wait a second still means a minute."""
    assert waits(8, asked=1.0)[-1] == LONGEST


def test_nothing_is_tried_before_the_time() -> None:
    """Open before the first failure; after it, closed until its time, to the instant."""
    assert Backoff().is_open(0.0)
    failed = Backoff().failed(NOW, "down", "wait")
    assert not failed.is_open(NOW)
    assert not failed.is_open(failed.until - 0.001)
    assert failed.is_open(failed.until)


def test_the_reason_is_kept_for_people() -> None:
    """The last failure says what is wrong and what to do."""
    found = Backoff().failed(NOW, "first", "fix it").failed(NOW, "second", "mend it")
    assert (found.failures, found.problem, found.fix) == (2, "second", "mend it")
