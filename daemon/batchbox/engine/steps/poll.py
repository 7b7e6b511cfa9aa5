"""Poll: one list call answers for all running batches."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from batchbox.domain.batch import Batch
from batchbox.domain.errors import TryLater
from batchbox.engine.steps.submit import SubmitCursor, see_newest_batch
from batchbox.ports.api import Api

FAILURES_BORNE = 3  # each may take a minute

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Polled:
    """What the API said of each batch, None where it said that there is no such batch."""

    batches: Mapping[str, Batch | None]
    horizon: SubmitCursor


def poll(api: Api, batch_ids: frozenset[str]) -> Polled:
    """Ask for *batch_ids*: page by page while that is cheaper than asking for each that is left."""
    page = api.page()
    horizon = see_newest_batch(page)
    found: dict[str, Batch | None] = {}
    pages = 1
    while True:
        found |= {batch.id: batch for batch in page.batches if batch.id in batch_ids}
        left = batch_ids - found.keys()
        if not left or not page.has_more or not page.batches or pages >= len(left):
            break
        page = api.page(after=page.batches[-1].id)
        pages += 1
    return Polled(found | _retrieve(api, left), horizon)


def _retrieve(api: Api, batch_ids: frozenset[str]) -> dict[str, Batch | None]:
    """Ask for each of *batch_ids*; a few failures must not hide what is known of the others."""
    found: dict[str, Batch | None] = {}
    failures = 0
    for batch_id in sorted(batch_ids):
        if failures == FAILURES_BORNE:
            break
        try:
            found[batch_id] = api.retrieve(batch_id)
        except TryLater as error:
            log.warning("batch.unknown", batch=batch_id, problem=error.problem, fix=error.fix)
            failures += 1
    return found


def report_poll(polled: Polled, before: tuple[int, int]) -> tuple[int, int]:
    """Log how many batches run and have ended, unless it is as *before*; return it."""
    ended = sum(1 for batch in polled.batches.values() if batch and batch.ended)
    running = len(polled.batches) - ended
    if (running, ended) != before:
        log.info("batches.polled", running=running, ended=ended)
    return running, ended
