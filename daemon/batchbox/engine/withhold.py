"""Withhold: a job that would exceed what may be spent is put aside before any of it was sent.

First the manifest says so, then the producer is told, then the job is moved to hold/: each may be done again
after a crash, and a job of which the manifest says so knows its own notice in the outbox.
"""

from collections.abc import Callable

import msgspec
import structlog

from batchbox.core.budget import Excess
from batchbox.core.errors import TryLater
from batchbox.core.manifest import Manifest
from batchbox.core.names import held_name
from batchbox.core.receipt import HELD, compose_notice
from batchbox.core.storage import Stored
from batchbox.engine.announce import announce
from batchbox.engine.claim import rename
from batchbox.engine.context import Context
from batchbox.engine.publish import describe

NOTICE = "held.json"
FIX = (
    "batchbox release JOB sends it all the same; batchbox retry JOB sends it if it fits by now, as it may "
    "on another day or after a limit was raised; batchbox cancel JOB ends it, unsent"
)

log = structlog.get_logger()


def withhold(
    ctx: Context, stored: Stored, excess: tuple[Excess, ...], is_reserved: Callable[[str, str], bool]
) -> None:
    """Put a job aside, and tell its producer so under a name of its own."""
    reason = "; ".join(map(str, excess))
    was_told = bool(stored.manifest.excess)
    job = rename(ctx, stored.manifest, is_reserved)
    stored = ctx.spool.save(job.model_copy(update={"excess": reason}), stored.version)
    if not _tell(ctx, stored.manifest, excess) and not was_told:
        ctx.spool.save(job, stored.version)  # what lies there is not its own
        problem = f"outbox/{held_name(job.stem)} appeared while the job was being put aside"
        raise TryLater(problem, "nothing is ever overwritten: it gets another name at the next try")
    name = held_name(job.stem)
    told = {"status": "held", "receipt": name, "message": f"{HELD} {reason}"}
    announce(ctx, job, "held.published", name, told)
    ctx.spool.park(job.job, reason, FIX)
    log.error("job.held", job=job.job, problem=reason, fix=FIX)


def _tell(ctx: Context, job: Manifest, excess: tuple[Excess, ...]) -> bool:
    """Publish the notice; False if there is something of that name, be it the notice itself."""
    with ctx.spool.create(job.job, NOTICE) as file:
        notice = compose_notice(job, excess, ctx.stamp())
        file.write(msgspec.json.format(msgspec.json.encode(notice), indent=2) + b"\n")
    try:
        ctx.spool.publish(job, describe(ctx, job, "outbox", held_name(job.stem), NOTICE))
    except FileExistsError:
        ctx.spool.discard(job.job, [NOTICE])
        return False
    return True
