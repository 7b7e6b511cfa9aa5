"""Claim: a file of the inbox becomes a job."""

import base64
from collections.abc import Callable

import structlog

from batchbox.domain.job import Manifest
from batchbox.domain.output_names import free_stem, held_name, show, stem_of
from batchbox.domain.priorities import asked_by
from batchbox.domain.records import OkMarker, SourceFile
from batchbox.domain.stability import InboxFile
from batchbox.engine.steps.context import Context
from batchbox.ports.storage import Stored

JOB_ENTROPY = 6
NANO = 1e9
NONE = frozenset[str]()

log = structlog.get_logger()


def claim(
    ctx: Context,
    incoming: InboxFile,
    is_reserved: Callable[[str, str], bool],
    ok_marker: OkMarker | None = None,
    cancel_asked_by: str = "",
) -> Stored | None:
    """Take *incoming*; None if it was gone. *is_reserved*: whether a job has that queue and stem.

    *ok_marker* confirms it; *cancel_asked_by* is the file that wants it canceled.
    """
    taken = ctx.spool.lease.taken
    job = f"{ctx.clock.now():%Y%m%dT%H%M%SZ}-{ctx.entropy(JOB_ENTROPY).hex()}"
    rules = ctx.settings.for_queue(incoming.queue)
    stem = stem_of(incoming.name, job if rules.names_by_job else None)
    manifest = Manifest(
        spool_id=taken.spool_id,
        epoch=taken.epoch,
        owner=taken.owner,
        job=job,
        source=_describe(incoming),
        stem=choose_stem(ctx, incoming.queue, stem, is_reserved),
        priority=rules.priority_of(incoming.name),
        priority_asked=asked_by(incoming.name),
        taken_at=ctx.stamp(),
        ok_marker=ok_marker,
        cancel_asked_at=ctx.stamp() if cancel_asked_by else None,
        cancel_asked_by=cancel_asked_by,
    )
    stored = ctx.spool.take(incoming, manifest)
    if stored:
        waited = max(0.0, ctx.clock.now().timestamp() - incoming.ctime_ns / NANO)
        told = {"file": manifest.source.name, "queue": incoming.queue, "bytes": incoming.size}
        log.info("job.taken", job=job, **told, waited=round(waited, 3))
    return stored


def _describe(incoming: InboxFile) -> SourceFile:
    return SourceFile(
        name=show(incoming.name),
        name_b64=base64.b64encode(incoming.name).decode(),
        queue=incoming.queue,
        size=incoming.size,
        inode=incoming.inode,
        mtime_ns=incoming.mtime_ns,
    )


def choose_stem(
    ctx: Context, queue: str, stem: str, is_reserved: Callable[[str, str], bool], own: frozenset[str] = NONE
) -> str:
    """Return *stem*, or the next that neither the outbox nor another job has. *own*: names there already."""
    return free_stem(stem, lambda name: is_reserved(queue, name) or ctx.spool.is_taken(queue, name, own))


def own_names(job: Manifest) -> frozenset[str]:
    """Return what lies in the outbox under the job's stem, and is its own, before it is published."""
    return frozenset({held_name(job.stem)}) if job.excess else NONE


def rename(ctx: Context, job: Manifest, is_reserved: Callable[[str, str], bool]) -> Manifest:
    """Return *job* under a stem that is still free; a person may have put something there."""
    if not ctx.spool.is_taken(job.source.queue, job.stem, own_names(job)):
        return job
    stem = choose_stem(ctx, job.source.queue, job.stem, is_reserved, own_names(job))
    return job.named(stem)
