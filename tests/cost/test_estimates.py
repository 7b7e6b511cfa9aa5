"""Estimates: about as many tokens as there will be, and a price only where it is known."""

import base64
import json
from typing import Any

import pytest

from batchbox.cost.amounts import NOTHING, add_estimates, estimate_job, format_usd, share
from batchbox.cost.estimates import Estimator, count_tokens
from batchbox.domain.records import Estimate
from batchbox.domain.usage import PricedUsage
from batchbox.formats.request_lines import Request
from tests.support.values import make_part, read

PDF = b"%PDF-1.7\n"
PNG = b"\x89PNG\r\n\x1a\n"
TEXT = {"type": "text", "media_type": "text/plain", "data": "some words " * 3_000}


def params(*blocks: dict[str, Any]) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": list(blocks)}]}).encode()


def inline(kind: str, data: bytes) -> dict[str, Any]:
    return {"type": kind, "source": {"type": "base64", "data": base64.b64encode(data).decode()}}


@pytest.mark.parametrize(
    ("content", "tokens"),
    [
        (params({"type": "text", "text": "x" * 30_000}), (10_000, 10_100)),
        (params({"type": "text", "text": 'it says "base64" and "data": "' + "x" * 30_000}), (10_000, 10_100)),
        (params(inline("image", PNG + bytes(100_000))), (1_600, 1_700)),
        (params(inline("image", PNG + bytes(600_000))), (3_200, 3_300)),
        (params(inline("image", PNG + bytes(9_000_000))), (4_800, 4_900)),
        (params(inline("document", PDF + bytes(1_000))), (400, 600)),
        (params(inline("document", PDF + bytes(29_000))), (2_500, 2_600)),
        (params(inline("document", PDF + bytes(300_000))), (27_500, 27_600)),
        (params(*[inline("image", PNG + bytes(9_000))] * 20), (32_000, 33_000)),
        (params(inline("image", PNG), {"type": "document", "source": TEXT}), (11_000, 13_000)),
        (b'{"type":"base64","data":"' + b"x" * 9_000, (3_000, 3_010)),
    ],
    ids=["text", "quoted", "image", "large", "huge", "leaf", "page", "pages", "images", "beside", "cut"],
)
def test_tokens(content: bytes, tokens: tuple[int, int]) -> None:
    """Text counts by its bytes; what is inlined does not: it would be a hundred times too much."""
    assert tokens[0] <= count_tokens(content) <= tokens[1]


def price(model: str, spent: PricedUsage, in_batch: bool) -> float | None:
    """Say that a token costs a cent for a model called m, twice that outside of a batch."""
    tokens = spent.input_tokens + spent.output_tokens
    return tokens * (0.01 if in_batch else 0.02) if model == "m" else None


def ask(model: str, max_tokens: object, text: str = "") -> Request:
    return read(json.dumps({"prompt": text + "?", "model": model, "max_tokens": max_tokens}))


def test_sum() -> None:
    """Added up are the tokens of all, the most that may come back, and what both cost."""
    reckoning = Estimator(lambda _model: ())
    requests = [ask("m", 100), ask("m", 1000)]
    reckoning.add(requests[:1])
    reckoning.add(requests[1:])
    found = reckoning.estimate(price)
    expected = sum(count_tokens(one.params) for one in requests)
    assert (found.input_tokens, found.output_tokens, found.models) == (expected, 1100, ("m",))
    assert found.cost_usd == pytest.approx((expected + 1100) * 0.01)
    assert found.unbatched_usd == pytest.approx((expected + 1100) * 0.02)


def test_made_by_others() -> None:
    """A request that was made without a look at its model counts as any other."""
    known, bare = ask("m", 100), Request(1, "a", "a", ask("m", 100).params)
    sums = []
    for request in (known, bare):
        reckoning = Estimator(lambda _model: ())
        reckoning.add([request])
        sums.append(reckoning.estimate(price))
    assert sums[0] == sums[1]
    assert sums[0].output_tokens == 100


