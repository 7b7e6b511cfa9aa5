"""Surcharges: what a request may cost beyond plain tokens is seen wherever it is asked for."""

import json
from typing import Any

import pytest

from batchbox.cost.price_modifiers import PriceModifier, find_modifier

SHORT, LONG = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}


def block(cache: object, text: str = "x") -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": [{"type": "text", "text": text, "cache_control": cache}]}]
    }


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"messages": []}, PriceModifier()),
        (block(None), PriceModifier()),
        (block(SHORT), PriceModifier("5m")),
        (block({"type": "ephemeral", "ttl": "5m"}), PriceModifier("5m")),
        (block(LONG), PriceModifier("1h")),
        ({"cache_control": SHORT} | block(LONG), PriceModifier("1h")),
        ({"system": json.dumps(block(LONG))}, PriceModifier()),
        ({"system": "é" * 9}, PriceModifier()),
        ({"inference_geo": "us"}, PriceModifier("", in_us=True)),
        ({"inference_geo": "moon"}, PriceModifier("", in_us=True)),
        ({"inference_geo": 7}, PriceModifier("", in_us=True)),
        ({"inference_geo": "global"}, PriceModifier()),
        ({"inference_geo": None}, PriceModifier()),
        ({"inference_geo": "us"} | block(SHORT), PriceModifier("5m", in_us=True)),
        ({"system": {"inference_geo": "us"}}, PriceModifier()),
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_asked_for(params: dict[str, Any], expected: PriceModifier, indent: int | None) -> None:
    """It is seen at any depth and however it is laid out; a text that tells of it asks for nothing."""
    assert find_modifier(json.dumps({"max_tokens": 1} | params, indent=indent).encode()) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rb'{"max_tokens": 1, "cache\u005Fcontrol": {"type": "ephemeral"}}', PriceModifier("1h")),
        (rb'{"max_tokens": 1, "inference_ge\u006f": "us"}', PriceModifier("1h", in_us=True)),
        (rb'{"max_tokens": 1, "system": "\u00e9\u0027"}', PriceModifier()),
    ],
)
def test_spelled_oddly(text: bytes, expected: PriceModifier) -> None:
    """Escaping a letter of its name, which JSON allows, hides nothing."""
    assert find_modifier(text) == expected
