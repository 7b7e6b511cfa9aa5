"""Estimate: what the requests of a file may cost, at the prices of the moment."""

from collections.abc import Iterable
from dataclasses import dataclass

from batchbox.cost.estimates import Estimator
from batchbox.domain.part import Part
from batchbox.engine.steps.context import Context


@dataclass(frozen=True, slots=True)
class EstimatedPart:
    """A part that was written, and the sum of its requests."""

    part: Part
    sum: Estimator


def begin_estimate(ctx: Context) -> Estimator:
    """Return an empty one."""
    now = ctx.clock.now()
    return Estimator(lambda model: ctx.api.tiers(model, now))


def estimate_parts(ctx: Context, written: Iterable[EstimatedPart]) -> tuple[Part, ...]:
    """Return the parts with what they may use and cost."""
    now = ctx.clock.now()
    return tuple(
        one.part.estimated(
            one.sum.estimate(lambda model, used, in_batch: ctx.api.price(model, used, now, in_batch))
        )
        for one in written
    )
