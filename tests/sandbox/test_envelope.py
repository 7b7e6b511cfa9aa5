"""What a create is refused for, and what is found only later, tested by calls."""

import json
from typing import Any

import pytest

from batchbox_sandbox.checks import Dialect, check
from batchbox_sandbox.envelope import EnvelopeError, parse

GOOD: dict[str, Any] = {"custom_id": "a", "params": {}}
TURNS = [{"role": "user", "content": "Hi"}]
PARAMS: dict[str, Any] = {"model": "claude-haiku-5-5", "max_tokens": 8, "messages": TURNS}


def write(*items: object) -> bytes:
    """Return the body of a create with these requests."""
    return json.dumps({"requests": items}).encode()


def test_requests_come_out_as_they_went_in() -> None:
    """A request keeps its id and every byte of its JSON."""
    body = b'{ "requests" : [ {"params": {"a": [1.0, "\\u00e9"]}, "custom_id": "x-1_Z"} ] }'
    (request,) = parse(body)
    assert request.custom_id == "x-1_Z"
    assert bytes(request.raw) == b'{"params": {"a": [1.0, "\\u00e9"]}, "custom_id": "x-1_Z"}'


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "not valid JSON"),
        (b'{"requests":[{"custom_id":"a","params":{}}', "not valid JSON"),
        (b'{"requests":[{"custom_id":"a","params":{"x":NaN}}]}', "not valid JSON"),
        (b'{"requests":[{"custom_id":"a","params":{"x":"\xff"}}]}', "not valid JSON"),
        (b"[]", "Input should be an object"),
        (b"{}", "requests: Field required"),
        (b'{"requests":{}}', "requests: Input should be a valid list"),
        (b'{"requests":[],"metadata":{}}', "metadata: Extra inputs are not permitted"),
        (write(), "requests: List should have at least 1 item"),
        (write(GOOD, GOOD, GOOD, GOOD), "requests: List should have at most 3 items after validation, not 4"),
        (write(GOOD, 7), "requests.1: Input should be an object"),
        (write({"params": {}}), "requests.0.custom_id: Field required"),
        (write({"custom_id": "a"}), "requests.0.params: Field required"),
        (write({**GOOD, "extra": 1}), "requests.0.extra: Extra inputs are not permitted"),
        (write({**GOOD, "params": []}), "requests.0.params: Input should be an object"),
        (write({**GOOD, "custom_id": 7}), "requests.0.custom_id: Input should be a valid string"),
        (
            write({**GOOD, "custom_id": ""}),
            "requests.0.custom_id: String should have at least 1 character",
        ),
        (
            write({**GOOD, "custom_id": "x" * 65}),
            "requests.0.custom_id: String should have at most 64 characters",
        ),
        (write({**GOOD, "custom_id": "a b"}), "requests.0.custom_id: String should match pattern"),
        (write({**GOOD, "custom_id": "a\n"}), "requests.0.custom_id: String should match pattern"),
        (write(GOOD, GOOD), "requests.1.custom_id: `a` is already used by requests.0"),
    ],
)
def test_a_bad_envelope_is_refused_by_the_name_of_the_field(body: bytes, complaint: str) -> None:
    """The 400 says which request and which field, in the API's words."""
    with pytest.raises(EnvelopeError) as caught:
        parse(body, max_requests=3)
    assert complaint in str(caught.value)


def test_duplicates_may_be_accepted() -> None:
    """What the real API does with duplicates is not known, so both can be had."""
    assert len(parse(write(GOOD, GOOD), duplicates=True)) == 2


def test_params_are_not_judged_at_the_create() -> None:
    """Nonsense inside params passes the create."""
    assert len(parse(write({"custom_id": "a", "params": {"model": 7, "nonsense": True}}))) == 1


def complain(params: dict[str, Any], dialect: Dialect) -> str | None:
    """Return the complaint about *params*."""
    return check(json.dumps({"custom_id": "a", "params": params}).encode(), dialect)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"model": None}, "model: Input should be a valid string"),
        ({"model": "gpt-9"}, "model: gpt-9"),
        ({"max_tokens": "8"}, "max_tokens: Input should be a valid integer"),
        ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        ({"max_tokens": 128_001}, "max_tokens: 128001 > 128000, which is the maximum"),
        ({"stream": True}, "stream: "),
        ({"speed": "fast"}, "speed: "),
        ({"betas": []}, "betas: Extra inputs are not permitted"),
        ({"temperature": 1.0}, "temperature: Extra inputs are not permitted"),
        ({"top_p": 1.0}, "top_p: Extra inputs are not permitted"),
        ({"top_k": 5}, "top_k: Extra inputs are not permitted"),
        ({"messages": "Hi"}, "messages: Input should be a valid list"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": [*TURNS, "Hi"]}, "messages.1: Input should be an object"),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        ({"messages": [{"content": "Hi"}]}, "messages.0.role: Field required"),
        ({"messages": [{"role": "boss", "content": "Hi"}]}, "messages.0.role: Input should be 'user'"),
    ],
)
def test_bad_params_are_complained_about(changes: dict[str, Any], complaint: str) -> None:
    """Each mistake in params has its own complaint."""
    assert complaint in (complain({**PARAMS, **changes}, Dialect()) or "nothing")


@pytest.mark.parametrize("name", ["model", "max_tokens", "messages"])
def test_the_three_required_params_are_missed(name: str) -> None:
    """Without one of the three there is no answer."""
    params = {key: value for key, value in PARAMS.items() if key != name}
    assert complain(params, Dialect()) == f"{name}: Field required"


@pytest.mark.parametrize("changes", [{}, {"stream": False}, {"tools": []}, {"max_tokens": 128_000}])
def test_good_params_pass(changes: dict[str, Any]) -> None:
    """What the API accepts gets no complaint, fields we have never heard of too."""
    assert complain({**PARAMS, **changes}, Dialect()) is None


def test_an_older_version_still_samples() -> None:
    """Sampling parameters were removed by one API version only."""
    assert complain({**PARAMS, "temperature": 1.0}, Dialect(version="2023-06-01")) is None


def test_a_beta_raises_the_largest_output() -> None:
    """With the extended output beta 300,000 tokens are allowed, and not one more."""
    dialect = Dialect(betas=("other", "output-300k-2026-03-24"))
    assert complain({**PARAMS, "max_tokens": 300_000}, dialect) is None
    assert complain({**PARAMS, "max_tokens": 300_001}, dialect) is not None
