"""Costs: what requests may use and cost, reckoned and told for those who have not dropped them yet."""

from typing import Any

from batchbox.api.prices import find_tiers, price_rows
from batchbox.cost.amounts import APPROXIMATION
from batchbox.cost.estimates import Estimator
from batchbox.domain.records import Estimate
from batchbox.ports.clock import SystemClock


def begin_estimate() -> Estimator:
    """Return an empty one, at the prices of now."""
    now = SystemClock().now()
    return Estimator(lambda model: find_tiers(model, now))


def price_requests(reckoning: Estimator) -> Estimate:
    """Return what they may use and cost."""
    now = SystemClock().now()
    return reckoning.estimate(lambda model, spent, in_batch: price_rows(model, spent, now, in_batch))


def describe_estimate(estimate: Estimate) -> dict[str, Any]:
    """Return *estimate* for a program."""
    return estimate.model_dump(mode="json") | {"how": APPROXIMATION}


def read_estimate(described: dict[str, Any]) -> Estimate:
    """Return the estimate that *described* tells."""
    return Estimate.model_validate({name: described[name] for name in Estimate.model_fields})
