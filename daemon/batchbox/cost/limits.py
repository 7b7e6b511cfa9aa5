"""The budget: what may be spent, what was, and which job waits for a person because of it. Pure.

A job is judged once, when it would begin to be sent: whole, at the most that it may cost. Since one part is
sent at a time, and the next job is judged only when what became of that is known, no two jobs are let
through for the same money, and nothing has to be written down for those that pass.

What counts for a day (UTC, by this host's clock) are the parts of jobs that have begun: what a part was
reckoned to cost at most until its answers are here, what it did cost from then on. A part counts for the day
on which it was last sent; one that is still to be sent, or was sent on a later day (a clock that was set
back), counts for the present day.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from batchbox.cost.amounts import estimate_job, format_maximum, name_unpriced
from batchbox.domain.job import JobId, Manifest
from batchbox.domain.part import Part
from batchbox.domain.records import Estimate
from batchbox.domain.states import PartState

NANO = 1e9  # sums are whole billionths of a dollar: what is taken off again leaves nothing behind
DAY = len("2026-01-02")
UNSENT = ""  # the day of a part that is still to be sent: always the present one


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent, in US dollars and requests; None is without limit."""

    cost_per_file: float | None = None
    cost_per_day: float | None = None
    requests_per_day: int | None = None

    @property
    def is_daily(self) -> bool:
        """Say whether it has a limit for a day."""
        return self.cost_per_day is not None or self.requests_per_day is not None


@dataclass(frozen=True, slots=True)
class LimitExceeded:
    """One limit that a job would exceed. *wanted* is None where what it may cost is not known.

    *spent*: on that day, before. *queue*: whose limit for a day it is; empty where it is not one queue's.
    """

    setting: str
    limit: float
    spent: float
    wanted: float | None
    queue: str = ""
    why_unknown: str = ""

    def __str__(self) -> str:
        is_money = "cost" in self.setting
        limit, spent = (_spell(number, is_money) for number in (self.limit, self.spent))
        name = f"{self.setting}{f' of queue {self.queue}' if self.queue else ''}: {limit}"
        if self.wanted is None:
            return f"what it may cost is not known, as {self.why_unknown}, and there is a limit ({name})"
        wanted = _spell(self.wanted, is_money)
        what = f"it may cost up to {wanted}" if is_money else f"it has {wanted}"
        before = f", with {spent} of this day before it" if self.spent else ""
        return f"{what}{before}: more than allowed ({name})"


def _spell(number: float, is_money: bool) -> str:
    return format_maximum(number) if is_money else f"{number:,.0f} request{'' if number == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class SpentTotals:
    """What was spent, and promised, on one day."""

    cost_usd: float = 0.0
    requests: int = 0


def has_begun(job: Manifest) -> bool:
    """Say whether any part of it was ever about to be sent, or a person said that it is to be."""
    return bool(job.approved_at) or any(
        part.attempt or part.state is not PartState.READY for part in job.parts
    )


class SpendLedger:
    """What was spent by day and queue, kept up with each change of a job. Empty, and free, until opened."""

    def __init__(self) -> None:
        self.is_open = False
        self._entries: dict[JobId, tuple[str, list[tuple[str, int, int]]]] = {}
        self._costs: defaultdict[str, Counter[str]] = defaultdict(Counter)  # by queue, by day
        self._requests: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def note(self, job: Manifest) -> None:
        """Take in a job as it is now; what was known of it before counts no more."""
        if not self.is_open:
            return
        self._strike(job.job)
        entries = list(_enter(job)) if has_begun(job) else []
        if entries:
            self._entries[job.job] = (job.source.queue, entries)
            self._count(job.source.queue, entries, 1)

    def lapse(self, job: JobId) -> None:
        """Count no more what was promised to a job and not sent: it was put aside, or is gone."""
        queue, entries = self._entries.get(job, ("", []))
        sent = [entry for entry in entries if entry[0] != UNSENT]
        if sent != entries:
            self._strike(job)
            self._entries[job] = (queue, sent)
            self._count(queue, sent, 1)

    def knows(self, job: JobId) -> bool:
        """Say whether *job* is in them."""
        return job in self._entries

    def _strike(self, job: JobId) -> None:
        queue, entries = self._entries.pop(job, ("", []))
        self._count(queue, entries, -1)

    def _count(self, queue: str, entries: list[tuple[str, int, int]], sign: int) -> None:
        for day, cost, requests in entries:
            self._costs[queue][day] += sign * cost
            self._requests[queue][day] += sign * requests

    def close_before(self, day: str) -> None:
        """Forget jobs all of whose parts were sent before *day*."""
        for job in [job for job, (_, entries) in self._entries.items() if _is_before(entries, day)]:
            self._strike(job)

    def spent(self, day: str, queue: str | None = None) -> SpentTotals:
        """Return what was spent on *day*, by *queue* or by all."""
        queues = list(self._costs) if queue is None else [queue]
        nano = sum(_sum_from(self._costs[name], day) for name in queues)
        return SpentTotals(nano / NANO, sum(_sum_from(self._requests[name], day) for name in queues))


