"""JSON that is looked into no deeper than needed: its elements are found as any reader finds them."""

import json
from random import Random
from typing import Any

import pytest

from batchbox.formats.raw_json import find_elements, join_fields

TEXTS = ["", "a,b", "[{", "}]", '"', "\\", '\\"', "ü€😀", "\n\t", "a" * 50]


def some_value(random: Random, depth: int) -> Any:
    if depth == 0 or random.random() < 0.4:
        return random.choice([*TEXTS, None, True, -1.5e3, 0])
    if random.random() < 0.5:
        return [some_value(random, depth - 1) for _ in range(random.randrange(4))]
    return {random.choice(TEXTS): some_value(random, depth - 1) for _ in range(random.randrange(4))}


@pytest.mark.parametrize("seed", range(50))
def test_elements_are_those_that_a_reader_finds(seed: int) -> None:
    """Whatever stands in texts, however deep lists lie in lists, and however the list is spaced."""
    random = Random(seed)
    wanted = [some_value(random, 4) for _ in range(random.randrange(6))]
    text = json.dumps(wanted, indent=random.choice([None, 1]), ensure_ascii=random.random() < 0.5).encode()
    assert [json.loads(text[start:end]) for start, end in find_elements(text)] == wanted


def test_fields_are_joined_as_they_are() -> None:
    """None, one or several; their values keep their bytes, their names are spelled anew."""
    assert join_fields({}) == b"{}"
    assert json.loads(join_fields({'"ü\n': b" 1.50 "})) == {'"ü\n': 1.5}
    assert join_fields({"a": b"1e0", "b": b"[ ]"}) == b'{"a":1e0,"b":[ ]}'
