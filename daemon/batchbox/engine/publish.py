"""Publish: results, then errors, then the receipt, each by one rename; then the job is archived."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import BinaryIO

import msgspec
import structlog

from batchbox.core.errors import TryLater
from batchbox.core.ledger import Row, read_row
from batchbox.core.manifest import Manifest, Output, Part
from batchbox.core.marker import unmark
from batchbox.core.names import errors_name, receipt_name, rejected_name, results_name
from batchbox.core.receipt import compose_receipt, status_of
from batchbox.core.states import Event, JobState, PartState
from batchbox.core.storage import Stored
from batchbox.engine.claim import choose_stem
from batchbox.engine.context import REQUEST, Context, index_name, rows_name
from batchbox.engine.errors_file import ErrorsFile
from batchbox.engine.index import Entry, read_entries

RESULTS = "results.jsonl"
ERRORS = "errors.jsonl"
RECEIPT = "receipt.json"
CANCELED = "the file was canceled before this request was answered"

log = structlog.get_logger()


def publish(ctx: Context, stored: Stored, is_reserved: Callable[[str, str], bool]) -> None:
    """Bring a job to its end, from wherever that was broken off."""
    job = stored.manifest
    if job.state is JobState.RUNNING:
        stored = _finish(ctx, stored, is_reserved)
    elif job.state is JobState.PUBLISHING and not job.outputs:
        stored = _refuse(ctx, stored, is_reserved)
    if stored.manifest.state is JobState.PUBLISHING:
        stored = _put_out(ctx, stored)
    ctx.spool.retire(stored.manifest, ctx.stamp()[:10])


def _finish(ctx: Context, stored: Stored, is_reserved: Callable[[str, str], bool]) -> Stored:
    job = _renamed(ctx, stored.manifest, is_reserved)
    failures = _write_rows(ctx, job)
    outputs = [_describe(ctx, job, "outbox", results_name(job.stem), RESULTS)]
    if failures:
        outputs.append(_describe(ctx, job, "outbox", errors_name(job.stem), ERRORS))
    return _seal(ctx, stored, job.after(Event.FINISHED, status=status_of(job)), outputs)


def _refuse(ctx: Context, stored: Stored, is_reserved: Callable[[str, str], bool]) -> Stored:
    job = _renamed(ctx, stored.manifest, is_reserved)
    job = job.model_copy(update={"status": job.status or "rejected"})
    outputs = [_describe(ctx, job, "rejected", rejected_name(job.stem), REQUEST)]
    return _seal(ctx, stored, job, outputs)


def _renamed(ctx: Context, job: Manifest, is_reserved: Callable[[str, str], bool]) -> Manifest:
    """Return *job* under a stem that is still free; a person may have put something there."""
    if not ctx.spool.is_taken(job.source.queue, job.stem):
        return job
    return job.model_copy(update={"stem": choose_stem(ctx, job.source.queue, job.stem, is_reserved)})


def _seal(ctx: Context, stored: Stored, job: Manifest, outputs: list[Output]) -> Stored:
    """Write the receipt, and make every name, size and digest durable before the first rename."""
    sealed = job.model_copy(update={"published_at": ctx.stamp(), "outputs": tuple(outputs)})
    with ctx.spool.create(job.job, RECEIPT) as file:
        file.write(msgspec.json.format(msgspec.json.encode(compose_receipt(sealed)), indent=2) + b"\n")
    receipt = _describe(ctx, job, "outbox", receipt_name(job.stem), RECEIPT)
    return ctx.spool.save(sealed.model_copy(update={"outputs": (*outputs, receipt)}), stored.version)


def _describe(ctx: Context, job: Manifest, folder: str, name: str, source: str) -> Output:
    size, sha256 = ctx.spool.describe(job.job, source)
    return Output.model_validate(
        {"folder": folder, "name": name, "source": source, "size": size, "sha256": sha256}
    )


def _put_out(ctx: Context, stored: Stored) -> Stored:
    job = stored.manifest
    for output in job.outputs:
        try:
            ctx.spool.publish(job, output)
        except FileExistsError:
            problem = f"{output.folder}/{output.name} appeared while the job was being published"
            raise TryLater(problem, "move it away; nothing is ever overwritten") from None
    log.info("job.published", job=job.job, file=job.source.name, stem=job.stem, status=job.status)
    return ctx.spool.save(job.after(Event.PUBLISHED), stored.version)


def _write_rows(ctx: Context, job: Manifest) -> int:
    """Write results and errors in the order of the requests; return how many did not succeed."""
    with ExitStack() as stack:
        results = stack.enter_context(ctx.spool.create(job.job, RESULTS))
        errors = stack.enter_context(ErrorsFile(ctx, job, ERRORS))
        for number in sorted({part.number for part in job.parts}):
            generations = [part for part in job.parts if part.number == number]
            for entry, row in _ordered(ctx, job, generations):
                own_id = msgspec.json.encode(entry.custom_id)
                results.write(b'{"custom_id":' + own_id + b',"result":' + row.result + b"}\n")
                if row.outcome != "succeeded":
                    errors.add(entry, row)
        errors.finish()
    if not errors.count:
        ctx.spool.discard(job.job, [ERRORS])
    return errors.count


def _ordered(ctx: Context, job: Manifest, generations: list[Part]) -> Iterator[tuple[Entry, Row]]:
    """Yield each request of a part with the row that the last generation it went out in gave it."""
    with ExitStack() as stack:
        files: list[BinaryIO] = []
        places: dict[str, tuple[int, int]] = {}
        for turn, part in enumerate(generations):
            collected = part.state is PartState.COLLECTED
            name = rows_name(part.label) if collected else index_name(part.label)
            files.append(stack.enter_context(ctx.spool.open(job.job, name)))
            offsets = _offsets(files[turn], part) if collected else _unsent(files[turn])
            places |= {base: (turn, offset) for base, offset in offsets}
        index = stack.enter_context(ctx.spool.open(job.job, index_name(generations[0].label)))
        for entry in read_entries(index):
            turn, offset = places[entry.base]
            yield entry, _row_at(files[turn], offset, generations[turn])


def _unsent(index: BinaryIO) -> Iterator[tuple[str, int]]:
    return ((entry.base, 0) for entry in read_entries(index))


def _row_at(file: BinaryIO, offset: int, part: Part) -> Row:
    if part.state is PartState.CANCELED:
        return Row("", "canceled", b'{"type":"canceled"}', CANCELED, again=False)
    if part.state is not PartState.COLLECTED:
        return _refused_row(part)
    file.seek(offset)
    return read_row(file.readline())


def _offsets(file: BinaryIO, part: Part) -> Iterator[tuple[str, int]]:
    offset = 0
    for line in file:
        if line.strip():
            yield unmark(read_row(line).wire_id, part.nonce) or "", offset
        offset += len(line)


def _refused_row(part: Part) -> Row:
    """Return the row of a request that the API never took, in the shape of the API's own rows."""
    refusal = part.refusal
    error = dict(refusal.error) if refusal else {}
    request_id = refusal.request_id if refusal else None
    result = {"type": "errored", "error": {"type": "error", "error": error, "request_id": request_id}}
    reason = refusal.problem if refusal else ""
    return Row("", "errored", msgspec.json.encode(result), reason, again=False)
