"""Publish: results, answers, errors, then the receipt, each by one rename; then the job is archived."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime

import msgspec
import structlog

from batchbox.domain.errors import TryLater
from batchbox.domain.job import Manifest
from batchbox.domain.marker_files import is_cancel
from batchbox.domain.output_names import answers_name, errors_name, receipt_name, rejected_name, results_name
from batchbox.domain.records import Output, OutputFolder
from batchbox.domain.states import JobState
from batchbox.engine.steps.claim import rename
from batchbox.engine.steps.context import REQUEST, Context
from batchbox.engine.steps.notify import announce_receipt
from batchbox.engine.steps.require_ok import remove_marker
from batchbox.engine.steps.write_answers import open_answers, source_name
from batchbox.engine.steps.write_errors import ErrorsFile
from batchbox.engine.steps.write_results import Results, write_rows
from batchbox.ports.storage import Stored
from batchbox.reports.receipt import compose_receipt, count_rows, status_of

RESULTS = "results.jsonl"
ERRORS = "errors.jsonl"
RECEIPT = "receipt.json"

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
    job = rename(ctx, stored.manifest, is_reserved)
    wanted = ctx.settings.for_queue(job.source.queue).output_of(job.source.form.kind)
    outputs: list[Output] = []
    with ExitStack() as stack:
        transfer = stack.enter_context(ctx.transfers.track(job.job, "publishing"))
        results = None
        if "rows" in wanted:
            results = Results(stack.enter_context(ctx.spool.create(job.job, RESULTS)), transfer.add)
        answers = open_answers(ctx, job, wanted, transfer.add, stack)
        errors = stack.enter_context(ErrorsFile(ctx, job, ERRORS))
        write_rows(ctx, job, results, answers, errors)
        if results:
            sha256 = results.close()
            outputs.append(_output("outbox", results_name(job.stem), RESULTS, (results.size, sha256)))
        for ending, found in answers.close() if answers else ():
            outputs.append(_output("outbox", answers_name(job.stem, ending), source_name(ending), found))
    if errors.count:
        outputs.append(describe(ctx, job, "outbox", errors_name(job.stem), ERRORS))
    else:
        ctx.spool.discard(job.job, [ERRORS])
    return _seal(ctx, stored, job.finished(status_of(job)), outputs)


def _refuse(ctx: Context, stored: Stored, is_reserved: Callable[[str, str], bool]) -> Stored:
    remove_marker(ctx, stored.manifest)
    job = rename(ctx, stored.manifest, is_reserved).refused()
    refused = rejected_name(job.stem, job.source.form.ending)
    outputs = [] if is_cancel(job.source.exact_name) else [describe(ctx, job, "rejected", refused, REQUEST)]
    return _seal(ctx, stored, job, outputs)


def _seal(ctx: Context, stored: Stored, job: Manifest, outputs: list[Output]) -> Stored:
    """Write the receipt, and make every name, size and digest durable before the first rename."""
    sealed = job.sealed(outputs, ctx.stamp())
    with ctx.spool.create(job.job, RECEIPT) as file:
        file.write(msgspec.json.format(msgspec.json.encode(compose_receipt(sealed)), indent=2) + b"\n")
    receipt = describe(ctx, job, "outbox", receipt_name(job.stem), RECEIPT)
    return ctx.spool.save(sealed.with_receipt(receipt), stored.version)


def describe(ctx: Context, job: Manifest, folder: OutputFolder, name: str, source: str) -> Output:
    """Return the output that *source* is to become, with its size and digest."""
    return _output(folder, name, source, ctx.spool.describe(job.job, source))


def _output(folder: OutputFolder, name: str, source: str, found: tuple[int, str]) -> Output:
    size, sha256 = found
    return Output(folder=folder, name=name, source=source, size=size, sha256=sha256)


def _put_out(ctx: Context, stored: Stored) -> Stored:
    job = stored.manifest
    for output in job.outputs:
        try:
            ctx.spool.publish(job, output)
        except FileExistsError:
            problem = f"{output.folder}/{output.name} appeared while the job was being published"
            raise TryLater(problem, "move it away; nothing is ever overwritten") from None
    announce_receipt(ctx, job)
    facts = {"file": job.source.name, "queue": job.source.queue, "stem": job.stem, "status": job.status}
    seconds = max(0.0, (ctx.clock.now() - datetime.fromisoformat(job.taken_at)).total_seconds())
    size = sum(output.size for output in job.outputs if output.folder == "outbox")
    log.info("job.published", job=job.job, **facts, rows=count_rows(job), bytes=size, seconds=round(seconds))
    return ctx.spool.save(job.published(), stored.version)
