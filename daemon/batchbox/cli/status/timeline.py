"""The history of a job, in time order, from its manifest and the reason why it is held."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from batchbox.cli.status.job_words import describe, moment
from batchbox.cost.amounts import estimate_job, write_estimate
from batchbox.domain.job import Manifest
from batchbox.domain.part import Part
from batchbox.domain.records import Decision
from batchbox.domain.states import UNANSWERED, JobState
from batchbox.domain.timestamps import format_time
from batchbox.reports.check_result import count
from batchbox.reports.receipt import compose_receipt
from batchbox.storage.local.hold import HoldReason

MEANT = {
    "adopt": ", to adopt batch {batch}",
    "resubmit": ", to be sent and paid for again",
    "cancel": ", to be canceled",
}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """What happened and when; *at* is None where that was not written down. *more*: details, a line each."""

    at: str | None
    text: str
    more: tuple[str, ...] = ()


def print_timeline(job: Manifest, reason: HoldReason | None) -> list[TimelineEntry]:
    """Return all that happened to *job*, in time order. *reason*: why it is held, if it is.

    What has no time of its own (an older manifest) stands behind what it followed.
    """
    found: list[tuple[datetime, int, TimelineEntry]] = []
    last = moment(job.taken_at) or datetime.min.replace(tzinfo=UTC)
    for number, one in enumerate(_collect(job, reason)):
        last = moment(one.at) or last
        found.append((last, number, one))
    return [one for _, _, one in sorted(found, key=lambda entry: entry[:2])]


def _collect(job: Manifest, reason: HoldReason | None) -> Iterator[TimelineEntry]:
    yield TimelineEntry(job.taken_at, f"taken, {job.source.size:,} bytes")
    if job.checked_at and job.input:
        yield _tell_check(job)
    for decision in job.decisions:  # before what came of them in the same second
        yield from _tell_decision(decision)
    for part in sorted(job.parts, key=lambda one: one.key):
        yield from _tell_part(part)
    if job.cancel_asked_at:
        yield TimelineEntry(job.cancel_asked_at, "asked to be canceled")
    if reason:
        yield TimelineEntry(reason.since, "held for a person", (reason.problem, reason.fix))
    if job.published_at:
        yield TimelineEntry(job.published_at, f"published: {job.status}", tuple(_tell_answers(job)))


def _tell_check(job: Manifest) -> TimelineEntry:
    parts = sum(part.generation == 1 for part in job.parts)
    found = count(job.mistakes_total, "mistake") if job.mistakes_total else "no mistakes"
    in_parts = f" in {parts:,} parts" if parts > 1 else ""
    requests = count(job.input.requests if job.input else 0, "request")
    more = [f"{one.place}: {one.problem}; {one.fix}" for one in job.mistakes]
    if estimate := estimate_job(job.parts):
        more.append("; ".join(write_estimate(estimate)))
    return TimelineEntry(job.checked_at, f"checked, {requests}{in_parts}, {found}", tuple(more))


def _tell_part(part: Part) -> Iterator[TimelineEntry]:
    label = f"part {part.number}" + (f", again ({part.generation})" if part.generation > 1 else "")
    if part.attempt:
        yield TimelineEntry(
            part.prepared_at, f"{label}: attempt {part.attempt} to send {count(part.requests, 'request')}"
        )
    if part.doubt:
        yield TimelineEntry(part.doubted_at, f"{label}: in doubt", (part.doubt, *_tell_doubt(part)))
    if part.refusal:
        told = (f"{part.refusal.problem}; {part.refusal.fix}",)
        yield TimelineEntry(part.refused_at, f"{label}: refused by the API", told)
    for batch in part.abandoned:
        yield TimelineEntry(None, f"{label}: batch {batch} was given up by a person")
    if part.batch_id:
        yield TimelineEntry(_round(part.submitted_at), f"{label}: sent, batch {part.batch_id}")
    if part.ended_at:  # by the server's clock
        ended = min(filter(None, (_round(part.ended_at), part.collected_at)), default=None)
        yield TimelineEntry(ended, f"{label}: its batch ended")
    if part.collected_at:
        yield _tell_rows(label, part)


def _round(stamp: str | None) -> str | None:
    at = moment(stamp)
    return format_time(at.astimezone(UTC)) if at else None


def _tell_doubt(part: Part) -> Iterator[str]:
    if part.candidates:
        yield f"may be it: {', '.join(part.candidates)}"
    if part.ruled_out:
        yield f"was not it: {', '.join(part.ruled_out)}"


def _tell_rows(label: str, part: Part) -> TimelineEntry:
    rows = ", ".join(f"{number:,} {outcome}" for outcome, number in sorted(part.outcomes.items()))
    again = f", {part.again:,} go out again" if part.again else ""
    return TimelineEntry(part.collected_at, f"{label}: fetched{': ' + rows if rows else ''}{again}")


def _tell_decision(decision: Decision) -> Iterator[TimelineEntry]:
    if decision.held_at:
        yield TimelineEntry(decision.held_at, "held for a person", (decision.problem,))
    by = f"released by {decision.by}" if decision.by else "moved back by hand"
    yield TimelineEntry(decision.at, by + MEANT.get(decision.verb, "").format(batch=decision.batch_id))


def _tell_answers(job: Manifest) -> Iterator[str]:
    receipt = compose_receipt(job)
    counts = ", ".join(f"{number:,} {outcome}" for outcome, number in receipt["counts"].items() if number)
    if counts:
        yield f"{counts}; cost: {receipt['cost']}"


def print_now(place: str, job: Manifest) -> str:
    """Say what becomes of *job* now; empty if it is finished."""
    if place == "done" or job.state is JobState.DONE:
        return ""
    if place == "hold":
        runs = any(part.state in UNANSWERED for part in job.parts)
        return "in hold/, until a person decides" + ("; what runs at the API goes on there" if runs else "")
    return describe(job)
