"""What a row costs in a batch, by the price tables of `genai-prices`; unknown is None, never 0."""

from datetime import datetime
from functools import lru_cache

import msgspec

PROVIDER = "anthropic"
REMEMBERED = 4096


def price_row(model: str, usage: bytes, at: datetime) -> float | None:
    """Return US dollars for *usage* (the JSON of a message's usage) of *model* in a batch at *at*."""
    return _price(model, usage, at.replace(minute=0, second=0, microsecond=0))


@lru_cache(maxsize=REMEMBERED)
def _price(model: str, usage: bytes, at: datetime) -> float | None:
    # imported on first use: its tables take a quarter of a second, and most commands need no price
    from genai_prices import extract_usage  # noqa: PLC0415

    try:
        message = {"model": model, "usage": msgspec.json.decode(usage)}
        extracted = extract_usage(message, provider_id=PROVIDER)
        price = extracted.calc_price(price_context={"processing": "batch"}, genai_request_timestamp=at)
    except (LookupError, ValueError, TypeError, ArithmeticError, msgspec.MsgspecError):
        return None
    return float(price.total_price)
