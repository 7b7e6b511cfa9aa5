"""Collect: fetch the rows of a batch that has ended, and hold them against what was asked."""

import zlib
from datetime import datetime

import structlog

from batchbox.cost.amounts import share
from batchbox.domain.batch import Batch
from batchbox.domain.errors import Gone, TryLater
from batchbox.domain.job import JobId
from batchbox.domain.part import Part
from batchbox.domain.wire_ids import NONCE_BYTES, format_nonce, unmark
from batchbox.engine.steps.batch_body_file import BodyWriter, read_items
from batchbox.engine.steps.context import Context, body_name, index_name, places_name, rows_name
from batchbox.engine.steps.request_index import IndexWriter, read_entries
from batchbox.engine.steps.row_totals import RowTotals
from batchbox.formats.result_offsets import ResultOffsets, find_result
from batchbox.formats.row_checks import SUCCEEDED, RowChecks, read_row
from batchbox.ports.storage import Stored
from batchbox.scheduling.actions import PartKey
from batchbox.scheduling.deadlines import RETAINED

log = structlog.get_logger()


def collect(ctx: Context, stored: Stored, key: PartKey, batch: Batch) -> Stored:
    """Fetch and check the rows; send the service's failures out again. Raise `TryLater` if incomplete."""
    job, part = stored.manifest, stored.manifest.part(key)
    try:
        tally, offsets_crc32 = _fetch(ctx, job.job, part, batch)
    except Gone as gone:
        log.error("part.gone", job=job.job, part=part.label, batch=batch.id, problem=gone.problem)
        lost = part.results_gone(gone.problem)
        return ctx.spool.save(job.with_part(lost), stored.version)
    goes_on = part.generation < ctx.settings.max_attempts and not (part.last or job.cancel_asked_at)
    again = frozenset(tally.again) if goes_on else frozenset()
    more = (_write_next(ctx, job.job, part, again),) if again else ()
    done = part.rows_complete(
        outcomes=tally.final_outcomes(bool(again)),
        again=len(again),
        usage=tally.usage(),
        offsets_crc32=offsets_crc32,
        ended_at=batch.ended_at,
        at=ctx.stamp(),
    )
    saved = ctx.spool.save(job.with_part(done, *more), stored.version)
    log.info(
        "part.collected",
        job=job.job,
        part=part.label,
        batch=batch.id,
        rows=tally.outcomes,
        again=len(again),
        usage={model: tokens.model_dump() for model, tokens in done.usage.items()},
    )
    ctx.spool.discard(job.job, [body_name(part.label)])
    return saved


def _fetch(ctx: Context, job: JobId, part: Part, batch: Batch) -> tuple[RowTotals, int]:
    name = rows_name(part.label)
    try:
        with (
            ctx.spool.create(job, name) as file,
            ctx.api.rows(batch) as chunks,
            ctx.transfers.track(job, "fetching", part.label) as transfer,
        ):
            for chunk in chunks:
                file.write(chunk)
                transfer.add(len(chunk))
        return _check(ctx, job, part)
    except TryLater as error:
        ctx.spool.discard(job, [name])
        if is_past(batch, ctx.clock.now()):
            raise Gone(f"{error.problem}, and the API keeps results for 29 days only") from None
        raise


def is_past(batch: Batch, now: datetime) -> bool:
    """Say whether the API has ceased to keep the results of *batch*."""
    try:
        return now - datetime.fromisoformat(batch.created_at) > RETAINED
    except (ValueError, TypeError):
        return False


def _check(ctx: Context, job: JobId, part: Part) -> tuple[RowTotals, int]:
    """Read all rows; write down where each is once all are there, and return the checksum of that."""
    with ctx.spool.open(job, index_name(part.label)) as file:
        ledger = RowChecks(part.nonce, (entry.base for entry in read_entries(file, part)))
    tally, places = RowTotals(ctx.api, ctx.clock.now()), ResultOffsets.of(len(ledger))
    with ctx.spool.open(job, rows_name(part.label)) as file:
        offset = 0
        for line in file:
            if line.strip():
                row = read_row(line)
                number = ledger.enter(row.wire_id)
                start = offset + find_result(line, row.result)
                places.put(number, start, row.result, row.outcome == SUCCEEDED)
                tally.enter(number, row)
            offset += len(line)
    ledger.close()
    with ctx.spool.create(job, places_name(part.label)) as file:
        file.write(places.data)
    return tally, zlib.crc32(places.data)


def _write_next(ctx: Context, job: JobId, part: Part, again: frozenset[int]) -> Part:
    """Write the next generation of *part*: the same requests under a new nonce."""
    fresh = Part(
        number=part.number,
        generation=part.generation + 1,
        nonce=format_nonce(ctx.entropy(NONCE_BYTES)),
        requests=len(again),
        bytes=0,
        crc32=0,
    )
    with (
        ctx.spool.open(job, index_name(part.label)) as old_index,
        ctx.spool.create(job, index_name(fresh.label)) as new_index,
    ):
        index, entries = IndexWriter(new_index), enumerate(read_entries(old_index, part))
        index.write(entry for number, entry in entries if number in again)
    with (
        ctx.spool.open(job, body_name(part.label)) as old_body,
        ctx.spool.create(job, body_name(fresh.label)) as file,
    ):
        body = BodyWriter(file, fresh.nonce)
        for number, (wire_id, params) in enumerate(read_items(old_body, part)):
            if number in again:
                body.write([(unmark(wire_id, part.nonce) or "", params)])
        crc32 = body.close()
    written = fresh.written(fresh.requests, body.size, crc32, index.crc32)
    return written.estimated(share(part.estimate, fresh.requests, part.requests))
