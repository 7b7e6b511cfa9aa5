"""Deadlines: the API keeps what it answered for 29 days. Pure.

Results are available for 29 days after the batch was created
(https://platform.claude.com/docs/en/build-with-claude/batch-processing). A batch takes a day at most, so
what keeps one that is weeks old from being fetched has to be mended by a person: a key, the network, a job in
hold/.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from batchbox.domain.job import Manifest
from batchbox.domain.part import Part
from batchbox.domain.states import UNANSWERED, PartState

RETAINED = timedelta(days=29)
TOLD_AFTER = timedelta(days=20)
URGENT_AFTER = timedelta(days=27)


@dataclass(frozen=True, slots=True)
class Deadline:
    """Answers that are about to be lost. *at*: when the API deletes the first of them, at the earliest."""

    job: str
    file: str
    queue: str
    batch_id: str | None
    at: datetime
    urgent: bool
    problem: str
    fix: str


def find_deadlines(jobs: Iterable[Manifest], held: Iterable[Manifest], now: datetime) -> list[Deadline]:
    """Return the jobs whose answers will be lost soon, the most urgent first. *held*: those in hold/."""
    found = [_find(job, False, now) for job in jobs] + [_find(job, True, now) for job in held]
    return sorted((one for one in found if one), key=lambda one: (one.at, one.job))


def _find(job: Manifest, is_held: bool, now: datetime) -> Deadline | None:
    """Return the deadline of the oldest part that is not fetched, if it is near."""
    parts = [(at, part) for part in job.parts if (at := _sent_at(job, part))]
    if not parts:
        return None
    sent, part = min(parts, key=lambda one: one[0])
    age = now - sent
    if age < TOLD_AFTER:
        return None
    end, lead = sent + RETAINED, f"{job.source.name} was sent {age.days} days ago"
    problem = f"{lead}, its answers are not fetched, and the API deletes them on {end:%Y-%m-%d}"
    if now >= end:
        problem = f"{lead}; the API keeps answers for 29 days: they may be lost already"
    fix = "mend what batchbox status says is in the way: a daemon that runs then fetches them by itself"
    if is_held:
        fix = f"batchbox release {job.job} lets them be fetched; batchbox status tells why it is held"
    facts = (job.job, job.source.name, job.source.queue, part.batch_id)
    return Deadline(*facts, at=end, urgent=age >= URGENT_AFTER, problem=problem, fix=fix)


def _sent_at(job: Manifest, part: Part) -> datetime | None:
    """Return when *part* was sent, at the earliest if that is in doubt; None if nothing is to be fetched."""
    if part.state not in UNANSWERED:
        return None
    if part.state is PartState.SUBMITTED:
        return _read(part.submitted_at)
    bounds = [_read(part.intent.date if part.intent else ""), _read(job.checked_at), _read(job.taken_at)]
    return max((bound for bound in bounds if bound), default=None)


def _read(stamp: str | None) -> datetime | None:
    """Return the moment that a manifest names, if it can be read at all."""
    try:
        found = datetime.fromisoformat(stamp or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
