"""The proof that a batch is ours is a row with our nonce, wherever in a damaged stream it comes."""

from collections import Counter
from itertools import product
from typing import Any

import pytest

from tests.faults_api.conftest import Begin
from tests.support.daemon import request as line

THREE = line("a") + line("b") + line("c")
FIRST: list[dict[str, Any]] = [
    {"place": "first"},
    {"place": "first", "rows": 0},
    {"place": "first", "rows": 1},
    {"place": "first", "custom_id": "a"},
]
THEN: list[tuple[str, dict[str, Any]]] = [
    ("clean", {}),
    ("short", {}),
    ("short", {"rows": 0}),
    ("cut", {"where": "line_end", "rows": 0}),
    ("cut", {"where": "mid_line", "framing": "close"}),
]
CASES = list(product(FIRST, THEN))


@pytest.mark.parametrize(("details", "then"), CASES)
def test_a_foreign_first_row(
    begin: Begin, tally: Counter[str], details: dict[str, Any], then: tuple[str, dict[str, Any]]
) -> None:
    """A stranger's row before ours, while the part is in doubt, does not make our own batch a stranger's."""
    world = begin(max_part_requests=3)
    world.sandbox.order("create", "drop_after")
    world.engine.drop("a.jsonl", THREE)
    world.sandbox.order("results", "stranger_row", **details)
    world.sandbox.order("results", then[0], **then[1])
    world.finish(paid=1)
    assert world.statuses() == ["succeeded"]
    tally["API faults, in pairs"] += 1
