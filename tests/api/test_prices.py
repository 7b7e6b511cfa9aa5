"""What rows cost: half of the usual price where it is known, and nothing made up where not."""

import json
from datetime import UTC, datetime
from random import Random
from typing import Any

import msgspec
import pytest
from genai_prices import extract_usage

from batchbox.api.client import AnthropicApi
from batchbox.api.prices import find_tiers, price_rows
from batchbox.cost.estimates import Estimator
from batchbox.domain.usage import PricedUsage, Usage
from batchbox.engine.steps.row_totals import RowTotals
from batchbox.formats.request_lines import Request
from batchbox.formats.row_checks import read_row

AT = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
THOUSAND = {"input_tokens": 1000, "output_tokens": 1000}
TIERED = "claude-sonnet-4-5"


def spend(*usages: dict[str, Any]) -> PricedUsage:
    spent = PricedUsage()
    for usage in usages:
        spent.add(msgspec.convert(usage, Usage))
    return spent


@pytest.mark.parametrize(("model", "dollars"), [(TIERED, 0.009), ("claude-haiku-4-5", 0.003)])
def test_known(model: str, dollars: float) -> None:
    """A thousand tokens in and out cost half of what the price list says for a single call."""
    assert price_rows(model, spend(THOUSAND), AT) == pytest.approx(dollars)


@pytest.mark.parametrize("model", ["claude-of-tomorrow", "gpt-4o", "", "unknown"])
def test_unknown(model: str) -> None:
    """A model without a price costs an unknown sum, never 0."""
    assert price_rows(model, spend(THOUSAND), AT) is None
    assert find_tiers(model, AT) == ()


def test_tiers_are_those_of_the_price_list(api: AnthropicApi) -> None:
    """A request over 200,000 tokens costs another rate with some models, and none with others."""
    assert api.tiers(TIERED, AT) == (200_000,)
    assert api.tiers("claude-opus-4-1", AT) == ()


def make_usage(random: Random) -> dict[str, Any]:
    """Return usage of every kind that costs something, on either side of a tier."""
    written = random.randrange(40_000)
    for_long = random.randrange(written + 1)
    return {
        "input_tokens": random.choice([random.randrange(400_000), 200_000, 200_001, None]),
        "output_tokens": random.randrange(9_000),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": random.choice([0, None, random.randrange(50_000)]),
        "cache_creation": {
            "ephemeral_5m_input_tokens": written - for_long,
            "ephemeral_1h_input_tokens": for_long,
        },
        "server_tool_use": random.choice([None, {"web_search_requests": random.randrange(3)}]),
        "service_tier": "batch",
        "new": {"a": [1]},
    }


@pytest.mark.parametrize("model", [TIERED, "claude-haiku-5-5", "claude-opus-4-1"])
def test_rows_priced_together_cost_what_they_cost_alone(api: AnthropicApi, model: str) -> None:
    """The sum for a part is, to a billionth of a dollar, the price library's own for each of its rows."""
    usages = [make_usage(Random(seed)) for seed in range(200)]
    tally = RowTotals(api, AT)
    for number, usage in enumerate(usages):
        message = {"model": model, "usage": usage}
        line = json.dumps({"custom_id": "a-x", "result": {"type": "succeeded", "message": message}})
        tally.enter(number, read_row(line.encode()))
    known = [usage | {"input_tokens": usage["input_tokens"] or 0} for usage in usages]
    alone = [
        extract_usage({"model": model, "usage": usage}, provider_id="anthropic")
        .calc_price(price_context={"processing": "batch"}, genai_request_timestamp=AT)
        .total_price
        for usage in known
    ]
    found = tally.usage()[model]
    assert found.requests == len(usages)
    assert found.cost_usd == pytest.approx(float(sum(alone)), abs=1e-9)


CACHED = {"type": "ephemeral"}


@pytest.mark.parametrize(
    ("model", "asked", "times"),
    [
        (TIERED, {}, 1.0),
        (TIERED, {"cache_control": CACHED}, 1.25),
        (TIERED, {"cache_control": CACHED | {"ttl": "1h"}}, 2.0),
        ("claude-opus-5", {"inference_geo": "us"}, 1.1),
        ("claude-opus-5", {"inference_geo": "us", "cache_control": CACHED}, 1.375),
    ],
)
def test_at_most(api: AnthropicApi, model: str, asked: dict[str, Any], times: float) -> None:
    """What a request may cost is priced at the dearest that it asks for: no limit is passed unnoticed."""
    sums = []
    for more in ({}, asked):
        params = {"model": model, "max_tokens": 1, "messages": [], "metadata": "x" * 10_000} | more
        reckoning = Estimator(lambda name: api.tiers(name, AT))
        reckoning.add([Request(1, "a", "a", msgspec.Raw(json.dumps(params).encode()))])
        sums.append(reckoning.estimate(lambda name, spent, in_batch: api.price(name, spent, AT, in_batch)))
    plain, dear = (one.cost_usd or 0.0 for one in sums)
    assert dear / plain == pytest.approx(times, rel=0.02)


def test_the_receipt_knows_what_ran_in_the_us(api: AnthropicApi) -> None:
    """Tokens that ran in the US only cost a tenth more, those of the other rows and searches do not."""
    usage = THOUSAND | {"server_tool_use": {"web_search_requests": 1}}
    costs = []
    for geos in (["global", "not_available"], ["us", None]):
        tally = RowTotals(api, AT)
        for number, geo in enumerate(geos):
            message = {"model": "claude-opus-5", "usage": usage | {"inference_geo": geo}}
            line = json.dumps({"custom_id": "a-x", "result": {"type": "succeeded", "message": message}})
            tally.enter(number, read_row(line.encode()))
        costs.append(tally.usage()["claude-opus-5"])
    tokens = price_rows("claude-opus-5", spend(THOUSAND), AT) or 0.0
    assert (costs[0].cost_usd or 0.0) == pytest.approx(2 * tokens + 0.02)
    assert (costs[1].cost_usd or 0.0) == pytest.approx(2.1 * tokens + 0.02)
    assert costs[1].requests == 2
