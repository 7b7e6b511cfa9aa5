"""Surcharges: what a request may cost beyond plain tokens is seen wherever it is asked for."""

import json
from typing import Any

import pytest

from batchbox.core.surcharges import Surcharge, find_surcharge

SHORT, LONG = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}


def block(cache: object, text: str = "x") -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": [{"type": "text", "text": text, "cache_control": cache}]}]
    }


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"messages": []}, Surcharge()),
        (block(None), Surcharge()),
        (block(SHORT), Surcharge("5m")),
        (block({"type": "ephemeral", "ttl": "5m"}), Surcharge("5m")),
        (block(LONG), Surcharge("1h")),
        ({"cache_control": SHORT} | block(LONG), Surcharge("1h")),
        ({"system": json.dumps(block(LONG))}, Surcharge()),
        ({"system": "é" * 9}, Surcharge()),
        ({"inference_geo": "us"}, Surcharge("", in_us=True)),
        ({"inference_geo": "moon"}, Surcharge("", in_us=True)),
        ({"inference_geo": 7}, Surcharge("", in_us=True)),
        ({"inference_geo": "global"}, Surcharge()),
        ({"inference_geo": None}, Surcharge()),
        ({"inference_geo": "us"} | block(SHORT), Surcharge("5m", in_us=True)),
        ({"system": {"inference_geo": "us"}}, Surcharge()),
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_asked_for(params: dict[str, Any], expected: Surcharge, indent: int | None) -> None:
    """It is seen at any depth and however it is laid out; a text that tells of it asks for nothing."""
    assert find_surcharge(json.dumps({"max_tokens": 1} | params, indent=indent).encode()) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rb'{"max_tokens": 1, "cache\u005Fcontrol": {"type": "ephemeral"}}', Surcharge("1h")),
        (rb'{"max_tokens": 1, "inference_ge\u006f": "us"}', Surcharge("1h", in_us=True)),
        (rb'{"max_tokens": 1, "system": "\u00e9\u0027"}', Surcharge()),
    ],
)
def test_spelled_oddly(text: bytes, expected: Surcharge) -> None:
    """Escaping a letter of its name, which JSON allows, hides nothing."""
    assert find_surcharge(text) == expected
