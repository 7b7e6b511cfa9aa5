"""Figures: estimates added up and shared out, and sums of money as people read them. Pure."""

from collections.abc import Iterable, Iterator
from functools import reduce
from math import ceil, floor, log10

from batchbox.domain.part import Part
from batchbox.domain.records import Estimate

CENT = 0.01
FINEST = 10_000  # parts of a dollar that are told

BYTES_PER_TOKEN = 3
IMAGE_BYTES_PER_TOKEN = 250  # of base64
IMAGE_TOKENS = (1_600, 4_800)
SMALL = BYTES_PER_TOKEN * IMAGE_TOKENS[0]  # what is smaller holds at most an icon, and is not searched for it
PDF_PAGE_BYTES = 40_000  # of base64
PDF_PAGE_TOKENS = 2_500
PDF_HEAD = b"JVBERi"  # %PDF- in base64
HIGHEST = 10_000_000  # output tokens of one request: no model gives more

APPROXIMATION = (
    f"reckoned from size: one token for {BYTES_PER_TOKEN} bytes, {IMAGE_TOKENS[0]:,} to {IMAGE_TOKENS[1]:,} "
    f"for an image, {PDF_PAGE_TOKENS:,} for {PDF_PAGE_BYTES * 3 // 4:,} bytes of a PDF"
)


def format_usd(dollars: float) -> str:
    """Write a sum for people: to a hundredth of a cent, or two digits of what is less than a cent."""
    if dollars >= CENT or dollars <= 0:
        return f"{dollars:,.4f} USD"
    return f"{dollars:.{1 - floor(log10(dollars))}f} USD"


def format_maximum(dollars: float) -> str:
    """Write a sum that is the most that may be spent: rounded up."""
    return format_usd(ceil(dollars * FINEST) / FINEST if dollars >= CENT else dollars)


def name_unpriced(estimate: Estimate | None) -> str:
    """Say why it is not known what something may cost."""
    if estimate is None:
        return "an older batchbox checked it, which did not reckon"
    names = (name or "a model without a name" for name in estimate.unpriced)
    return f"no price is known for {' and '.join(names)}"


def write_estimate(estimate: Estimate) -> Iterator[str]:
    """Yield *estimate* in sentences."""
    yield f"about {estimate.input_tokens:,} tokens in, up to {estimate.output_tokens:,} out (max_tokens)"
    if estimate.cost_usd is None:
        yield f"what it may cost is not known: {name_unpriced(estimate)}"
        return
    without = estimate.unbatched_usd
    more = "" if without is None else f"; {format_maximum(without)} without batching"
    yield f"may cost up to {format_maximum(estimate.cost_usd)}{more}"


NOTHING = Estimate(input_tokens=0, output_tokens=0, cost_usd=0.0, unbatched_usd=0.0)


def add_estimates(one: Estimate, other: Estimate) -> Estimate:
    """Return the sum; a price that is not known on either side is not known in the sum."""
    cost = _add(one.cost_usd, other.cost_usd)
    return Estimate(
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cost_usd=cost,
        known_usd=one.least_usd + other.least_usd if cost is None else 0.0,
        unbatched_usd=_add(one.unbatched_usd, other.unbatched_usd),
        models=_unite(one.models, other.models),
        unpriced=_unite(one.unpriced, other.unpriced),
    )


def _unite(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _add(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def share(estimate: Estimate | None, requests: int, of: int) -> Estimate | None:
    """Return what *requests* out of *of* may use and cost, as if all were alike."""
    if estimate is None or not of:
        return None
    part = requests / of
    return Estimate(
        input_tokens=round(estimate.input_tokens * part),
        output_tokens=round(estimate.output_tokens * part),
        cost_usd=None if estimate.cost_usd is None else estimate.cost_usd * part,
        known_usd=estimate.known_usd * part,
        unbatched_usd=None if estimate.unbatched_usd is None else estimate.unbatched_usd * part,
        models=estimate.models,
        unpriced=estimate.unpriced,
    )


def estimate_job(parts: Iterable[Part]) -> Estimate | None:
    """Return what all requests of a job were reckoned to use and cost; None if that was never reckoned."""
    first = [part.estimate for part in parts if part.generation == 1]
    known = [one for one in first if one]
    return reduce(add_estimates, known, NOTHING) if known and len(known) == len(first) else None
