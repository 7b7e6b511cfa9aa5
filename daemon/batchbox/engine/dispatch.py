"""Which step performs which action. Dull: all deciding was done in the plan."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Thread

import structlog

from batchbox.domain.batch import Batch
from batchbox.domain.job import Manifest
from batchbox.domain.operator_commands import call_off
from batchbox.domain.states import HELD, PartState
from batchbox.engine.steps.collect import collect
from batchbox.engine.steps.context import Context
from batchbox.engine.steps.hold_for_budget import hold_for_budget
from batchbox.engine.steps.ingest import ingest
from batchbox.engine.steps.poll import Polled, poll
from batchbox.engine.steps.publish import publish
from batchbox.engine.steps.resolve_unknown import give_up_candidates, judge, look, prove, recover
from batchbox.engine.steps.submit import SubmitCursor, Submitted, submit
from batchbox.ports.storage import Stored
from batchbox.scheduling import actions

GONE_FIX = (
    "these answers can no longer be had: batchbox resubmit JOB asks and pays for them anew; batchbox cancel "
    "JOB ends it with the answers that are there; batchbox release JOB tries to fetch them once more"
)
UNDECIDED_FIX = (
    "look for the batch in the API's console: batchbox adopt JOB BATCH if it is there; batchbox resubmit JOB "
    "sends and pays again; batchbox release JOB looks again, and sends again what is not found; batchbox "
    "cancel JOB gives it up"
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class JobGone:
    """The job is in work/ no more."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look for a part in doubt found."""

    found: frozenset[str]


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """The API was asked to end a batch; the next poll tells what became of it."""

    batch: Batch


Result = Stored | Submitted | JobGone | Looked | CancelAsked | Polled


@dataclass(frozen=True, slots=True)
class StepInput:
    """What the loop knows beyond the manifest, as of the moment at which the action was begun."""

    horizon: SubmitCursor | None
    owned: frozenset[str]
    found: frozenset[str]
    is_reserved: Callable[[str, str], bool]


def start_thread(work: Callable[[], None]) -> None:
    """Run *work* beside the loop; the process does not wait for it."""
    Thread(target=work, daemon=True).start()


def perform_poll(ctx: Context, action: actions.Poll) -> Polled:
    """Ask for all running batches."""
    return poll(ctx.api, action.batch_ids)


def perform(ctx: Context, action: actions.JobAction, stored: Stored, briefing: StepInput) -> Result:
    """Do what *action* says to the job in *stored*."""
    match action:
        case actions.Ingest():
            return ingest(ctx, stored)
        case actions.Submit(part=key):
            return submit(ctx, stored, key, briefing.horizon)
        case actions.Collect(part=key, batch=batch):
            return collect(ctx, stored, key, batch)
        case actions.Publish():
            publish(ctx, stored, briefing.is_reserved)
            return JobGone()
        case actions.Withhold(excess=excess):
            hold_for_budget(ctx, stored, excess, briefing.is_reserved)
            return JobGone()
        case actions.CallOff() | actions.CancelBatch() | actions.Park():
            return _end_early(ctx, action, stored.manifest, stored.version)
        case _:
            return _clear_up(ctx, action, stored, briefing)


def _clear_up(
    ctx: Context,
    action: actions.Recover | actions.Look | actions.Prove | actions.LoseSight,
    stored: Stored,
    briefing: StepInput,
) -> Result:
    """Find out whether a submission without an answer created a batch."""
    key = action.part
    match action:
        case actions.Recover():
            return recover(ctx, stored, key)
        case actions.Look(final=final):
            found = briefing.found | look(ctx, stored.manifest.part(key), briefing.owned)
            return judge(ctx, stored, key, found) if final else Looked(found)
        case actions.Prove(batches=batches):
            return prove(ctx, stored, key, batches)
        case actions.LoseSight(batch_id=batch_id):
            return give_up_candidates(ctx, stored, key, batch_id)


def _end_early(
    ctx: Context, action: actions.CallOff | actions.CancelBatch | actions.Park, job: Manifest, version: int
) -> Result:
    """End what a person canceled, or leave to a person what only one can decide."""
    match action:
        case actions.CallOff():
            log.info("job.called_off", job=job.job)
            return ctx.spool.save(call_off(job), version)
        case actions.CancelBatch(batch=batch):
            accepted = ctx.api.cancel(batch.id)
            log.info("batch.cancel_asked", job=job.job, batch=batch.id, accepted=accepted)
            return CancelAsked(replace(batch, canceling=True))
        case actions.Park():
            _park(ctx, job)
            return JobGone()


def _park(ctx: Context, job: Manifest) -> None:
    is_gone = any(part.state is PartState.GONE for part in job.parts)
    problem = "; ".join(part.doubt or "" for part in job.parts if part.state in HELD)
    fix = GONE_FIX if is_gone else UNDECIDED_FIX
    ctx.spool.park(job.job, problem, fix)
    log.error("job.held", job=job.job, problem=problem, fix=fix)
