"""Claim: a file of the inbox becomes a job."""

import base64
from collections.abc import Callable

import structlog

from batchbox.core.manifest import Manifest, Source
from batchbox.core.names import free_stem, show, stem_of
from batchbox.core.priorities import asked_by
from batchbox.core.settle import Incoming
from batchbox.core.storage import Stored
from batchbox.engine.context import Context

JOB_ENTROPY = 6
NANO = 1e9

log = structlog.get_logger()


def claim(ctx: Context, incoming: Incoming, is_reserved: Callable[[str, str], bool]) -> Stored | None:
    """Take *incoming*; None if it was gone. *is_reserved*: whether a job has that queue and stem."""
    taken = ctx.spool.lease.taken
    job = f"{ctx.clock.now():%Y%m%dT%H%M%SZ}-{ctx.entropy(JOB_ENTROPY).hex()}"
    rules = ctx.settings.for_queue(incoming.queue)
    stem = stem_of(incoming.name, job if rules.names_by_job else None)
    manifest = Manifest(
        spool_id=taken.spool_id,
        epoch=taken.epoch,
        owner=taken.owner,
        job=job,
        source=Source(
            name=show(incoming.name),
            name_b64=base64.b64encode(incoming.name).decode(),
            queue=incoming.queue,
            size=incoming.size,
            inode=incoming.inode,
            mtime_ns=incoming.mtime_ns,
        ),
        stem=choose_stem(ctx, incoming.queue, stem, is_reserved),
        priority=rules.priority_of(incoming.name),
        priority_asked=asked_by(incoming.name),
        taken_at=ctx.stamp(),
    )
    stored = ctx.spool.take(incoming, manifest)
    if stored:
        waited = max(0.0, ctx.clock.now().timestamp() - incoming.ctime_ns / NANO)
        facts = {"file": manifest.source.name, "queue": incoming.queue, "bytes": incoming.size}
        log.info("job.taken", job=job, **facts, waited=round(waited, 3))
    return stored


def choose_stem(ctx: Context, queue: str, stem: str, is_reserved: Callable[[str, str], bool]) -> str:
    """Return *stem*, or the next that neither the outbox nor another job has."""
    return free_stem(stem, lambda name: is_reserved(queue, name) or ctx.spool.is_taken(queue, name))
