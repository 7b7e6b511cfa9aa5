"""Claim: a file of the inbox becomes a job."""

import base64
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import structlog

from batchbox.domain.job import Manifest, SourceFile
from batchbox.domain.output_names import free_stem, held_name, show, stem_of
from batchbox.domain.priorities import asked_by
from batchbox.domain.stability import InboxFile
from batchbox.engine.steps.context import Context
from batchbox.ports.storage import Stored

JOB_ENTROPY = 6
NANO = 1e9
NOTHING: Mapping[str, Any] = MappingProxyType({})
NONE = frozenset[str]()

log = structlog.get_logger()


def claim(
    ctx: Context,
    incoming: InboxFile,
    is_reserved: Callable[[str, str], bool],
    facts: Mapping[str, Any] = NOTHING,
) -> Stored | None:
    """Take *incoming*; None if it was gone. *is_reserved*: whether a job has that queue and stem.

    *facts*: what its manifest says from the beginning, besides.
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
        source=SourceFile(
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
        **facts,
    )
    stored = ctx.spool.take(incoming, manifest)
    if stored:
        waited = max(0.0, ctx.clock.now().timestamp() - incoming.ctime_ns / NANO)
        told = {"file": manifest.source.name, "queue": incoming.queue, "bytes": incoming.size}
        log.info("job.taken", job=job, **told, waited=round(waited, 3))
    return stored


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
    return job.model_copy(update={"stem": stem})