def _is_before(entries: list[tuple[str, int, int]], day: str) -> bool:
    return all(UNSENT < one < day for one, _, _ in entries)


def _sum_from(by_day: Counter[str], day: str) -> int:
    return sum(number for one, number in by_day.items() if one == UNSENT or one >= day)


def _enter(job: Manifest) -> Iterator[tuple[str, int, int]]:
    """Yield day, cost in billionths and requests of each part that is, or will be, paid for."""
    for part in job.parts:
        for began in part.given_up:  # it was paid for, or may have been, whatever became of the part since
            yield began[:DAY], round(_estimated_cost(part) * NANO), part.requests
        if part.state in (PartState.REFUSED, PartState.CANCELED):
            continue
        is_ready = part.state is PartState.READY
        day = UNSENT if is_ready else (part.prepared_at or part.submitted_at or UNSENT)[:DAY]
        yield day, round(_cost_of(part) * NANO), part.requests


def _cost_of(part: Part) -> float:
    known = [tokens.cost_usd for tokens in part.usage.values() if tokens.cost_usd is not None]
    if part.state is PartState.COLLECTED and len(known) == len(part.usage):
        return sum(known)
    return max(sum(known), _estimated_cost(part))


def _estimated_cost(part: Part) -> float:
    return part.estimate.least_usd if part.estimate else 0.0


def _is_more(before: float, wanted: float, limit: float) -> bool:
    """Compare in whole billionths, as sums are kept: what fits exactly fits."""
    return round(before * NANO) + round(wanted * NANO) > round(limit * NANO)


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """What a plan knows of money. *own*: the budgets of queues, *usual*: of any other; *over_all*: of all.

    *is_complete*: all that counts for *day* was read; until then nothing begins that a day's limit holds for.
    """

    day: str = ""
    own: Mapping[str, Budget] = field(default_factory=dict)
    usual: Budget = field(default_factory=Budget)
    over_all: Budget = field(default_factory=Budget)
    books: SpendLedger = field(default_factory=SpendLedger)
    is_complete: bool = True

    @property
    def is_daily(self) -> bool:
        """Say whether there is any limit for a day."""
        return any(one.is_daily for one in (self.over_all, self.usual, *self.own.values()))

    def judge(self, job: Manifest) -> tuple[LimitExceeded, ...] | None:
        """Return what *job* would exceed if it were begun now; None if that is not known yet."""
        own = self.own.get(job.source.queue, self.usual)
        is_daily = own.is_daily or self.over_all.is_daily
        if has_begun(job) or (own.cost_per_file is None and not is_daily):
            return ()
        if is_daily and not self.is_complete:
            return None
        requests = sum(part.requests for part in job.parts)
        return tuple(self.weigh(job.source.queue, estimate_job(job.parts), requests))

    def weigh(self, queue: str, estimate: Estimate | None, requests: int) -> Iterator[LimitExceeded]:
        """Yield what so many *requests* in *queue* would exceed."""
        own, cost = self.own.get(queue, self.usual), estimate.cost_usd if estimate else None
        why = name_unpriced(estimate) if cost is None else ""
        limits = [("max_cost_per_file", own.cost_per_file, 0.0, cost, "")]
        for budget, whose in ((own, queue), (self.over_all, None)):
            spent = self.books.spent(self.day, whose)
            limits.append(("max_cost_per_day", budget.cost_per_day, spent.cost_usd, cost, whose or ""))
            limits.append(
                ("max_requests_per_day", budget.requests_per_day, spent.requests, requests, whose or "")
            )
        for setting, limit, before, wanted, name in limits:
            if limit is not None and (wanted is None or _is_more(before, wanted, limit)):
                yield LimitExceeded(setting, limit, before, wanted, name, why)

    def tell(self) -> list[dict[str, Any]]:
        """Return what was spent today of each budget for a day, for a program."""
        if not self.is_complete:
            return []
        budgets: list[tuple[str | None, Budget]] = [*self.own.items(), (None, self.over_all)]
        return [self._tell(name, one) for name, one in budgets if one.is_daily]

    def _tell(self, queue: str | None, budget: Budget) -> dict[str, Any]:
        spent = self.books.spent(self.day, queue)
        facts = {"queue": queue, "day": self.day, "cost_usd": round(spent.cost_usd, 8)}
        facts |= {"max_cost_usd": budget.cost_per_day, "requests": spent.requests}
        return facts | {"max_requests": budget.requests_per_day}
