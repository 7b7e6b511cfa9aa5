"""Estimates: what requests may use and cost, reckoned before they are sent. Pure.

How many tokens a text is only the model's own tokenizer knows, and it is not public. So they are reckoned
from bytes, rather too many than too few:

- one token for `BYTES_PER_TOKEN` bytes of the request's params as they go out. English text takes about
  4.2 bytes a token with models before Claude Opus 4.7, and about 30 % more tokens with later ones
  (https://platform.claude.com/docs/en/build-with-claude/token-counting);
- an image is scaled down to about 1,600 tokens by those, to about 4,800 by later ones
  (https://platform.claude.com/docs/en/build-with-claude/vision): by the size of its data, between the two;
- a page of a PDF is text and an image, 1,500 to 3,000 tokens and more
  (https://platform.claude.com/docs/en/build-with-claude/pdf-support): a page for so many bytes of its data.

The answer may be as long as `max_tokens` allows, and hardly ever is; and where a request may write to the
cache, all that goes in is taken as written there: what is reckoned is the most.
"""

import re
import string
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from functools import reduce

import msgspec

from batchbox.cost.amounts import (
    BYTES_PER_TOKEN,
    HIGHEST,
    IMAGE_BYTES_PER_TOKEN,
    IMAGE_TOKENS,
    NOTHING,
    PDF_HEAD,
    PDF_PAGE_BYTES,
    PDF_PAGE_TOKENS,
    SMALL,
    add_estimates,
)
from batchbox.cost.price_modifiers import PriceModifier, find_modifier
from batchbox.domain.records import Estimate
from batchbox.domain.usage import PricedUsage
from batchbox.formats.batch_body import Json
from batchbox.formats.request_lines import Request, read_number

# US dollars for what requests of one model and tier use, in a batch or not; None where that is not known
Price = Callable[[str, PricedUsage, bool], float | None]
Tiers = Callable[[str], tuple[int, ...]]

_INLINE = b'"base64"'  # within a text its quotes would be escaped
_BASE64 = string.ascii_letters.encode() + string.digits.encode() + b"+/=\\"  # some write a slash as \/
_DATA = re.compile(rb'"data"\s*:\s*"')


def count_tokens(params: Json) -> int:
    """Return about how many input tokens a request of these *params* has."""
    size = len(params)
    if size < SMALL:
        return size // BYTES_PER_TOKEN + 1
    return _count_large(bytes(params))


def _count_large(params: bytes) -> int:
    size, tokens = len(params), 0
    if _INLINE not in params:
        return size // BYTES_PER_TOKEN + 1
    for start, end in _find_data(params):
        size -= end - start
        tokens += _count_file(params[start : start + len(PDF_HEAD)], end - start)
    return tokens + size // BYTES_PER_TOKEN + 1


def _find_data(params: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the values of "data" lie that are base64; a document's text may stand beside them."""
    end = 0
    while found := _DATA.search(params, end):
        end = params.find(b'"', found.end())
        if end < 0:
            return
        if not params[found.end() : end].translate(None, _BASE64):
            yield found.end(), end


def _count_file(head: bytes, size: int) -> int:
    if head == PDF_HEAD:
        return PDF_PAGE_TOKENS * -(-size // PDF_PAGE_BYTES)
    least, most = IMAGE_TOKENS
    return min(max(size // IMAGE_BYTES_PER_TOKEN, least), most)


class Estimator:
    """Adds up requests, by model, by the tier of its price that each falls into and by modifier."""

    def __init__(self, tiers: Tiers) -> None:
        self._find_tiers = tiers
        self._tiers: dict[bytes, tuple[int, ...]] = {}
        self._sums: dict[tuple[bytes, int, PriceModifier], PricedUsage] = {}

    def add(self, requests: Iterable[Request]) -> None:
        """Count *requests* in."""
        for request in requests:
            model, most = request.model, request.max_tokens
            if not model:  # whoever made the request did not look
                model, most = _look(request.params)
            tokens = count_tokens(request.params)
            if model not in self._tiers:
                self._tiers[model] = self._find_tiers(_read_model(model))
            key = (model, bisect_left(self._tiers[model], tokens), find_modifier(request.params))
            if key not in self._sums:
                self._sums[key] = PricedUsage()
            sums = self._sums[key]
            sums.requests += 1
            sums.input_tokens += tokens
            sums.output_tokens += min(most, HIGHEST)

    def clear(self) -> None:
        """Begin again."""
        self._sums.clear()

    def estimate(self, price: Price) -> Estimate:
        """Return what they may use and cost."""
        found = (
            _estimate_alike(_read_model(model), modifier, sums, price)
            for (model, _, modifier), sums in self._sums.items()
        )
        return reduce(add_estimates, found, NOTHING)


def _estimate_alike(model: str, modifier: PriceModifier, sums: PricedUsage, price: Price) -> Estimate:
    """Return what requests that are alike in all that a rate depends on may use and cost."""
    spent, tokens = PricedUsage(), sums.input_tokens
    spent.requests, spent.output_tokens = sums.requests, sums.output_tokens
    spent.requests_in_us = sums.requests if modifier.in_us else 0
    if modifier.lasting:
        spent.cache_creation_input_tokens = tokens
        spent.ephemeral_1h_input_tokens = tokens if modifier.lasting == "1h" else 0
        spent.ephemeral_5m_input_tokens = tokens - spent.ephemeral_1h_input_tokens
    else:
        spent.input_tokens = tokens
    cost = price(model, spent, True)
    return Estimate(
        input_tokens=tokens,
        output_tokens=spent.output_tokens,
        cost_usd=cost,
        unbatched_usd=price(model, spent, False),
        models=(model,),
        unpriced=(model,) if cost is None else (),
    )


def _read_model(model: Json) -> str:
    """Return the name that *model* spells in JSON; empty if that is none."""
    try:
        return msgspec.json.decode(model, type=str)
    except msgspec.DecodeError:
        return ""


class _Params(msgspec.Struct):
    model: msgspec.Raw = msgspec.Raw(b'""')
    max_tokens: msgspec.Raw = msgspec.Raw(b"0")


_models = msgspec.json.Decoder(_Params)


def _look(params: Json) -> tuple[bytes, int]:
    """Return what *params* say of the model, as JSON, and of `max_tokens`; 0 where that is no number."""
    found = _models.decode(params)
    return bytes(found.model), read_number(bytes(found.max_tokens))
