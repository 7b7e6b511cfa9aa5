"""Surcharges: what a request asks for that makes its tokens dearer than plain ones. Pure.

- What is written to the cache costs 1.25 times as much as what is read anew, twice as much if it is kept for
  an hour   (https://platform.claude.com/docs/en/build-with-claude/prompt-caching);
- inference in the US only makes all tokens cost 1.1 times as much
  (https://platform.claude.com/docs/en/about-claude/pricing, data residency).

A request is not read for this, only searched: within a text, the quotes of what is looked for are escaped.
"""

import re
from typing import NamedTuple

import msgspec

from batchbox.formats.batch_body import Json

EVERYWHERE = ("global", None)

_CACHE, _GEO = b'"cache_control"', b'"inference_geo"'
_WRITES = re.compile(rb'"cache_control"\s*:\s*\{')
_LASTS = re.compile(rb'"ttl"\s*:\s*"1h"')
_SPELLED = re.compile(rb"\\u00(?:3[0-9]|5f|6[1-9a-f]|7[0-9a])", re.IGNORECASE)  # a-z, digits and _


class PriceModifier(NamedTuple):
    """*lasting*: how long the longest of what it writes to the cache is kept; empty if it writes nothing."""

    lasting: str = ""
    in_us: bool = False


class _Params(msgspec.Struct):
    inference_geo: msgspec.Raw = msgspec.Raw(b"null")


_PLAIN = PriceModifier()
_geos = msgspec.json.Decoder(_Params)


def find_modifier(params: Json) -> PriceModifier:
    """Return what may make a request of these *params*, `max_tokens` among them, dearer; rather too much."""
    text = bytes(params)
    if b"\\" in text and _SPELLED.search(text):  # no program writes letters so: a key may hide behind it
        return PriceModifier("1h", _is_in_us(text))
    if text.find(b"_", text.find(b"_") + 1) < 0:  # that of "max_tokens" is the only one
        return _PLAIN
    lasting = ""
    if _CACHE in text and _WRITES.search(text):
        lasting = "1h" if _LASTS.search(text) else "5m"
    return PriceModifier(lasting, _GEO in text and _is_in_us(text))


def _is_in_us(params: bytes) -> bool:
    geo = bytes(_geos.decode(params).inference_geo)
    try:
        return msgspec.json.decode(geo, type=str | None) not in EVERYWHERE
    except msgspec.DecodeError:
        return True  # it is for the API to complain of
