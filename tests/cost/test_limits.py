"""The budget: no file is let through that may cost more than is allowed; none is stopped without reason."""

from typing import Any

import pytest

from batchbox.cost.limits import Budget, BudgetLimits, SpendLedger, SpentTotals
from batchbox.domain.backoff import Backoff
from batchbox.domain.job import Manifest
from batchbox.domain.part import Part
from batchbox.domain.records import Estimate, Tokens
from batchbox.domain.states import PartState
from batchbox.scheduling.actions import Submit, Withhold
from batchbox.scheduling.plan import plan
from batchbox.scheduling.view import View
from tests.support.values import make_job, make_part

HALF_KNOWN = Estimate(input_tokens=1, output_tokens=1, cost_usd=None, known_usd=3.0)
HALF_PRICED = {"m": Tokens(cost_usd=5.0), "n": Tokens(cost_usd=None)}
TODAY, YESTERDAY, TOMORROW = "2026-03-02", "2026-03-01", "2026-03-03"
NOON = "T12:00:00Z"


def reckon(dollars: float | None) -> Estimate:
    return Estimate(input_tokens=1, output_tokens=1, cost_usd=dollars)


def unsent(job: str = "new", dollars: float | None = 4.0, requests: int = 10, queue: str = "q") -> Manifest:
    return make_job(make_part(requests=requests, estimate=reckon(dollars)), job=job, source=source(queue))


def source(queue: str) -> Any:
    return make_job().source.model_copy(update={"queue": queue})


def sent(job: str, *parts: Part, queue: str = "q") -> Manifest:
    return make_job(*parts, job=job, source=source(queue))


def part(
    state: PartState, day: str | None = TODAY, dollars: float | None = 4.0, number: int = 1, **facts: Any
) -> Part:
    at = f"{day}{NOON}" if day else None
    facts = {"attempt": 1, "prepared_at": at, "requests": 10, "estimate": reckon(dollars)} | facts
    return make_part(state, number, **facts)


def books(*jobs: Manifest) -> SpendLedger:
    found = SpendLedger()
    found.is_open = True
    for job in jobs:
        found.note(job)
    return found


def purse(
    *jobs: Manifest, own: Budget | None = None, over_all: Budget | None = None, **facts: Any
) -> BudgetLimits:
    return BudgetLimits(
        day=TODAY, own={"q": own or Budget()}, over_all=over_all or Budget(), books=books(*jobs), **facts
    )


def why(found: BudgetLimits, job: Manifest) -> list[tuple[str, str, float, float | None]]:
    excess = found.judge(job)
    assert excess is not None
    return [(one.setting, one.queue, one.spent, one.wanted) for one in excess]


FILE, DAY, REQUESTS = "max_cost_per_file", "max_cost_per_day", "max_requests_per_day"


@pytest.mark.parametrize(
    ("limit", "dollars", "fits"),
    [(4.0, 4.0, True), (3.99, 4.0, False), (0.0, 0.01, False), (None, 1e9, True), (None, None, True)],
)
def test_one_file(limit: float | None, dollars: float | None, fits: bool) -> None:
    """A file may cost what is allowed and no more; without a limit, anything."""
    found = why(purse(own=Budget(cost_per_file=limit)), unsent(dollars=dollars))
    assert found == ([] if fits else [(FILE, "", 0.0, dollars)])


@pytest.mark.parametrize("budget", [Budget(cost_per_file=1e9), Budget(cost_per_day=1e9)])
def test_unknown_price(budget: Budget) -> None:
    """What may cost anything does not fit any limit of cost; a limit of requests does not ask for it."""
    (found,) = purse(own=budget).judge(unsent(dollars=None)) or ()
    assert found.wanted is None
    assert "not known" in str(found)
    assert why(purse(own=Budget(requests_per_day=10)), unsent(dollars=None)) == []


def test_never_reckoned() -> None:
    """A file that an older batchbox checked has no estimate: its cost is not known."""
    job = make_job(make_part(), source=source("q"))
    assert why(purse(own=Budget(cost_per_file=1.0)), job) == [(FILE, "", 0.0, None)]


