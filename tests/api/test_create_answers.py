"""What a create's end means: never "nothing was created" when something may have been."""

from typing import Any

import anthropic
import httpx2
import pytest

from batchbox.api.client import AnthropicApi
from batchbox.api.failures import explain_create
from batchbox.domain.errors import InDoubt, Refused, TryLater
from batchbox_sandbox.remote import Sandbox
from tests.api.conftest import Sender, catch
from tests.api.wire import KEY, as_body, recording, write_body

MEGABYTE = 1 << 20

NOTHING_CREATED: list[tuple[str, dict[str, Any], type[Exception]]] = [
    ("refuse", {"status": 400}, Refused),
    ("refuse", {"status": 400, "early": True}, Refused),
    ("refuse", {"status": 401}, TryLater),
    ("refuse", {"status": 402}, TryLater),
    ("refuse", {"status": 403}, TryLater),
    ("refuse", {"status": 404}, TryLater),
    ("refuse", {"status": 408}, InDoubt),
    ("refuse", {"status": 409}, InDoubt),
    ("refuse", {"status": 413}, Refused),
    ("refuse", {"status": 422}, Refused),
    ("refuse", {"status": 429}, TryLater),
    ("refuse", {"status": 429, "error_code": "enforced_spend_limit_reached"}, TryLater),
    ("refuse", {"status": 400, "error_code": "organization_on_hold"}, TryLater),
    ("refuse", {"status": 400, "error_code": "request_body_timeout"}, TryLater),
    ("refuse", {"status": 400, "message": "You have reached your specified API usage limits."}, TryLater),
    ("refuse", {"status": 500}, InDoubt),
    ("refuse", {"status": 503}, InDoubt),
    ("refuse", {"status": 504}, InDoubt),
    ("refuse", {"status": 529}, InDoubt),
    ("drop_before", {}, InDoubt),
    ("html", {"status": 403}, InDoubt),
    ("html", {"status": 413}, Refused),
    ("html", {"status": 429}, InDoubt),
    ("html", {"status": 503}, InDoubt),
]
CREATED: list[tuple[str, dict[str, Any]]] = [
    ("drop_after", {}),
    ("error_after", {"status": 408}),
    ("error_after", {"status": 409}),
    ("error_after", {"status": 500}),
    ("error_after", {"status": 503}),
    ("error_after", {"status": 504}),
    ("error_after", {"status": 529}),
    ("html", {"status": 403, "after": True}),
    ("html", {"status": 502, "after": True}),
    ("late", {"seconds": 1.5}),
    ("garbage", {}),
    ("empty", {}),
]


@pytest.mark.parametrize(("fault", "details", "kind"), NOTHING_CREATED)
def test_nothing_created(
    send: Sender, sandbox: Sandbox, fault: str, details: dict[str, Any], kind: type[Exception]
) -> None:
    """One POST goes out; only an answer in the API's own words is taken for a no."""
    sandbox.order("create", fault, **details)
    sent = send()
    assert type(sent.error) is kind
    assert (sent.posts, sent.commits, sent.accepted) == (1, 1, 0)


@pytest.mark.parametrize(("fault", "details"), CREATED)
def test_created_without_an_answer(
    send: Sender, sandbox: Sandbox, fault: str, details: dict[str, Any]
) -> None:
    """A batch whose answer was lost or spoiled leaves a doubt, and is never sent a second time."""
    sandbox.order("create", fault, **details)
    sent = send()
    assert type(sent.error) is InDoubt
    assert (sent.posts, sent.accepted) == (1, 1)


def test_accepted(send: Sender, sandbox: Sandbox) -> None:
    """An answer that names the batch is believed."""
    sent = send(as_body(write_body(3)))
    assert sent.batch
    assert (sent.batch.id, sent.batch.total, sent.batch.results_url) == (
        sandbox.batches()[0]["id"],
        3,
        None,
    )
    assert (sent.posts, sent.accepted, sent.error) == (1, 1, None)


