"""Reckoning: what the requests of a file may cost, at the prices of the moment."""

from batchbox.core.estimates import Reckoning
from batchbox.core.manifest import Estimate
from batchbox.engine.context import Context


def begin_reckoning(ctx: Context) -> Reckoning:
    """Return an empty one."""
    now = ctx.clock.now()
    return Reckoning(lambda model: ctx.api.tiers(model, now))


def price_requests(ctx: Context, reckoning: Reckoning, scale: float = 1.0) -> Estimate:
    """Return what they may use and cost."""
    now = ctx.clock.now()
    return reckoning.estimate(
        lambda model, spent, in_batch: ctx.api.price(model, spent, now, in_batch), scale
    )