@pytest.mark.parametrize(
    ("parts", "spent"),
    [
        ([part(PartState.PREPARED)], (4.0, 10)),
        ([part(PartState.IN_DOUBT)], (4.0, 10)),
        ([part(PartState.SUBMITTED)], (4.0, 10)),
        ([part(PartState.SUBMITTED, None, submitted_at=f"{TODAY}{NOON}")], (4.0, 10)),
        ([part(PartState.SUBMITTED, YESTERDAY)], (0.0, 0)),
        ([part(PartState.SUBMITTED, TOMORROW)], (4.0, 10)),
        ([part(PartState.SUBMITTED, YESTERDAY), part(PartState.READY, None, number=2)], (4.0, 10)),
        ([part(PartState.READY, YESTERDAY)], (4.0, 10)),
        ([part(PartState.COLLECTED, usage={"m": Tokens(cost_usd=0.25)})], (0.25, 10)),
        ([part(PartState.COLLECTED, usage={})], (0.0, 10)),
        ([part(PartState.COLLECTED, usage={"m": Tokens(cost_usd=None)})], (4.0, 10)),
        ([part(PartState.SUBMITTED, dollars=None)], (0.0, 10)),
        ([part(PartState.SUBMITTED, estimate=HALF_KNOWN)], (3.0, 10)),
        ([part(PartState.COLLECTED, estimate=HALF_KNOWN, usage=HALF_PRICED)], (5.0, 10)),
        ([part(PartState.REFUSED)], (0.0, 0)),
        ([part(PartState.CANCELED)], (0.0, 0)),
        ([part(PartState.CANCELED, batch_id="b-1", given_up=(f"{TODAY}{NOON}",))], (4.0, 10)),
        ([part(PartState.CANCELED, given_up=(f"{TODAY}{NOON}",))], (4.0, 10)),
        ([part(PartState.CANCELED, given_up=(f"{YESTERDAY}{NOON}",))], (0.0, 0)),
        ([part(PartState.SUBMITTED, given_up=(f"{TODAY}{NOON}", f"{YESTERDAY}{NOON}"))], (8.0, 20)),
        ([part(PartState.GONE, batch_id="b-1")], (4.0, 10)),
        ([part(PartState.READY, None, attempt=0)], (0.0, 0)),
    ],
    ids=[
        *("prepared", "in-doubt", "sent", "sent-long-ago", "yesterday", "clock-set-back", "rest", "again"),
        *("answered", "nothing-billed", "unknown-cost", "unknown-estimate"),
        *("half-known", "half-priced", "refused", "canceled"),
        *("given-up", "doubted", "given-up-yesterday", "sent-again", "gone", "not-begun"),
    ],
)
def test_what_counts_for_a_day(parts: list[Part], spent: tuple[float, int]) -> None:
    """What was sent that day, at the most until it is known; and the rest of what has begun."""
    assert books(sent("a", *parts)).spent(TODAY) == SpentTotals(*spent)


def test_released() -> None:
    """A held file counts once somebody has approved of it, and is not judged again."""
    held = unsent(dollars=400.0).model_copy(update={"excess": "too dear"})
    released = held.model_copy(update={"approved_at": f"{TODAY}{NOON}"})
    assert books(held).spent(TODAY) == SpentTotals()
    assert books(released).spent(TODAY) == SpentTotals(400.0, 10)
    assert purse(own=Budget(cost_per_file=1.0)).judge(released) == ()


def test_begun_is_not_stopped() -> None:
    """A job of which anything was sent goes on to its end, whatever was spent since."""
    job = sent("a", part(PartState.SUBMITTED), part(PartState.READY, None, number=2, attempt=0))
    assert purse(job, over_all=Budget(cost_per_day=0.0, requests_per_day=0)).judge(job) == ()


def test_a_day_of_a_queue_and_over_all() -> None:
    """Each queue has its own limits; those over all count what every queue has spent."""
    mine, others = sent("a", part(PartState.SUBMITTED)), sent("b", part(PartState.SUBMITTED), queue="other")
    limit = Budget(cost_per_day=10.0, requests_per_day=25)
    assert why(purse(mine, others, own=limit), unsent()) == []
    assert why(purse(mine, others, over_all=limit), unsent()) == [
        (DAY, "", 8.0, 4.0),
        (REQUESTS, "", 20, 10),
    ]
    assert why(purse(mine, mine.model_copy(update={"job": "c"}), own=limit), unsent()) == [
        (DAY, "q", 8.0, 4.0),
        (REQUESTS, "q", 20, 10),
    ]


