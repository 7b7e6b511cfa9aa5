"""What a row costs: half of the usual price where it is known, and nothing made up where not."""

from datetime import UTC, datetime

import pytest

from batchbox.api.client import AnthropicApi
from batchbox.api.prices import price_row

AT = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
USAGE = b'{"input_tokens":1000,"output_tokens":1000}'


@pytest.mark.parametrize(("model", "dollars"), [("claude-sonnet-4-5", 0.009), ("claude-haiku-4-5", 0.003)])
def test_known(model: str, dollars: float) -> None:
    """A thousand tokens in and out cost half of what the price list says for a single call."""
    assert price_row(model, USAGE, AT) == pytest.approx(dollars)


@pytest.mark.parametrize("model", ["claude-of-tomorrow", "gpt-4o", "", "unknown"])
def test_unknown(model: str) -> None:
    """A model without a price costs an unknown sum, never 0."""
    assert price_row(model, USAGE, AT) is None


def test_usage_with_more_fields_than_known(api: AnthropicApi) -> None:
    """What the API adds to its usage does not get into the way of the price."""
    usage = b'{"input_tokens":1000,"output_tokens":0,"service_tier":"batch","new":{"a":[1]}}'
    assert api.price("claude-sonnet-4-5", usage, AT) == pytest.approx(0.0015)
