"""Pure: a batch is a record; every figure about it is a function of (record, now).

No timer ever changes a batch. What happens to it by itself (the work gets done, it expires, its results
are archived) follows from its times; what is done to it (cancel, delete) sets one more time, once.

The requests are worked through one after the other, evenly over `work_seconds`. So a batch that is
canceled or expires half-way has answers for its first half, and `canceled` or `expired` rows for the rest.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from batchbox_sandbox.envelope import Request

FATES = ("succeeded", "errored", "canceled", "expired")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one request: the kind of its row, and the error's text where it has one."""

    kind: str
    error_type: str = ""
    message: str = ""

    @property
    def counted_as(self) -> str:
        """The figure of `request_counts` in which such a row is counted."""
        match self.kind:
            case "refusal":
                return "succeeded"
            case "unknown_type":
                # The API has no figure for a type that does not exist yet, and the sum must hold.
                return "errored"
            case kind:
                return kind


SUCCEEDED = Verdict("succeeded")


@dataclass(frozen=True, slots=True)
class Batch:
    """One accepted batch, with every time that decides what it looks like."""

    id: str
    created_at: float
    requests: Sequence[Request]
    # By position, decided at the create; a request that is not here succeeds.
    verdicts: Mapping[int, Verdict] = field(default_factory=dict)
    crc32: int = 0
    size: int = 0
    stranger: bool = False

    # By how much the clock of the machine that stored it was wrong: seen in every time stamp.
    skew: float = 0.0

    work_seconds: float = 2.0
    cancel_seconds: float = 0.5
    expire_seconds: float = 86_400.0
    retain_seconds: float = 29 * 86_400.0

    canceled_at: float | None = None
    stopped_at: float | None = None
    archived_at: float | None = None
    deleted_at: float | None = None
    # Expired by order: no request at all was answered.
    unanswered: bool = False
    # Stored, but not visible yet: until a time, and for a number of looks.
    hidden_until: float = 0.0
    hidden_calls: int = 0

    @property
    def done_at(self) -> float:
        """When the last request is answered, if nothing comes between."""
        return self.created_at + self.work_seconds

    @property
    def expires_at(self) -> float:
        """When requests without an answer are given up."""
        return self.created_at + self.expire_seconds

    @property
    def ends_at(self) -> float:
        """When the whole batch has ended."""
        times = [self.done_at, self.expires_at]
        if self.canceled_at is not None:
            times.append(self.canceled_at + self.cancel_seconds)
        if self.stopped_at is not None:
            times.append(self.stopped_at)
        return min(times)


Change = Callable[[Batch, float], Batch]


def has_ended(batch: Batch, now: float) -> bool:
    """Say whether every request of *batch* has reached its final state."""
    return now >= batch.ends_at


def is_archived(batch: Batch, now: float) -> bool:
    """Say whether the results of *batch* are gone for good."""
    return has_ended(batch, now) and now >= find_archive_time(batch)


def find_status(batch: Batch, now: float) -> str:
    """Return the `processing_status` of *batch*."""
    if has_ended(batch, now):
        return "ended"
    return "in_progress" if batch.canceled_at is None else "canceling"


def count_answered(batch: Batch) -> int:
    """Return how many requests, from the first on, have their turn before the batch is cut short."""
    if batch.unanswered:
        return 0
    if batch.canceled_at is not None:
        cut = batch.canceled_at
    elif batch.stopped_at is not None:
        return len(batch.requests)
    else:
        cut = batch.expires_at
    if cut >= batch.done_at:
        return len(batch.requests)
    return int(len(batch.requests) * max(cut - batch.created_at, 0.0) / batch.work_seconds)


def judge(batch: Batch, index: int) -> Verdict:
    """Return what has become of request *index*, once the batch has ended."""
    if index < count_answered(batch):
        return batch.verdicts.get(index, SUCCEEDED)
    return Verdict(_leftover(batch))


def count(batch: Batch, now: float) -> dict[str, int]:
    """Return `request_counts`: everything is processing until everything has ended."""
    total = len(batch.requests)
    if not has_ended(batch, now):
        return {"processing": total, **dict.fromkeys(FATES, 0)}
    turns = count_answered(batch)
    tally = Counter(verdict.counted_as for index, verdict in batch.verdicts.items() if index < turns)
    tally["succeeded"] += turns - tally.total()
    tally[_leftover(batch)] += total - turns
    return {"processing": 0, **{fate: tally[fate] for fate in FATES}}


def _leftover(batch: Batch) -> str:
    return "expired" if batch.unanswered or batch.canceled_at is None else "canceled"


def view(batch: Batch, now: float, origin: str, archived_url: bool = False) -> dict[str, Any]:
    """Return *batch* as the API shows it; *archived_url* keeps the address of results that are gone."""
    ended = has_ended(batch, now)
    archived = is_archived(batch, now)
    url = f"{origin}/v1/messages/batches/{batch.id}/results"
    show = partial(_stamp_if, batch.skew)
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": find_status(batch, now),
        "request_counts": count(batch, now),
        "created_at": show(batch.created_at),
        "expires_at": show(batch.expires_at),
        "ended_at": show(batch.ends_at if ended else None),
        "cancel_initiated_at": show(batch.canceled_at),
        "archived_at": show(find_archive_time(batch) if archived else None),
        "results_url": url if ended and (archived_url or not archived) else None,
    }


def find_archive_time(batch: Batch) -> float:
    """Return when the results of *batch* went, or will go."""
    limit = batch.created_at + batch.retain_seconds
    return limit if batch.archived_at is None else min(batch.archived_at, limit)


def cancel(batch: Batch, now: float) -> Batch:
    """Return *batch* with its cancellation begun, unless there is nothing left to cancel."""
    if batch.canceled_at is not None or has_ended(batch, now):
        return batch
    return replace(batch, canceled_at=now)


def end(batch: Batch, now: float) -> Batch:
    """Return *batch* with its work done at once."""
    return batch if has_ended(batch, now) else replace(batch, stopped_at=now)


def expire(batch: Batch, now: float) -> Batch:
    """Return *batch* as expired before any of its requests was answered."""
    if has_ended(batch, now):
        return batch
    return replace(batch, expire_seconds=now - batch.created_at, unanswered=True)


def archive(batch: Batch, now: float) -> Batch:
    """Return *batch* as ended, with its results gone."""
    return replace(end(batch, now), archived_at=now)


def delete(batch: Batch, now: float) -> Batch:
    """Return *batch* as deleted; it stays on record, for it was billed."""
    return replace(end(batch, now), deleted_at=now)


def stamp(moment: float) -> str:
    """Return *moment* as RFC 3339 in UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _stamp_if(skew: float, moment: float | None) -> str | None:
    return None if moment is None else stamp(moment + skew)
