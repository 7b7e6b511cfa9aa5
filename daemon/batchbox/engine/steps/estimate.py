"""Reckoning: what the requests of a file may cost, at the prices of the moment.

Where that is allowed, the API is asked to count some of the requests. It costs nothing and has a rate limit
of its own (https://platform.claude.com/docs/en/build-with-claude/token-counting); nothing depends on it, and
nothing waits for it for long.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from batchbox.cost.estimates import APPROXIMATION, Estimator, Sample, pick
from batchbox.domain.errors import TryLater
from batchbox.domain.job import JobId
from batchbox.domain.part import Part
from batchbox.domain.records import Estimate
from batchbox.engine.steps.context import Context, body_name
from batchbox.formats.batch_body import read_item

COUNT_SECONDS = 30.0  # for all of a file
ANSWER_SECONDS = 10.0
REFUSALS_BORNE = 3  # in a row, before anything was counted


@dataclass(frozen=True, slots=True)
class EstimatedPart:
    """A part that was written, and the sum of its requests."""

    part: Part
    sum: Estimator


def begin_estimate(ctx: Context) -> Estimator:
    """Return an empty one."""
    now = ctx.clock.now()
    return Estimator(lambda model: ctx.api.tiers(model, now))


def estimate_parts(
    ctx: Context, job: JobId, written: Iterable[EstimatedPart], count: int
) -> tuple[tuple[Part, ...], str]:
    """Return the parts with what they may use and cost, and how that was found.

    *count*: how many requests the API may be asked to count.
    """
    written = list(written)
    sample, how = Sample(), APPROXIMATION
    if count:
        sample, how = _ask(ctx, job, [one.part for one in written], count)
    parts = (one.part.estimated(_price(ctx, one.sum, sample)) for one in written)
    return tuple(parts), how


def _price(ctx: Context, reckoning: Estimator, sample: Sample) -> Estimate:
    now = ctx.clock.now()
    return reckoning.estimate(
        lambda model, spent, in_batch: ctx.api.price(model, spent, now, in_batch), sample
    )


def _ask(ctx: Context, job: JobId, parts: list[Part], count: int) -> tuple[Sample, str]:
    """Have the API count some requests; return what it counted, and how the estimate is made."""
    sample, total = Sample(), sum(part.requests for part in parts)
    problem = _fill(ctx, sample, _read(ctx, job, parts, pick(total, count)))
    if sample.size == total:
        return sample, "counted by the API"
    if not sample.size:
        return sample, f"{APPROXIMATION}; the API counted nothing: {problem}"
    return sample, f"{APPROXIMATION}; corrected by {sample.size:,} of {total:,} requests that the API counted"


def _fill(ctx: Context, sample: Sample, items: Iterator[bytes]) -> str:
    """Have *items* counted until that fails or has taken too long; return why nothing was, if so."""
    end, refusals = ctx.clock.monotonic() + COUNT_SECONDS, 0
    for params in items:
        left = end - ctx.clock.monotonic()
        if left <= 0:
            return "it took too long"
        if "PAUSE" in ctx.spool.flags():
            return "nothing is sent while PAUSE is up"
        try:
            tokens = ctx.api.count(params, min(left, ANSWER_SECONDS))
        except TryLater as error:
            return error.problem
        if tokens is not None:
            sample.add(params, tokens)
        refusals += tokens is None
        if refusals >= REFUSALS_BORNE and not sample.size:
            break
    return "it does not count such requests"


def _read(ctx: Context, job: JobId, parts: list[Part], numbers: list[int]) -> Iterator[bytes]:
    """Yield the params of the requests of those *numbers*, counted over all parts from 0."""
    first = 0
    for part in parts:
        wanted = {number - first for number in numbers if first <= number < first + part.requests}
        first += part.requests
        if not wanted:
            continue
        with ctx.spool.open(job, body_name(part.label)) as file:
            lines = enumerate(islice(file, 1, max(wanted) + 2))  # behind the head
            yield from (read_item(line)[1] for number, line in lines if number in wanted)
