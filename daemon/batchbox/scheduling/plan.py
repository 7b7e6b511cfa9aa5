"""The plan: from what is known to what is due. Pure; yields actions as data.

At most one action a job at a time, so that each manifest has one writer; at most one submission a spool
at a time, so that the windows in which a lost answer may have created a batch never overlap.
"""

from collections.abc import Iterator

from batchbox.domain.backoff import Backoff
from batchbox.domain.job import Manifest
from batchbox.domain.operator_commands import STOPPABLE
from batchbox.domain.part import Part
from batchbox.domain.states import FINAL, HELD, JobState, PartState
from batchbox.scheduling.actions import (
    Action,
    CallOff,
    CancelBatch,
    Collect,
    Ingest,
    JobAction,
    Look,
    LoseSight,
    Park,
    Poll,
    Prove,
    Publish,
    Recover,
    Submit,
    Withhold,
)
from batchbox.scheduling.fair_order import Lane, Lanes, Turns, age_of, choose
from batchbox.scheduling.view import View

SECOND_LOOK = 1 / 15  # of the settle time, between the two lists that must agree


def plan(view: View) -> Iterator[Action]:
    """Yield what to begin if no queue has had a turn yet: the poll, then what `fair_order` chooses."""
    yield from due_poll(view)
    yield from choose(view, line_up(view), Turns()).actions


def due_poll(view: View) -> Iterator[Poll]:
    """Yield the poll, if it is due."""
    if not view.polling and view.now >= view.next_poll and view.read.is_open(view.now):
        wanted = frozenset(batch_id for job in view.jobs.values() for batch_id in watched(job))
        if wanted:
            yield Poll(wanted)


def due_actions(view: View) -> list[JobAction]:
    """Return what is due at *view.now*, whether it may be begun now or not."""
    return [action for job in view.jobs.values() for action in for_job(view, job)]


def line_up(view: View) -> Lanes:
    """Return what is due at *view.now*, in its lanes."""
    return Lanes(
        (lane_of(view, action), age_of(view.jobs[action.job]), action) for action in due_actions(view)
    )


def lane_of(view: View, action: JobAction) -> Lane:
    """Return where *action* waits for its turn."""
    job = view.jobs[action.job]
    is_resting = view.now < view.resting.get(job.job, 0.0)
    return Lane(rank(action), job.priority.rank, job.source.queue, type(action), is_resting)


def watched(job: Manifest) -> Iterator[str]:
    """Yield the ids of the batches that *job* waits for."""
    for part in job.parts:
        if part.state is PartState.SUBMITTED and part.batch_id:
            yield part.batch_id
        elif part.state is PartState.CANDIDATES:
            yield from part.candidates


_ORDER = (
    Recover,
    LoseSight,
    CallOff,
    Park,
    Withhold,
    Publish,
    CancelBatch,
    Collect,
    Prove,
    Look,
    Submit,
    Ingest,
)
_RANKS: dict[type, int] = {kind: rank for rank, kind in enumerate(_ORDER)}


def rank(action: JobAction) -> int:
    """Return how urgent *action* is, the most urgent first."""
    return _RANKS[type(action)]


def for_job(view: View, job: Manifest) -> Iterator[JobAction]:
    """Yield at most one action for *job*: the most urgent that is due."""
    if job.job in view.busy or not view.backoffs.get(job.job, Backoff()).is_open(view.now):
        return
    match job.state:
        case JobState.TAKEN if job.cancel_asked_at:
            yield CallOff(job.job)
        case JobState.TAKEN:
            yield Ingest(job.job)
        case JobState.PUBLISHING | JobState.DONE:
            yield Publish(job.job)
        case JobState.RUNNING if all(part.state in FINAL for part in job.parts):
            yield Publish(job.job)
        case JobState.RUNNING if job.cancel_asked_at and any(part.state in STOPPABLE for part in job.parts):
            yield CallOff(job.job)
        case JobState.RUNNING if all(part.state in FINAL | HELD for part in job.parts):
            yield Park(job.job)
        case JobState.RUNNING:
            actions = [action for part in job.parts for action in _for_part(view, job, part)]
            yield from _keep_budget(view, job, sorted(actions, key=rank)[:1])


def _keep_budget(view: View, job: Manifest, due: list[JobAction]) -> Iterator[JobAction]:
    """Yield what is *due*; but where a job would begin to be sent that may not, that it is withheld."""
    for action in due:
        excess = view.purse.judge(job) if isinstance(action, Submit) else ()
        if excess:
            yield Withhold(job.job, excess)
        elif excess is not None:
            yield action


def _for_part(view: View, job: Manifest, part: Part) -> Iterator[JobAction]:
    reading, creating = view.read.is_open(view.now), view.create.is_open(view.now)
    match part.state:
        case PartState.READY if creating and not view.paused:
            yield Submit(job.job, part.key)
        case PartState.PREPARED | PartState.COMMITTED:
            yield Recover(job.job, part.key)
        case PartState.IN_DOUBT if reading:
            yield from _settle(view, job, part)
        case PartState.CANDIDATES:
            yield from _examine(view, job, part, reading)
        case PartState.SUBMITTED if reading:
            batch = view.batches.get(part.batch_id or "")
            if batch and batch.ended:
                yield Collect(job.job, part.key, batch)
            elif batch and job.cancel_asked_at and not batch.canceling:
                yield CancelBatch(job.job, part.key, batch)
        case _:
            return


def _settle(view: View, job: Manifest, part: Part) -> Iterator[JobAction]:
    doubt = view.doubts.get((job.job, part.key))
    if doubt is None:
        return
    if doubt.looked_at is None and view.now >= doubt.since + view.doubt_seconds:
        yield Look(job.job, part.key, final=False)
    elif doubt.looked_at is not None and view.now >= doubt.looked_at + view.doubt_seconds * SECOND_LOOK:
        yield Look(job.job, part.key, final=True)


def _examine(view: View, job: Manifest, part: Part, reading: bool) -> Iterator[JobAction]:
    """Prove what has ended; give up only when no candidate is left that could still be proven."""
    known = [view.batches[one] for one in part.candidates if one in view.batches]
    ended = tuple(batch for batch in known if batch.ended and not batch.archived_at)
    archived = {batch.id for batch in known if batch.archived_at}
    lost = [one for one in part.candidates if one in archived or _is_missed(view, one)]
    if ended and reading:
        yield Prove(job.job, part.key, ended)
    elif lost and len(lost) == len(part.candidates):
        yield LoseSight(job.job, part.key, lost[0])


def _is_missed(view: View, batch_id: str) -> bool:
    return view.missing.get(batch_id, 0.0) >= view.doubt_seconds


def next_moment(view: View) -> float:
    """Return when, without any news, something may become due; infinity if never."""
    moments = [backoff.until for backoff in view.backoffs.values()]
    moments += [view.create.until, view.read.until]
    if any(True for job in view.jobs.values() for _ in watched(job)) and not view.polling:
        moments.append(max(view.next_poll, view.read.until))
    for doubt in view.doubts.values():
        first, second = view.doubt_seconds, view.doubt_seconds * SECOND_LOOK
        moments.append(doubt.since + first if doubt.looked_at is None else doubt.looked_at + second)
    return min((moment for moment in moments if moment > view.now), default=float("inf"))
