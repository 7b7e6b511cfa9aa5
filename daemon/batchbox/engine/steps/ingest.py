"""Ingest: one pass over the dropped file that checks every line and writes the bodies of its parts.

What was checked is what is sent: the bodies are ours, and a producer that still has the file open can
no longer change them.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, count
from typing import BinaryIO

import structlog

from batchbox.cost.estimates import Estimator
from batchbox.domain.errors import InvalidFile, TryLater
from batchbox.domain.job import Manifest
from batchbox.domain.marker_files import is_cancel
from batchbox.domain.part import Part
from batchbox.domain.records import Input, Problem
from batchbox.domain.stability import InboxFile, Writer
from batchbox.domain.wire_ids import NONCE_BYTES, format_nonce
from batchbox.engine.steps.batch_body_file import BodyWriter
from batchbox.engine.steps.context import LINES, REQUEST, SKIPPED, Context, body_name, index_name, open_lines
from batchbox.engine.steps.conversion import convert, describe_dropped
from batchbox.engine.steps.estimate import EstimatedPart, begin_estimate, estimate_parts
from batchbox.engine.steps.explain_cancel import explain_idle
from batchbox.engine.steps.free_space import FreeSpace
from batchbox.engine.steps.progress import Transfer
from batchbox.engine.steps.read_requests import Reading, fetch_nothing
from batchbox.engine.steps.request_index import IndexWriter
from batchbox.engine.steps.require_ok import remove_marker, require_lines, require_ok
from batchbox.formats.batch_body import Packer, size_of
from batchbox.formats.local_files import Fetch
from batchbox.formats.request_lines import Request
from batchbox.ports.storage import Stored
from batchbox.settings.errors import nearest
from batchbox.settings.model import DEFAULT_QUEUE, Settings
from batchbox.settings.queues import QueueSettings

log = structlog.get_logger()


def ingest(ctx: Context, stored: Stored) -> Stored:
    """Check the file; write its parts, or find it wanting. May be repeated until it has succeeded."""
    stored, seen = _settle(ctx, stored)
    job = stored.manifest
    remove_marker(ctx, job)
    rules = ctx.settings.for_queue(job.source.queue)
    try:
        if is_cancel(job.source.exact_name):
            raise explain_idle(ctx, job)
        _require_queue(job, ctx.settings)
        require_ok(ctx, job)
        convert(ctx, job, rules)
        reading, written = _read(ctx, job, rules, frozenset())
        if repeated := reading.find_repeated():
            _give_back(ctx, job, written)
            reading, written = _read(ctx, job, rules, repeated)
        require_lines(job, reading.lines)
    except InvalidFile as unfit:
        return _reject(ctx, stored, unfit)
    if ctx.spool.request(job.job)[0] != seen:
        raise TryLater("the file was changed while it was checked", "it is checked once it stays as it is")
    return _conclude(ctx, stored, reading, written, rules)


def _require_queue(job: Manifest, settings: Settings) -> None:
    folder, slash, _ = job.source.name.rpartition("/")
    if slash:
        problem = f'the folder "{folder}" of the inbox cannot be a queue, so nothing of the file was sent'
        fix = "drop it into the inbox itself, or into a folder with a name of letters a to z, digits, - and _"
        raise InvalidFile(problem, f"queue default is the inbox: {fix}" if folder == DEFAULT_QUEUE else fix)
    if settings.refuses(job.source.queue):
        problem = f'there is no queue "{job.source.queue}" here, so nothing of it was sent'
        near = nearest(job.source.queue, settings.queue)
        fix = f'did you mean "{near}"? ' if near else ""
        raise InvalidFile(
            problem, f"{fix}drop it into another folder, or ask whoever runs batchbox for this queue"
        )


def _reject(ctx: Context, stored: Stored, unfit: InvalidFile) -> Stored:
    """Find the file wanting as a whole."""
    job = stored.manifest
    mistake = Problem(line=unfit.line, problem=unfit.problem, fix=unfit.fix)
    _warn_rejected(job, 1)
    size, sha256 = ctx.spool.describe(job.job, REQUEST)
    found = Input(requests=0, bytes=size, sha256=sha256)
    rejected = job.rejected(found=found, problems=(mistake,), total=1, at=ctx.stamp())
    return ctx.spool.save(rejected, stored.version)


def _warn_rejected(job: Manifest, mistakes: int) -> None:
    facts = {"file": job.source.name, "queue": job.source.queue, "mistakes": mistakes}
    log.warning("job.rejected", job=job.job, **facts)


def _settle(ctx: Context, stored: Stored) -> tuple[Stored, InboxFile]:
    """Wait for a writer that the scan could not see, then shut out all others; return the file as it is."""
    job = stored.manifest.job
    seen, finding = ctx.spool.request(job)
    if finding.obstacle:  # it may have been swapped at the last moment
        raise TryLater(f"the file {finding.obstacle.problem}", finding.obstacle.fix)
    if finding.writer is Writer.SOME:
        raise TryLater("the file is still open for writing", "it is checked as soon as the writer closes it")
    known = _note_source(ctx, stored, seen)
    if known is not stored:
        raise TryLater("the file was changed after it was taken", "it is checked once it stays as it is")
    ctx.spool.freeze(job)
    seen, _ = ctx.spool.request(job)
    return _note_source(ctx, stored, seen), seen


def _note_source(ctx: Context, stored: Stored, seen: InboxFile) -> Stored:
    """Put down which file it is, if that is another one than was known."""
    known = stored.manifest.source
    source = known.seen_as(seen.inode, seen.size, seen.mtime_ns)
    if source == known:
        return stored
    return ctx.spool.save(stored.manifest.with_source(source), stored.version)


def _conclude(
    ctx: Context, stored: Stored, reading: Reading, written: tuple[EstimatedPart, ...], rules: QueueSettings
) -> Stored:
    found = describe_dropped(ctx, stored.manifest, reading.conclude())
    problems, total = tuple(reading.mistakes), reading.mistakes_total
    job, parts = stored.manifest, [one.part for one in written]
    if total and (not rules.skips_bad_lines or not parts):
        _give_back(ctx, job, written)
        _warn_rejected(job, total)
        rejected = job.rejected(found=found, problems=problems, total=total, at=ctx.stamp())
        return ctx.spool.save(rejected, stored.version)
    log.info(
        "job.checked",
        job=job.job,
        queue=job.source.queue,
        requests=found.requests,
        parts=len(parts),
        skipped=found.skipped,
        bytes=sum(part.bytes for part in parts),
    )
    checked = job.with_betas(tuple(rules.betas)).checked(
        found=found,
        problems=problems,
        total=total,
        parts=estimate_parts(ctx, written),
        at=ctx.stamp(),
    )
    return ctx.spool.save(checked, stored.version)


def _read(
    ctx: Context, job: Manifest, rules: QueueSettings, repeated: frozenset[int]
) -> tuple[Reading, tuple[EstimatedPart, ...]]:
    """Write the parts; if that fails give back the room, for others and for the next try."""
    total = job.source.size if job.source.form.is_plain else None
    written: list[EstimatedPart] = []
    try:
        with (
            open_lines(ctx, job) as file,
            ctx.spool.create(job.job, SKIPPED) as skipped,
            ctx.transfers.track(job.job, "checking", total=total) as transfer,
        ):
            fetch = _open_attachments(ctx, job.source.queue, rules)
            reading = Reading(file, rules, ctx.settings.max_part_bytes, skipped, repeated, fetch)
            _write_parts(ctx, job, _follow(reading, transfer), written)
    except (TryLater, InvalidFile, OSError):
        with suppress(OSError):
            _give_back(ctx, job, written, LINES)
        raise
    return reading, tuple(written)


def _give_back(ctx: Context, job: Manifest, written: Iterable[EstimatedPart], *more: str) -> None:
    """Remove the parts that were written, and what was skipped."""
    labels = [one.part.label for one in written]
    ctx.spool.discard(job.job, [SKIPPED, *more, *map(body_name, labels), *map(index_name, labels)])


def _open_attachments(ctx: Context, queue: str, rules: QueueSettings) -> Fetch:
    folder = str(rules.files) if rules.files else None
    return ctx.spool.attachments(queue, folder, ctx.settings.queue.keys() - {queue})


def _follow(reading: Reading, transfer: Transfer) -> Iterator[list[Request]]:
    for requests in reading.requests():
        transfer.done = reading.bytes
        yield requests


def _write_parts(
    ctx: Context, job: Manifest, supply: Iterator[list[Request]], done: list[EstimatedPart]
) -> None:
    """Write all parts; *done* has those that are there, whatever is raised."""
    room = FreeSpace(ctx)
    waiting = next(supply, [])
    for number in count(1):
        if not waiting:
            return
        nonce = format_nonce(ctx.entropy(NONCE_BYTES))
        part = Part(number=number, nonce=nonce, requests=0, bytes=0, crc32=0)
        written, waiting = _write_part(ctx, job, part, chain([waiting], supply), room)
        done.append(written)


def _write_part(
    ctx: Context, job: Manifest, part: Part, supply: Iterable[list[Request]], room: FreeSpace
) -> tuple[EstimatedPart, list[Request]]:
    """Write requests until *part* is full; return it, and the requests at hand that did not fit."""
    packer = Packer(ctx.settings.part_requests(job.priority), ctx.settings.max_part_bytes)
    reckoning = begin_estimate(ctx)
    beyond: list[Request] = []
    with (
        ctx.spool.create(job.job, body_name(part.label)) as file,
        ctx.spool.create(job.job, index_name(part.label)) as list_of_requests,
    ):
        body, index = BodyWriter(file, part.nonce), IndexWriter(list_of_requests)
        for requests in supply:
            sizes = [size_of(one.base, one.params) for one in requests]
            fitting = packer.fit(sizes)
            if fitting:
                room.take(sum(sizes[:fitting]))
                body.write((one.base, one.params) for one in requests[:fitting])
                index.write(requests[:fitting])
                reckoning.add(requests[:fitting])
            beyond = requests[fitting:]
            if beyond:
                break
        crc32 = body.close()
    part = part.written(packer.requests, packer.size, crc32, index.crc32)
    return EstimatedPart(part, reckoning), beyond


def measure(
    file: BinaryIO,
    rules: QueueSettings,
    max_requests: int,
    max_bytes: int,
    fetch: Fetch = fetch_nothing,
    reckoning: Estimator | None = None,
) -> tuple[Reading, list[tuple[int, int]]]:
    """Return what a reading of *file* finds, and requests and bytes of each part; write nothing.

    The requests that could be sent are added up in *reckoning*.
    """
    reading = Reading(file, rules, max_bytes, None, fetch=fetch)
    packers = _pack(reading, max_requests, max_bytes, reckoning)
    if repeated := reading.find_repeated():
        file.seek(0)
        reading = Reading(file, rules, max_bytes, None, repeated, fetch)
        if reckoning:
            reckoning.clear()
        packers = _pack(reading, max_requests, max_bytes, reckoning)
    return reading, [(packer.requests, packer.size) for packer in packers if packer.requests]


def _pack(reading: Reading, max_requests: int, max_bytes: int, reckoning: Estimator | None) -> list[Packer]:
    packers = [Packer(max_requests, max_bytes)]
    for requests in reading.requests():
        if reckoning:
            reckoning.add(requests)
        sizes = [size_of(one.base, one.params) for one in requests]
        while sizes := sizes[packers[-1].fit(sizes) :]:
            packers.append(Packer(max_requests, max_bytes))
    return packers