@pytest.mark.parametrize("after", [0, MEGABYTE])
def test_dropped_in_mid_upload(send: Sender, sandbox: Sandbox, after: int) -> None:
    """A connection that ends before the last byte is a harmless try: nobody committed to anything."""
    sandbox.order("create", "drop_before", after_bytes=after)
    sent = send(as_body(write_body(2, 16 * MEGABYTE)))
    assert type(sent.error) is TryLater
    assert (sent.commits, sent.accepted) == (0, 0)


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Refused), (413, Refused), (401, TryLater), (500, InDoubt)]
)
def test_answered_in_mid_upload(send: Sender, sandbox: Sandbox, status: int, kind: type[Exception]) -> None:
    """An answer that comes before the whole body was read means what it would have meant later."""
    sandbox.order("create", "refuse", status=status, early=True)
    sent = send(as_body(write_body(2, 16 * MEGABYTE)))
    assert type(sent.error) is kind
    assert (sent.posts, sent.commits, sent.accepted) == (1, 1, 0)


def test_a_redirect_is_not_followed(send: Sender, sandbox: Sandbox) -> None:
    """The prompts and the key go to nobody whom an answer names."""
    with recording() as elsewhere:
        sandbox.order("create", "redirect", location=f"{elsewhere.url}/v1/messages/batches")
        sent = send()
    assert type(sent.error) is InDoubt
    assert (sent.posts, sent.accepted, elsewhere.connections) == (1, 0, 0)


def test_nobody_listens() -> None:
    """An address where nothing listens is worth another try, and nothing was committed."""
    with recording() as closed:
        url = closed.url
    commits: list[str] = []
    api = AnthropicApi(lambda: KEY, url)
    error = catch(lambda: api.create(as_body(write_body()), lambda: commits.append("commit")))
    assert type(error) is TryLater
    assert error.shared
    assert not commits


@pytest.mark.parametrize(("header", "asked"), [(7, 7.0), (None, None), ("soon", None)])
def test_the_wait_that_the_api_asks_for(
    send: Sender, sandbox: Sandbox, header: int | str | None, asked: float | None
) -> None:
    """Retry-After is handed on, and a call never sleeps by itself."""
    sandbox.order("create", "refuse", status=429, retry_after=header)
    error = send().error
    assert isinstance(error, TryLater)
    assert (error.after, error.shared) == (asked, True)


def test_a_refusal_keeps_the_apis_words(send: Sender, sandbox: Sandbox) -> None:
    """The API's own error object and its request id reach the receipt."""
    sandbox.order("create", "refuse", status=400, message="requests.0: no")
    error = send().error
    assert isinstance(error, Refused)
    assert error.error == {"type": "invalid_request_error", "message": "requests.0: no"}
    assert error.request_id
    assert error.request_id.startswith("req_")
    assert "requests.0: no" in error.problem
    assert error.fix


def test_a_wrong_key_is_told_without_it(sandbox: Sandbox) -> None:
    """Whoever put a wrong key in place is told so, without the key."""
    sandbox.order("create", "refuse", status=401)
    api = AnthropicApi(lambda: KEY, sandbox.url)
    error = catch(lambda: api.create(as_body(write_body()), lambda: None))
    assert isinstance(error, TryLater)
    assert "key" in error.fix
    assert KEY not in repr(api)


@pytest.mark.parametrize(
    ("details", "headers", "crowded"),
    [
        ({}, {}, True),
        ({}, {"anthropic-ratelimit-requests-remaining": "17"}, True),
        ({}, {"anthropic-ratelimit-requests-remaining": "0"}, False),
        ({"details": {"error_code": "ramp_limit_exceeded"}}, {}, False),
        ({"type": "overloaded_error"}, {}, False),
    ],
)
def test_a_full_queue_is_told_from_other_limits(
    details: dict[str, Any], headers: dict[str, str], crowded: bool
) -> None:
    """Neither a limit on money nor one on calls says that too many requests wait."""
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "no", **details}}
    request = httpx2.Request("POST", "http://127.0.0.1/v1/messages/batches")
    response = httpx2.Response(429, request=request, json=body, headers=headers)
    found = explain_create(anthropic.RateLimitError("no", response=response, body=body), True, KEY)
    assert isinstance(found, TryLater)
    assert found.crowded is crowded
