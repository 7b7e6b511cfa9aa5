"""Which step performs which action. Dull: all deciding was done in the plan."""

from collections.abc import Callable
from dataclasses import dataclass

from batchbox.core import plan
from batchbox.core.manifest import Manifest
from batchbox.core.states import HELD, PartState
from batchbox.core.storage import Stored
from batchbox.engine.collect import collect
from batchbox.engine.context import Context
from batchbox.engine.doubt import judge, look, lose_sight, prove, recover
from batchbox.engine.ingest import ingest
from batchbox.engine.poll import Polled, poll
from batchbox.engine.publish import publish
from batchbox.engine.submit import Horizon, Submitted, submit

GONE_FIX = (
    "these answers can no longer be had; rows of other parts are in this folder; to ask and pay anew, drop "
    "request.jsonl from here again"
)
UNDECIDED_FIX = (
    "look for the batch in the API's console; moved back to work/, this folder is looked for again, and "
    "what is not found is sent again and paid again"
)


@dataclass(frozen=True, slots=True)
class Left:
    """The job is in work/ no more."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look for a part in doubt found."""

    found: frozenset[str]


Result = Stored | Submitted | Left | Looked | Polled


@dataclass(frozen=True, slots=True)
class Briefing:
    """What the loop knows beyond the manifest, as of the moment at which the action was begun."""

    horizon: Horizon | None
    owned: frozenset[str]
    found: frozenset[str]
    is_reserved: Callable[[str, str], bool]


def perform_poll(ctx: Context, action: plan.Poll) -> Polled:
    """Ask for all running batches."""
    return poll(ctx.api, action.batch_ids)


def perform(ctx: Context, action: plan.JobAction, stored: Stored, briefing: Briefing) -> Result:
    """Do what *action* says to the job in *stored*."""
    match action:
        case plan.Ingest():
            return ingest(ctx, stored)
        case plan.Submit(part=key):
            return submit(ctx, stored, key, briefing.horizon)
        case plan.Recover(part=key):
            return recover(ctx, stored, key)
        case plan.Look(part=key, final=final):
            found = briefing.found | look(ctx, stored.manifest.part(key), briefing.owned)
            return judge(ctx, stored, key, found) if final else Looked(found)
        case plan.Prove(part=key, batches=batches):
            return prove(ctx, stored, key, batches)
        case plan.LoseSight(part=key, batch_id=batch_id):
            return lose_sight(ctx, stored, key, batch_id)
        case plan.Collect(part=key, batch=batch):
            return collect(ctx, stored, key, batch)
        case plan.Publish():
            publish(ctx, stored, briefing.is_reserved)
            return Left()
        case plan.Park():
            ctx.spool.park(stored.manifest.job, _why_held(stored.manifest), _fix_held(stored.manifest))
            return Left()


def _fix_held(job: Manifest) -> str:
    return GONE_FIX if any(part.state is PartState.GONE for part in job.parts) else UNDECIDED_FIX


def _why_held(job: Manifest) -> str:
    return "; ".join(part.doubt or "" for part in job.parts if part.state in HELD)
