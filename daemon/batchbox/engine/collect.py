"""Collect: fetch the rows of a batch that has ended, and hold them against what was asked."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog

from batchbox.core.errors import Gone, TryLater
from batchbox.core.ledger import Ledger, Row, count_tokens, read_row
from batchbox.core.manifest import JobId, Part, Tokens
from batchbox.core.marker import NONCE_BYTES, mark, spell_nonce, unmark
from batchbox.core.packing import write_item
from batchbox.core.plan import PartKey
from batchbox.core.states import Event
from batchbox.core.storage import Batch, Stored
from batchbox.engine.bodies import BodyWriter, read_items
from batchbox.engine.context import Context, body_name, index_name, rows_name
from batchbox.engine.index import read_entries, write_entry

RETAINED = timedelta(days=29)  # of results, from the batch's creation

log = structlog.get_logger()


def collect(ctx: Context, stored: Stored, key: PartKey, batch: Batch) -> Stored:
    """Fetch and check the rows; send the service's failures out again. Raise `TryLater` if incomplete."""
    job, part = stored.manifest, stored.manifest.part(key)
    try:
        tally = _fetch(ctx, job.job, part, batch)
    except Gone as gone:
        log.error("part.gone", job=job.job, part=part.label, batch=batch.id, problem=gone.problem)
        lost = part.after(Event.RESULTS_GONE, doubt=gone.problem)
        return ctx.spool.save(job.with_part(lost), stored.version)
    goes_on = part.generation < ctx.settings.max_attempts and not (part.last or job.cancel_asked_at)
    again = tally.again if goes_on else frozenset()
    more = (_write_next(ctx, job.job, part, again),) if again else ()
    done = part.after(
        Event.ROWS_COMPLETE,
        outcomes=tally.final_outcomes(bool(again)),
        again=len(again),
        usage=tally.usage,
        ended_at=batch.ended_at,
        collected_at=ctx.stamp(),
    )
    saved = ctx.spool.save(job.with_part(done, *more), stored.version)
    log.info(
        "part.collected",
        job=job.job,
        part=part.label,
        batch=batch.id,
        rows=tally.outcomes,
        again=len(again),
    )
    ctx.spool.discard(job.job, [body_name(part.label)])
    return saved


def _fetch(ctx: Context, job: JobId, part: Part, batch: Batch) -> "Tally":
    name = rows_name(part.label)
    try:
        with ctx.spool.create(job, name) as file, ctx.api.rows(batch) as chunks:
            for chunk in chunks:
                file.write(chunk)
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


def _check(ctx: Context, job: JobId, part: Part) -> "Tally":
    with ctx.spool.open(job, index_name(part.label)) as file:
        ledger = Ledger(part.nonce, frozenset(entry.base for entry in read_entries(file)))
    tally = Tally(ctx)
    for row in rows_of(ctx, job, part):
        tally.enter(ledger.enter(row.wire_id), row)
    ledger.close()
    return tally


def rows_of(ctx: Context, job: JobId, part: Part) -> Iterator[Row]:
    """Yield the rows of *part* in the order in which they came."""
    with ctx.spool.open(job, rows_name(part.label)) as file:
        for line in file:
            if line.strip():
                yield read_row(line)


class Tally:
    """Counts rows by outcome and tokens by model."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._now = ctx.clock.now()
        self._again: set[str] = set()
        self._again_outcomes: dict[str, int] = {}
        self.outcomes: dict[str, int] = {}
        self.usage: dict[str, Tokens] = {}

    @property
    def again(self) -> frozenset[str]:
        """The bases of the rows that are worth another try."""
        return frozenset(self._again)

    def enter(self, base: str, row: Row) -> None:
        """Count one row."""
        self.outcomes[row.outcome] = self.outcomes.get(row.outcome, 0) + 1
        if row.again:
            self._again.add(base)
            self._again_outcomes[row.outcome] = self._again_outcomes.get(row.outcome, 0) + 1
        if row.outcome == "succeeded":
            cost = self._ctx.api.price(row.model, row.usage, self._now) if row.usage else None
            before = self.usage.get(row.model, Tokens())
            self.usage[row.model] = before.plus(count_tokens(row, cost))

    def final_outcomes(self, again: bool) -> dict[str, int]:
        """Return the counts; without the rows that go out again, if they do."""
        less = self._again_outcomes if again else {}
        counts = {name: number - less.get(name, 0) for name, number in self.outcomes.items()}
        return {name: number for name, number in counts.items() if number}


def _write_next(ctx: Context, job: JobId, part: Part, again: frozenset[str]) -> Part:
    """Write the next generation of *part*: the same requests under a new nonce."""
    fresh = Part(
        number=part.number,
        generation=part.generation + 1,
        nonce=spell_nonce(ctx.entropy(NONCE_BYTES)),
        requests=len(again),
        bytes=0,
        sha256="",
    )
    with (
        ctx.spool.open(job, index_name(part.label)) as old_index,
        ctx.spool.create(job, index_name(fresh.label)) as index,
    ):
        index.writelines(write_entry(entry) for entry in read_entries(old_index) if entry.base in again)
    with (
        ctx.spool.open(job, body_name(part.label)) as old_body,
        ctx.spool.create(job, body_name(fresh.label)) as file,
    ):
        body = BodyWriter(file)
        for wire_id, params in read_items(old_body):
            base = unmark(wire_id, part.nonce) or ""
            if base in again:
                body.write(write_item(mark(base, fresh.nonce), params))
        sha256 = body.close()
    return fresh.model_copy(update={"bytes": body.size, "sha256": sha256})
