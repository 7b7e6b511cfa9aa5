"""Doubt: to find out whether a submission without an answer created a batch.

Settle, look twice at everything newer than the cursor, and believe only a row that carries our nonce.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog

from batchbox.domain.batch import Batch
from batchbox.domain.errors import NOTHING_TO_DO, BatchboxError, Gone, TryLater
from batchbox.domain.part import Part
from batchbox.domain.records import Intent
from batchbox.domain.states import PartState
from batchbox.domain.wire_ids import unmark
from batchbox.engine.steps.collect import is_past
from batchbox.engine.steps.context import Context
from batchbox.formats.row_checks import read_row
from batchbox.ports.api import Api
from batchbox.ports.storage import Stored
from batchbox.scheduling.actions import PartKey

# The service's clocks need not agree, and its list may go by them: look back beyond the cursor, and far
# beyond where that was deleted. What is found too much costs time only.
MARGIN = timedelta(hours=1)
WIDE_MARGIN = timedelta(days=1)
FOREIGN_ROWS = 1000  # so many without one of ours prove as much as all of them

log = structlog.get_logger()


def recover(ctx: Context, stored: Stored, key: PartKey) -> Stored:
    """Put a part that nobody is sending where it belongs: nothing left this host, or in doubt."""
    part = stored.manifest.part(key)
    if part.state is PartState.PREPARED:
        return _save(ctx, stored, part.not_sent())
    reason = "the process ended before the answer came"
    log.warning("part.doubted", job=stored.manifest.job, part=part.label, problem=reason)
    return _save(ctx, stored, part.unanswered(reason, ctx.stamp()))


def _save(ctx: Context, stored: Stored, part: Part) -> Stored:
    return ctx.spool.save(stored.manifest.with_part(part), stored.version)


def look(ctx: Context, part: Part, owned: frozenset[str]) -> frozenset[str]:
    """Return the batches that may be *part*: newer than its cursor, of its size, nobody else's."""
    if part.intent is None:
        raise TryLater("a part in doubt has no intent")
    known = owned | {*part.ruled_out, part.intent.cursor}
    newer = _list_newer(ctx.api, part.intent)
    return frozenset(
        batch.id for batch in newer if batch.total in (part.requests, None) and batch.id not in known
    )


def _list_newer(api: Api, intent: Intent) -> list[Batch]:
    """Return every batch that is listed before the cursor, or was created not long before it."""
    newer: list[Batch] = []
    passed = False
    for batch in _walk(api):
        passed = passed or batch.id == intent.cursor
        if passed and not _may_be_after(batch, intent, MARGIN):
            return newer
        newer.append(batch)
    return newer if passed else [batch for batch in newer if _may_be_after(batch, intent, WIDE_MARGIN)]


def _walk(api: Api) -> Iterator[Batch]:
    """Yield the whole list. Raise `TryLater` if it cannot be followed to its end: ours may be in the rest."""
    seen: set[str] = set()
    page = api.page()
    while True:
        yield from page.batches
        if not page.has_more:
            return
        ids = {batch.id for batch in page.batches}
        if not ids or ids <= seen:
            fix = "see what stands between here and the API; nothing is sent again until it can be read"
            raise TryLater("the list of batches says that it goes on, but does not", fix, shared=True)
        seen |= ids
        page = api.page(after=page.batches[-1].id)


def _may_be_after(batch: Batch, intent: Intent, margin: timedelta) -> bool:
    """Compare the server's own times of creation; what cannot be read counts as newer."""
    try:
        before = datetime.fromisoformat(intent.date) - margin
        return intent.cursor is None or datetime.fromisoformat(batch.created_at) >= before
    except (ValueError, TypeError):
        return True


def judge(ctx: Context, stored: Stored, key: PartKey, found: frozenset[str]) -> Stored:
    """Conclude the second look: nothing was created, or these might be ours."""
    part = stored.manifest.part(key)
    facts = {"job": stored.manifest.job, "part": part.label}
    if not found:
        log.info("part.cleared", **facts)
        return _save(ctx, stored, part.none_found())
    log.info("part.suspected", **facts, candidates=sorted(found))
    return _save(ctx, stored, part.some_found(found))


def prove(ctx: Context, stored: Stored, key: PartKey, batches: tuple[Batch, ...]) -> Stored:
    """Read the rows of each of *batches* until one carries our nonce; rule out the others.

    One that cannot be read must not hide another that is ours, so the failure is raised last.
    """
    failure: BatchboxError | None = None
    for batch in batches:
        try:
            is_ours = _is_ours(ctx.api, batch, stored.manifest.part(key))
        except (Gone, TryLater) as error:
            failure = error
            continue
        part = stored.manifest.part(key)
        told = {"job": stored.manifest.job, "part": part.label, "batch": batch.id}
        if is_ours:
            log.info("part.proven", **told)
            return _save(ctx, stored, part.proven(batch.id, batch.created_at))
        log.info("part.candidate_ruled_out", **told)
        stored = _rule_out(ctx, stored, part, batch.id)
    left = {batch for batch in batches if batch.id in stored.manifest.part(key).candidates}
    if left and len(left) == len(stored.manifest.part(key).candidates) and _are_past(ctx, left):
        return give_up_candidates(ctx, stored, key, min(batch.id for batch in left))
    if failure:
        raise TryLater(failure.problem, f"{NOTHING_TO_DO}: it is tried again")
    return stored


def _are_past(ctx: Context, batches: set[Batch]) -> bool:
    return all(is_past(batch, ctx.clock.now()) for batch in batches)


def _rule_out(ctx: Context, stored: Stored, part: Part, batch_id: str) -> Stored:
    if part.adopting:
        problem = f"batch {batch_id} is not this part: none of its rows carries its mark"
        return _save(ctx, stored, part.candidates_lost(problem, ctx.stamp()))
    is_last = part.candidates == (batch_id,)
    return _save(ctx, stored, part.none_found() if is_last else part.candidate_ruled_out(batch_id))


def _is_ours(api: Api, batch: Batch, part: Part) -> bool:
    """Say whether a row of *batch* carries the nonce of *part*.

    One row that does is proof. That none does is known only once all have been read, or very many: raise
    `TryLater` for less, since a row that does not belong there must not make us pay for the others again.
    """
    rows = 0
    with api.rows(batch) as chunks:
        for line in _split(chunks):
            if unmark(read_row(line).wire_id, part.nonce) is not None:
                return True
            rows += 1
            if rows == FOREIGN_ROWS:
                return False
    if rows < (part.requests if batch.total is None else batch.total) or not rows:
        raise TryLater(f"the results of {batch.id} are not complete")
    return False


def _split(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the lines of a stream that are not blank."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from filter(bytes.strip, whole)
    if rest.strip():
        yield rest


def give_up_candidates(ctx: Context, stored: Stored, key: PartKey, batch_id: str) -> Stored:
    """Give up: no candidate is left whose rows could still be read."""
    part = stored.manifest.part(key)
    problem = f"batch {batch_id} may have been this part, but was deleted or archived before it could be read"
    if part.adopting:
        problem = f"no batch {batch_id} can be read with this key (mistyped, deleted, another workspace's?)"
    log.error("part.undecided", job=stored.manifest.job, part=part.label, batch=batch_id, problem=problem)
    return _save(ctx, stored, part.candidates_lost(problem, ctx.stamp()))
