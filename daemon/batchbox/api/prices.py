"""What rows cost, in a batch or not, by the price tables of `genai-prices`; unknown is None, never 0.

One calculation takes longer than a row takes in all. But a price is a sum of rates times counts, and the
rates depend on nothing but the tier that a request falls into and on where it runs; so rows that are alike in
both are priced together, as many times their mean.
"""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from batchbox.domain.usage import PricedUsage

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation, PriceContext

PROVIDER = "anthropic"
ANY = {"input_tokens": 1, "output_tokens": 1}
# more for tokens of every kind, and for nothing but tokens, that ran in the US only: the library knows
# nothing of it (https://platform.claude.com/docs/en/about-claude/pricing, data residency)
EXTRA_IN_US = Decimal("0.1")


def find_tiers(model: str, at: datetime) -> tuple[int, ...]:
    """Return the numbers of input tokens beyond which a request of *model* costs another rate, in order."""
    found = _calculate(model, ANY, at)
    prices = vars(found.model_price).values() if found else ()
    return tuple(sorted({tier.start for price in prices for tier in getattr(price, "tiers", ())}))


def price_rows(model: str, spent: PricedUsage, at: datetime, in_batch: bool = True) -> float | None:
    """Return US dollars for what rows of *model*, all of one tier and place, used at *at*."""
    found = _calculate(model, _mean(spent), at, in_batch)
    if found is None:
        return None
    extra = EXTRA_IN_US * spent.requests_in_us * (found.input_price + found.output_price)
    return float(found.total_price * spent.requests + extra)


def _mean(spent: PricedUsage) -> dict[str, Any]:
    """Return what one of the rows used on average, in the shape of a message's usage."""
    mean: dict[str, Any] = {name: Decimal(total) / spent.requests for name, total in vars(spent).items()}
    lasting = {name: mean[name] for name in ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")}
    tools, details = (
        {"web_search_requests": mean["web_search_requests"]},
        {"thinking_tokens": mean["thinking_tokens"]},
    )
    return mean | {"cache_creation": lasting, "server_tool_use": tools, "output_tokens_details": details}


def _calculate(
    model: str, usage: dict[str, Any], at: datetime, in_batch: bool = True
) -> "PriceCalculation | None":
    # imported on first use: its tables take a quarter of a second, and most commands need no price
    from genai_prices import extract_usage  # noqa: PLC0415

    try:
        extracted = extract_usage({"model": model, "usage": usage}, provider_id=PROVIDER)
        context: PriceContext = {"processing": "batch"} if in_batch else {}
        return extracted.calc_price(price_context=context, genai_request_timestamp=at)
    except (LookupError, ValueError, TypeError, ArithmeticError):
        return None