@pytest.mark.parametrize("model", ["n", 7, None, ["m"]])
def test_unknown_price(model: Any) -> None:
    """One request whose price is not known makes that of all unknown, never lower."""
    reckoning = Estimator(lambda _model: ())
    reckoning.add([ask("m", 1), ask(model, 1)])
    found = reckoning.estimate(price)
    assert (found.cost_usd, found.unbatched_usd, found.output_tokens) == (None, None, 2)
    known = Estimator(lambda _model: ())
    known.add([ask("m", 1)])
    assert found.least_usd == known.estimate(price).cost_usd, "what is known of it is kept"
    half = share(add_estimates(found, found), 1, 4)
    assert half
    assert half.least_usd == pytest.approx(found.least_usd / 2)


@pytest.mark.parametrize(("given", "most"), [(1e3, 1000), (10**400, 10_000_000)])
def test_odd_max_tokens(given: object, most: int) -> None:
    """Whatever number a line says there, the sum can be made; the API is the one to refuse it."""
    reckoning = Estimator(lambda _model: ())
    reckoning.add([ask("m", given)])
    assert reckoning.estimate(price).output_tokens == most


def test_tiers_are_priced_apart() -> None:
    """A long request costs another rate: it is not averaged with the short ones."""
    told: list[int] = []

    def note(_model: str, spent: PricedUsage, in_batch: bool) -> float:
        told.extend([spent.requests] if in_batch else [])
        return 0.0

    reckoning = Estimator(lambda _model: (1_000,))
    reckoning.add([ask("m", 1), ask("m", 1, "x" * 9_000), ask("m", 1)])
    reckoning.estimate(note)
    assert told == [2, 1]


CACHED = {"type": "ephemeral"}


@pytest.mark.parametrize(
    ("asked", "filled", "in_us"),
    [
        ({}, {"input_tokens"}, 0),
        ({"cache_control": CACHED}, {"cache_creation_input_tokens", "ephemeral_5m_input_tokens"}, 0),
        (
            {"cache_control": CACHED | {"ttl": "1h"}, "inference_geo": "us"},
            {"cache_creation_input_tokens", "ephemeral_1h_input_tokens"},
            1,
        ),
    ],
)
def test_what_is_dearer_is_priced_apart(asked: dict[str, Any], filled: set[str], in_us: int) -> None:
    """What may be written to the cache is taken as written, all of it; what runs in the US as run there."""
    found: list[tuple[set[str], int]] = []

    def note(_model: str, spent: PricedUsage, in_batch: bool) -> float:
        inputs = {name for name, number in vars(spent).items() if "input" in name and number}
        found.extend([(inputs, spent.requests_in_us)] if in_batch else [])
        return 0.0

    reckoning = Estimator(lambda _model: ())
    plain = ask("m", 1)
    request = read(json.dumps({"prompt": "?", "model": "m", "max_tokens": 1} | asked))
    reckoning.add([plain, request])
    estimate = reckoning.estimate(note)
    assert found[-1] == (filled, in_us)
    assert len(found) == (2 if asked else 1)
    assert estimate.input_tokens == count_tokens(plain.params) + count_tokens(request.params)


ONE = Estimate(input_tokens=10, output_tokens=20, cost_usd=0.5, unbatched_usd=1.0, models=("m",))


def test_share() -> None:
    """Half of the requests cost half; of nothing, or of what was never reckoned, nothing is said."""
    assert share(ONE, 1, 2) == Estimate(
        input_tokens=5, output_tokens=10, cost_usd=0.25, unbatched_usd=0.5, models=("m",)
    )
    assert share(None, 1, 2) is None
    assert share(ONE, 0, 0) is None


def test_job() -> None:
    """A job's estimate is that of its parts as they were first sent; with one missing there is none."""
    parts = [make_part(estimate=ONE), make_part(number=2, estimate=ONE), make_part(generation=2)]
    assert estimate_job(parts) == add_estimates(ONE, ONE)
    assert estimate_job([*parts, make_part(number=3)]) is None
    assert estimate_job([]) is None
    assert add_estimates(NOTHING, ONE) == ONE


@pytest.mark.parametrize(
    ("dollars", "text"),
    [
        (0.0, "0.0000 USD"),
        (1234.5, "1,234.5000 USD"),
        (0.0123, "0.0123 USD"),
        (0.001234, "0.0012 USD"),
        (0.0000123, "0.000012 USD"),
    ],
)
def test_sums_are_told_as_people_read_them(dollars: float, text: str) -> None:
    """However small, a sum that is not nothing never looks like it."""
    assert format_usd(dollars) == text
