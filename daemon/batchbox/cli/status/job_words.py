"""What a job is doing, in words; with a clock, also since when."""

from collections import Counter
from datetime import UTC, datetime

from batchbox.domain.job import Manifest
from batchbox.domain.part import Part
from batchbox.domain.states import JobState, PartState
from batchbox.reports.status_snapshot import DOING

MINUTE, HOUR, DAY = 60, 3600, 86400


def describe(job: Manifest, now: datetime | None = None) -> str:
    """Return what *job* is doing. Without *now* it changes only when the job does."""
    if job.state is JobState.TAKEN:
        return DOING[job.state] + _since("taken", job.taken_at, now)
    if job.state is not JobState.RUNNING:
        return DOING[job.state]
    lead = "being canceled: " if job.cancel_asked_at else ""
    counts = Counter(_describe_part(job, part, now) for part in job.parts)
    one = len(job.parts) == 1
    return lead + "; ".join(text if one else f"{count} {text}" for text, count in counts.items())


def _describe_part(job: Manifest, part: Part, now: datetime | None) -> str:
    match part.state:
        case PartState.READY:
            return "ready to be sent" + _since("checked", job.checked_at, now)
        case PartState.PREPARED | PartState.COMMITTED:
            return "being sent" + _since("begun", part.prepared_at, now)
        case PartState.IN_DOUBT:
            return f"sent, in doubt ({part.doubt}): being looked for" + _since("lost", part.doubted_at, now)
        case PartState.CANDIDATES:
            return "in doubt: waits until a batch that may be it has ended"
        case PartState.SUBMITTED:
            return "waiting for its batch" + _since("sent", part.submitted_at, now)
        case PartState.COLLECTED:
            return "fetched"
        case PartState.REFUSED:
            return "refused by the API"
        case PartState.CANCELED:
            return "canceled"
        case _:
            return "waits for a person"


def _since(what: str, stamp: str | None, now: datetime | None) -> str:
    return f", {what} {ago(moment(stamp), now)}" if now and stamp else ""


def moment(stamp: str | None) -> datetime | None:
    """Return the time that *stamp* spells; None if it spells none."""
    try:
        found = datetime.fromisoformat(stamp) if stamp else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)


def ago(then: datetime | None, now: datetime) -> str:
    """Say how long ago that was."""
    if not then:
        return "at an unknown time"
    seconds = int((now - then.astimezone(UTC)).total_seconds())
    if seconds < 2 * MINUTE:
        return f"{max(seconds, 0)} s ago"
    if seconds < 2 * HOUR:
        return f"{seconds // MINUTE} min ago"
    return f"{seconds // HOUR} h ago" if seconds < 2 * DAY else f"{seconds // DAY} days ago"
