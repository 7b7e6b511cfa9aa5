"""Submit: a part becomes at most one paid batch. The order is kept in `domain.states`."""

from dataclasses import dataclass

import structlog

from batchbox.domain.batch import Batch, Page
from batchbox.domain.errors import Damaged, InDoubt, Offline, Refused, TryLater
from batchbox.domain.part import Part
from batchbox.domain.records import Intent, Refusal
from batchbox.domain.states import PartState
from batchbox.engine.steps.context import Context, body_name
from batchbox.ports.api import Body
from batchbox.ports.storage import Stored
from batchbox.scheduling.actions import PartKey

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SubmitCursor:
    """The newest batch id known (None: there was none) and when the server created it.

    An older one is safe, only slower: it makes a part in doubt look at more batches.
    """

    newest: str | None
    date: str


@dataclass(frozen=True, slots=True)
class Submitted:
    """What a submission left behind."""

    stored: Stored
    horizon: SubmitCursor


class _Attempt:
    """One try at one part: each step is durable before the next begins."""

    def __init__(self, ctx: Context, stored: Stored, key: PartKey) -> None:
        self._ctx = ctx
        self.stored = stored
        self._key = key

    @property
    def part(self) -> Part:
        """The part as it is now."""
        return self.stored.manifest.part(self._key)

    def become(self, part: Part) -> None:
        """Make *part*, as an event changed it, durable."""
        is_out = self.part.state is PartState.COMMITTED  # from here on it may have been paid
        changed = self.stored.manifest.with_part(part)
        self.stored = self._ctx.spool.save(changed, self.stored.version, from_reserve=is_out)

    def commit(self) -> None:
        """Make it durable that the last byte may be out; called just before it leaves."""
        self._require_lease()
        self.become(self.part.committed())

    def prepare(self, horizon: SubmitCursor) -> None:
        """Make it durable from where on a batch of ours would have to be looked for."""
        self._require_lease()
        intent = Intent(cursor=horizon.newest, date=horizon.date)
        self.become(self.part.prepared(intent, self._ctx.stamp()))

    def _require_lease(self) -> None:
        if not self._ctx.spool.lease.holds(self._ctx.settings.answer_seconds):
            raise Offline("the spool is not ours any more, so nothing was sent")


def submit(ctx: Context, stored: Stored, key: PartKey, horizon: SubmitCursor | None) -> Submitted:
    """Send a part. Raise `InDoubt` or `TryLater` after having made that durable."""
    attempt = _Attempt(ctx, stored, key)
    horizon = horizon or _look_around(ctx)
    ctx.spool.reserve(stored.manifest.job)
    attempt.prepare(horizon)
    part, job = attempt.part, stored.manifest.job
    name = body_name(part.label)
    facts = {"job": job, "part": part.label, "attempt": part.attempt}
    log.info("part.sending", **facts, bytes=part.bytes, requests=part.requests)
    try:
        with ctx.transfers.track(job, "sending", part.label, part.bytes) as transfer:
            betas = stored.manifest.betas
            body = Body(lambda: ctx.spool.open(job, name), part.bytes, part.crc32, transfer.add, betas)
            batch = ctx.api.create(body, attempt.commit)
    except Refused as refusal:
        return Submitted(_turn_down(ctx, attempt, refusal, facts), horizon)
    except Damaged as damage:
        attempt.become(attempt.part.not_sent())
        raise Damaged(f"{part.label}: {damage.problem}", damage.fix) from None
    except TryLater as error:
        part = attempt.part
        attempt.become(part.turned_away() if part.state is PartState.COMMITTED else part.not_sent())
        log.warning("part.postponed", **facts, problem=error.problem, fix=error.fix)
        raise
    except InDoubt as doubt:
        attempt.become(attempt.part.unanswered(doubt.problem, ctx.stamp()))
        log.warning("part.doubted", **facts, problem=doubt.problem)
        raise
    return _accept(ctx, attempt, batch, facts)


def _look_around(ctx: Context) -> SubmitCursor:
    return see_newest_batch(ctx.api.page(limit=1))


def see_newest_batch(page: Page) -> SubmitCursor:
    """Return what the first page of the list tells."""
    return (
        SubmitCursor(page.batches[0].id, page.batches[0].created_at)
        if page.batches
        else SubmitCursor(None, "")
    )


def _turn_down(ctx: Context, attempt: _Attempt, refusal: Refused, facts: dict[str, object]) -> Stored:
    reason = Refusal(
        problem=refusal.problem, fix=refusal.fix, error=dict(refusal.error), request_id=refusal.request_id
    )
    attempt.become(attempt.part.turned_down(reason, ctx.stamp()))
    log.error("part.refused", **facts, problem=refusal.brief, fix=refusal.fix)
    return attempt.stored


def _accept(ctx: Context, attempt: _Attempt, batch: Batch, facts: dict[str, object]) -> Submitted:
    attempt.become(attempt.part.accepted(batch.id, ctx.stamp()))
    log.info("part.submitted", **facts, batch=batch.id, bytes=attempt.part.bytes)
    return Submitted(attempt.stored, SubmitCursor(batch.id, batch.created_at))