@pytest.mark.parametrize(
    ("cost", "limit", "times"), [(0.005034, 0.035238, 7), (0.1, 0.3, 3), (1e-9, 3e-9, 3)]
)
def test_what_fits_exactly_fits(cost: float, limit: float, times: int) -> None:
    """So many files as a day's limit is a multiple of are sent, and not one more."""
    for before in range(times + 1):
        spent = [sent(f"{n}", part(PartState.SUBMITTED, dollars=cost)) for n in range(before)]
        found = why(purse(*spent, own=Budget(cost_per_day=limit)), unsent(dollars=cost))
        assert bool(found) is (before == times)


def test_more_than_a_whole_day() -> None:
    """A file that is more than a day's limit by itself is held on any day, and says so."""
    (found,) = purse(own=Budget(cost_per_day=3.0)).judge(unsent()) or ()
    assert str(found) == (
        "it may cost up to 4.0000 USD: more than allowed (max_cost_per_day of queue q: 3.0000 USD)"
    )


def test_words() -> None:
    """The figures are all there, in words."""
    (found,) = (
        purse(sent("a", part(PartState.SUBMITTED)), over_all=Budget(requests_per_day=15)).judge(unsent())
        or ()
    )
    assert str(found) == (
        "it has 10 requests, with 10 requests of this day before it: more than allowed "
        "(max_requests_per_day: 15 requests)"
    )


def test_nothing_is_left_behind() -> None:
    """However often a job changes, in the end the sums are what its last state says; what is old goes."""
    found = books(sent("a", part(PartState.SUBMITTED, dollars=0.1)))
    for turn in range(1000):
        found.note(sent("a", part(PartState.COLLECTED, usage={"m": Tokens(cost_usd=turn / 7)})))
    found.note(sent("a", part(PartState.COLLECTED, YESTERDAY, usage={"m": Tokens(cost_usd=0.3)})))
    assert (found.spent(TODAY), found.spent(YESTERDAY)) == (SpentTotals(), SpentTotals(0.3, 10))
    found.close_before(TODAY)
    assert (found.knows("a"), found.spent(YESTERDAY)) == (False, SpentTotals())


def test_put_aside() -> None:
    """Of a job that is held, what was sent counts, and the rest no more until it goes on."""
    job = sent("a", part(PartState.SUBMITTED), part(PartState.READY, None, number=2))
    found = books(job)
    found.lapse("a")
    found.lapse("nobody")
    assert found.spent(TODAY) == SpentTotals(4.0, 10)
    found.note(job)
    assert found.spent(TODAY) == SpentTotals(8.0, 20)


def test_closed_books_keep_nothing() -> None:
    """Without a limit for a day no job is noted."""
    found = SpendLedger()
    found.note(sent("a", part(PartState.SUBMITTED)))
    assert not found.knows("a")


def judge(purse_now: BudgetLimits, *jobs: Manifest, **facts: Any) -> list[Any]:
    return list(plan(View(now=0.0, jobs={job.job: job for job in jobs}, purse=purse_now, **facts)))


def test_plan() -> None:
    """What does not fit is withheld in the place of being sent; the rest is sent."""
    limited = purse(own=Budget(cost_per_file=5.0))
    dear, cheap = unsent("dear", 6.0), unsent("cheap", 5.0)
    found = judge(limited, dear, cheap)
    assert [type(action) for action in found] == [Withhold, Submit]
    assert [action.job for action in found] == ["dear", "cheap"]


@pytest.mark.parametrize(
    "facts",
    [{"paused": True}, {"create": Backoff().failed(0.0, "p", "f", asked=9.0)}, {"busy": {"new"}}],
    ids=["paused", "api-down", "busy"],
)
def test_judged_only_when_it_would_be_sent(facts: dict[str, Any]) -> None:
    """What cannot be sent now is not judged now."""
    assert judge(purse(own=Budget(cost_per_file=1.0)), unsent(), **facts) == []


@pytest.mark.parametrize(
    ("budget", "begins"),
    [(Budget(cost_per_day=100.0), False), (Budget(requests_per_day=100), False), (Budget(4.0), True)],
)
def test_a_day_is_not_judged_by_half_of_it(budget: Budget, begins: bool) -> None:
    """Until all that counts has been read nothing begins that a limit for the day holds for."""
    found = purse(own=budget, is_complete=False)
    assert bool(judge(found, unsent())) is begins


def test_no_limits() -> None:
    """Nothing is held where nothing was limited."""
    assert BudgetLimits().judge(unsent(dollars=None)) == ()
    assert not BudgetLimits().is_daily
