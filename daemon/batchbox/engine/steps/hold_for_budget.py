"""Withhold: a job that would exceed what may be spent is put aside before any of it was sent.

First the manifest says so, then the producer is told, then the job is moved to hold/: each may be done again
after a crash, and a job of which the manifest says so knows its own notice in the outbox.

A job that is put aside once more, and for another reason, is told of once more, under another name if the
first notice is still there; under which name its receipt will come stays as it was told.
"""

from collections.abc import Callable

import msgspec
import structlog

from batchbox.cost.limits import LimitExceeded
from batchbox.domain.errors import TryLater
from batchbox.domain.job import Manifest
from batchbox.domain.output_names import held_name
from batchbox.domain.records import HoldNotice
from batchbox.engine.steps.claim import choose_stem, rename
from batchbox.engine.steps.context import Context
from batchbox.engine.steps.notify import announce_held
from batchbox.engine.steps.publish import describe
from batchbox.ports.storage import Stored
from batchbox.reports.receipt import HELD, compose_notice

NOTICE = "held.json"
FIX = (
    "batchbox release JOB sends it all the same; batchbox retry JOB sends it if it fits by now, as it may "
    "on another day or after a limit was raised; batchbox cancel JOB ends it, unsent"
)

log = structlog.get_logger()


def hold_for_budget(
    ctx: Context, stored: Stored, excess: tuple[LimitExceeded, ...], is_reserved: Callable[[str, str], bool]
) -> None:
    """Put a job aside, and tell its producer so under a name of its own."""
    reason, before = "; ".join(map(str, excess)), stored.manifest
    job = rename(ctx, before, is_reserved)
    notice = job.hold_notice
    was_told = notice is not None and (job.excess, notice.stem) == (reason, job.stem)
    if notice is None or not was_told:
        free = choose_stem(ctx, job.source.queue, job.stem, is_reserved)
        notice = HoldNotice(name=held_name(free), number=notice.number + 1 if notice else 1, stem=job.stem)
    stored = ctx.spool.save(job.held_for(reason, notice), stored.version)
    if not _tell(ctx, stored.manifest, notice.name, excess) and not was_told:
        ctx.spool.save(before, stored.version)  # what lies there is not its own
        problem = f"outbox/{notice.name} appeared while the job was being put aside"
        raise TryLater(problem, "nothing is ever overwritten: it gets another name at the next try")
    announce_held(ctx, job, notice.name, f"{HELD} {reason}", notice.number)
    ctx.spool.park(job.job, reason, FIX)
    log.error("job.held", job=job.job, problem=reason, fix=FIX)


def _tell(ctx: Context, job: Manifest, name: str, excess: tuple[LimitExceeded, ...]) -> bool:
    """Publish the notice as *name*; False if there is something of that name, be it the notice itself."""
    with ctx.spool.create(job.job, NOTICE) as file:
        notice = compose_notice(job, excess, ctx.stamp())
        file.write(msgspec.json.format(msgspec.json.encode(notice), indent=2) + b"\n")
    try:
        ctx.spool.publish(job, describe(ctx, job, "outbox", name, NOTICE))
    except FileExistsError:
        ctx.spool.discard(job.job, [NOTICE])
        return False
    return True
