"""The tally of a part: what its rows used, a row whose usage cannot be read included."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from batchbox.api.client import AnthropicApi
from batchbox.domain.records import Tokens
from batchbox.domain.usage import Usage
from batchbox.engine.steps.row_totals import RowTotals
from batchbox.formats.row_checks import ResultRow

AT = datetime(2026, 11, 20, tzinfo=UTC)
MODEL = "claude-sonnet-4-5"
USAGE = {"input_tokens": 3, "output_tokens": 5}
FIELDS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


@pytest.fixture
def tally() -> RowTotals:
    """Give an empty one; prices are asked for without a network."""
    return RowTotals(AnthropicApi(lambda: "x", "http://127.0.0.1:9"), AT)


def row(
    outcome: str, usage: dict[str, Any] | None = None, again: bool = False, model: str = MODEL
) -> ResultRow:
    found = None if usage is None else msgspec.convert(usage, Usage)
    return ResultRow("a-x", outcome, b"{}", "", again, model, found)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (USAGE, (3, 5, 0, 0)),
        (USAGE | {"cache_creation_input_tokens": 7, "cache_read_input_tokens": 9}, (3, 5, 7, 9)),
        (USAGE | {"cache_creation_input_tokens": None, "cache_read_input_tokens": None}, (3, 5, 0, 0)),
        ({"input_tokens": None, "output_tokens": None}, (0, 0, 0, 0)),
        (USAGE | {"service_tier": "batch", "server_tool_use": None, "new": {"x": 1}}, (3, 5, 0, 0)),
        ({}, (0, 0, 0, 0)),
    ],
    ids=["plain", "cache", "null-cache", "nulls", "more-fields", "empty"],
)
def test_tokens_are_counted(
    tally: RowTotals, usage: dict[str, Any], expected: tuple[int, int, int, int]
) -> None:
    """What rows used is added up, a null as nothing."""
    tally.enter(0, row("succeeded", usage))
    tally.enter(1, row("succeeded", usage))
    found = tally.usage()[MODEL].model_dump(include=set(FIELDS))
    assert found == {name: 2 * number for name, number in zip(FIELDS, expected, strict=True)}


def test_usage_that_cannot_be_read_has_no_known_price(tally: RowTotals) -> None:
    """One row of unknown usage makes its model's cost unknown, and hides no tokens of the others."""
    tally.enter(0, row("succeeded", USAGE))
    tally.enter(1, row("succeeded"))
    tally.enter(2, row("succeeded", model="claude-of-tomorrow"))
    assert tally.usage() == {
        MODEL: Tokens(requests=2, input_tokens=3, output_tokens=5, cost_usd=None),
        "claude-of-tomorrow": Tokens(requests=1, cost_usd=None),
    }


def test_only_what_succeeded_is_billed(tally: RowTotals) -> None:
    """Rows that failed, expired or were canceled cost nothing, whatever they say."""
    for number, outcome in enumerate(("errored", "expired", "canceled", "pondered")):
        tally.enter(number, row(outcome, USAGE))
    assert tally.usage() == {}


def test_rows_that_go_out_again_are_no_outcome_yet(tally: RowTotals) -> None:
    """Their numbers are kept, and their outcomes left out if they do go out again."""
    tally.enter(0, row("succeeded"))
    tally.enter(1, row("expired", again=True))
    tally.enter(2, row("errored"))
    tally.enter(3, row("errored", again=True))
    assert tally.again == {1, 3}
    assert tally.final_outcomes(again=True) == {"succeeded": 1, "errored": 1}
    assert tally.final_outcomes(again=False) == {"succeeded": 1, "expired": 1, "errored": 2}


def test_without_batching(tally: RowTotals) -> None:
    """What the same tokens cost outside of a batch is told beside what they cost in it: twice as much."""
    tally.enter(0, row("succeeded", USAGE))
    found = tally.usage()[MODEL]
    assert found.cost_usd == pytest.approx((3 * 1.5 + 5 * 7.5) / 1e6)
    assert found.unbatched_usd == pytest.approx((3 * 3 + 5 * 15) / 1e6)
