"""The bill: what a job cost, what it would have cost without batching, and how far off the estimate was."""

from collections.abc import Iterable
from functools import reduce
from typing import Any

from batchbox.cost.amounts import APPROXIMATION, estimate_job, format_usd
from batchbox.domain.job import Manifest
from batchbox.domain.records import Estimate, Tokens
from batchbox.domain.states import PartState


def write_cost_report(job: Manifest) -> dict[str, Any]:
    """Return what a receipt says of money: see `reports.receipt_model.Receipt`."""
    usage = sum_usage(job)
    gaps = list(_find_gaps(job, usage))
    cost = _total(tokens.cost_usd for tokens in usage.values())
    unbatched = _total(tokens.unbatched_usd for tokens in usage.values())
    known = sum((tokens.cost_usd or 0.0 for tokens in usage.values()), 0.0)
    bill: dict[str, Any] = {
        "usage": {model: tokens.model_dump() for model, tokens in sorted(usage.items())},
        "cost": _say(known, gaps) if gaps else _tell(cost or 0.0, unbatched),
        "cost_usd": None if gaps else cost,
        "unbatched_usd": None if gaps else unbatched,
    }
    estimate = estimate_job(job.parts)
    if estimate:
        bill["estimate"] = _describe(job, estimate, usage)
    if job.excess:
        by = next(
            (one.by for one in job.decisions if one.at == job.approved_at and one.verb == "release"), ""
        )
        bill["held"] = {"reason": job.excess, "approved_at": job.approved_at, "approved_by": by or None}
    return bill


def sum_usage(job: Manifest) -> dict[str, Tokens]:
    """Return what *job* used, by model."""
    total: dict[str, list[Tokens]] = {}
    for part in job.parts:
        for model, tokens in part.usage.items():
            total.setdefault(model, []).append(tokens)
    return {model: reduce(Tokens.plus, parts) for model, parts in total.items()}


def _find_gaps(job: Manifest, usage: dict[str, Tokens]) -> Iterable[str]:
    unpriced = sorted(model for model, tokens in usage.items() if tokens.cost_usd is None)
    if unpriced:
        yield f"no price is known for what {' and '.join(unpriced)} used"
    lost = [batch for part in job.parts for batch in part.abandoned]
    lost += [part.batch_id for part in job.parts if part.batch_id and part.state is PartState.CANCELED]
    if lost:
        yield f"what {' and '.join(lost)} used was never learnt"
    if sum(len(part.given_up) for part in job.parts) > len(lost):
        yield "whether something that had no answer was paid for was never learnt"


def _total(sums: Iterable[float | None]) -> float | None:
    found = list(sums)
    known = [one for one in found if one is not None]
    return round(sum(known, 0.0), 8) if len(known) == len(found) else None


def _say(known: float, gaps: list[str]) -> str:
    at_least = f", at least {format_usd(known)}" if known else ""
    return f"unknown{at_least}: {'; '.join(gaps)}"


def _tell(cost: float, unbatched: float | None) -> str:
    without = f"; {format_usd(unbatched)} without batching" if unbatched is not None and cost else ""
    return format_usd(cost) + without


def describe_estimate(estimate: Estimate) -> dict[str, Any]:
    """Return *estimate* as receipts tell it: see `reports.receipt_model.Estimated`."""
    return {
        "input_tokens": estimate.input_tokens,
        "output_tokens": estimate.output_tokens,
        "cost_usd": _round(estimate.cost_usd),
        "unbatched_usd": _round(estimate.unbatched_usd),
        "models": list(estimate.models),
        "how": APPROXIMATION,
    }


def _round(dollars: float | None) -> float | None:
    return None if dollars is None else round(dollars, 8)


def _describe(job: Manifest, estimate: Estimate, usage: dict[str, Tokens]) -> dict[str, Any]:
    """Add how far off it was. What is billed is what succeeded, so it is held against as much of it."""
    answered = sum(tokens.requests for tokens in usage.values())
    requests = sum(part.requests for part in job.parts if part.generation == 1)
    used = sum(_input_in_all(tokens) for tokens in usage.values())
    expected = estimate.input_tokens * answered / requests if requests else 0.0
    ratio = round(used / expected, 3) if used and expected else None
    return describe_estimate(estimate) | {"actual_by_estimated_input": ratio}


def _input_in_all(tokens: Tokens) -> int:
    return tokens.input_tokens + tokens.cache_creation_input_tokens + tokens.cache_read_input_tokens
