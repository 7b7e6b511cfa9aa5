"""Each fault, through the real SDK: what it raises, and what the oracle says was accepted."""

import http.client
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import anthropic
import pytest
from anthropic.types.messages import MessageBatch

from batchbox_sandbox.faults import FAULTS
from batchbox_sandbox.remote import Sandbox

Start = Callable[..., Sandbox]
Connect = Callable[..., anthropic.Anthropic]
Create = Callable[..., MessageBatch]

PATH = "/v1/messages/batches"


def run(client: anthropic.Anthropic, operation: str, batch_id: str) -> object:
    """Make one call of *operation*."""
    batches = client.messages.batches
    match operation:
        case "list":
            return batches.list()
        case "results":
            # Without the retrieve that the SDK would make first.
            return client.get(f"{PATH}/{batch_id}/results", cast_to=object)
        case _:
            return getattr(batches, operation)(batch_id)


@pytest.mark.parametrize(
    ("status", "error", "error_type"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.AuthenticationError, "authentication_error"),
        (402, anthropic.PaymentRequiredError, "billing_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (413, anthropic.ContentTooLargeError, "request_too_large"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (504, anthropic.GatewayTimeoutError, "timeout_error"),
        (529, anthropic.OverloadedError, "overloaded_error"),
    ],
)
def test_refuse_answers_the_status_and_does_nothing(
    sandbox: Sandbox, create: Create, status: int, error: type[anthropic.APIStatusError], error_type: str
) -> None:
    """Each status comes in the API's envelope with its usual type, and nothing is stored."""
    sandbox.order("create", "refuse", status=status)
    with pytest.raises(error) as caught:
        create()
    assert (caught.value.status_code, caught.value.type) == (status, error_type)
    assert "retry-after" not in caught.value.response.headers
    assert sandbox.batches() == []
    assert [call["status"] for call in sandbox.calls()] == [status]
    create()
    assert len(sandbox.batches()) == 1


def test_refuse_carries_every_detail(sandbox: Sandbox, create: Create) -> None:
    """Type, message, code, Retry-After and any header can be ordered."""
    sandbox.order(
        *("create", "refuse"),
        status=429,
        error_type="special_error",
        message="Come back",
        error_code="enforced_spend_limit_reached",
        retry_after=86_400,
        headers={"x-should-retry": "false"},
    )
    with pytest.raises(anthropic.RateLimitError) as caught:
        create()
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"] == {
        "type": "special_error",
        "message": "Come back",
        "details": {"error_code": "enforced_spend_limit_reached"},
    }
    assert caught.value.response.headers["retry-after"] == "86400"
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_refuse_may_come_before_the_body(sandbox: Sandbox) -> None:
    """An early refusal is answered although not one byte of the body was sent."""
    sandbox.order("create", "refuse", status=529, early=True)
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=5)
    connection.putrequest("POST", PATH)
    connection.putheader("x-api-key", "k")
    connection.putheader("Content-Length", "1000")
    connection.endheaders()
    assert connection.getresponse().status == 529
    connection.close()
    assert sandbox.batches() == []


@pytest.mark.parametrize("operation", ["list", "retrieve", "results", "cancel", "delete"])
def test_every_operation_can_be_refused(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create, operation: str
) -> None:
    """An order holds for its own operation alone, and the batch is as it was."""
    batch = create()
    sandbox.order(operation, "refuse", status=503)
    with pytest.raises(anthropic.ServiceUnavailableError):
        run(client, operation, batch.id)
    (record,) = sandbox.batches()
    assert (record["status"], record["deleted"]) == ("in_progress", False)
    assert client.messages.batches.retrieve(batch.id).cancel_initiated_at is None


@pytest.mark.parametrize("operation", ["list", "retrieve", "results", "cancel", "delete"])
def test_any_holds_for_whatever_comes_first(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create, operation: str
) -> None:
    """An order at any is consumed by the next call."""
    batch = create()
    sandbox.order("any", "drop_before")
    with pytest.raises(anthropic.APIConnectionError):
        run(client, operation, batch.id)
    assert sandbox.faults() == []
    assert (sandbox.calls()[-1]["status"], sandbox.calls()[-1]["fault"]) == ("aborted", "drop_before")


def test_drop_before_stores_nothing(sandbox: Sandbox, create: Create) -> None:
    """The whole body was read, the connection is gone, and there is no batch."""
    sandbox.order("create", "drop_before")
    with pytest.raises(anthropic.APIConnectionError):
        create()
    assert sandbox.batches() == []


@pytest.mark.parametrize("after_bytes", [0, 1, 100_000])
def test_drop_before_can_come_in_mid_upload(sandbox: Sandbox, create: Create, after_bytes: int) -> None:
    """A connection that ends during the upload raises the same error, and stores nothing."""
    sandbox.order("create", "drop_before", after_bytes=after_bytes)
    with pytest.raises(anthropic.APIConnectionError):
        create(system="x" * 20_000_000)
    assert sandbox.batches() == []
    assert sandbox.calls()[0]["status"] == "aborted"


def test_drop_after_stores_the_batch(sandbox: Sandbox, create: Create) -> None:
    """The client sees what it sees of a drop before, but this one is billed."""
    sandbox.order("create", "drop_after")
    with pytest.raises(anthropic.APIConnectionError):
        create(2)
    assert [batch["count"] for batch in sandbox.batches()] == [2]
    assert [call["status"] for call in sandbox.calls()] == ["aborted"]


def test_the_retries_of_the_sdk_pay_twice(sandbox: Sandbox, connect: Connect, create: Create) -> None:
    """What this stand-in is for: a dropped answer and one retry are two batches."""
    sandbox.order("create", "drop_after")
    create(by=connect(sandbox, max_retries=1))
    assert len(sandbox.batches()) == 2


def test_drop_after_holds_for_other_work_too(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create
) -> None:
    """A cancel whose answer is lost has been done."""
    batch = create()
    sandbox.order("cancel", "drop_after")
    with pytest.raises(anthropic.APIConnectionError):
        client.messages.batches.cancel(batch.id)
    assert client.messages.batches.retrieve(batch.id).cancel_initiated_at is not None


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, anthropic.InternalServerError),
        (504, anthropic.GatewayTimeoutError),
        (529, anthropic.OverloadedError),
    ],
)
def test_error_after_stores_the_batch(
    sandbox: Sandbox, create: Create, status: int, error: type[anthropic.APIStatusError]
) -> None:
    """A 5xx does not mean that nothing was done."""
    sandbox.order("create", "error_after", status=status)
    with pytest.raises(error):
        create()
    assert len(sandbox.batches()) == 1


@pytest.mark.parametrize(("after", "stored"), [(False, 0), (True, 1)])
def test_html_is_an_error_page(sandbox: Sandbox, create: Create, after: bool, stored: int) -> None:
    """The page of a proxy has no type, and may come before or after the work."""
    sandbox.order("create", "html", status=502, after=after)
    with pytest.raises(anthropic.InternalServerError) as caught:
        create()
    assert caught.value.type is None
    assert caught.value.response.headers["content-type"].startswith("text/html")
    assert "<h1>502</h1>" in str(caught.value.body)
    assert len(sandbox.batches()) == stored


def test_redirect_sends_the_client_elsewhere(start: Start, sandbox: Sandbox, create: Create) -> None:
    """The SDK follows a redirect to another origin, without its key, and stores nothing here."""
    other = start()
    sandbox.order("create", "redirect", location=f"{other.url}{PATH}")
    with pytest.raises(anthropic.AuthenticationError):
        create()
    assert sandbox.batches() == other.batches() == []
    assert [call["status"] for call in sandbox.calls()] == [307]
    assert [(call["operation"], call["key"]) for call in other.calls()] == [("create", False)]


@pytest.mark.parametrize("fault", ["garbage", "empty"])
def test_an_answer_that_cannot_be_read_comes_after_the_work(
    sandbox: Sandbox, create: Create, fault: str
) -> None:
    """A 200 whose body is no JSON has created a batch."""
    sandbox.order("create", fault)
    with pytest.raises(json.JSONDecodeError):
        create()
    assert len(sandbox.batches()) == 1
    assert [call["status"] for call in sandbox.calls()] == [200]


@pytest.mark.parametrize("fault", ["garbage", "empty"])
def test_lists_may_be_unreadable(sandbox: Sandbox, client: anthropic.Anthropic, fault: str) -> None:
    """The same holds for the calls that only read."""
    sandbox.order("list", fault)
    with pytest.raises(json.JSONDecodeError):
        client.messages.batches.list()


def test_clean_lets_one_call_through(sandbox: Sandbox, create: Create) -> None:
    """A placeholder is consumed like a fault, and is none."""
    sandbox.order("create", "clean")
    sandbox.order("create", "drop_after")
    create()
    with pytest.raises(anthropic.APIConnectionError):
        create()
    assert len(sandbox.batches()) == 2


def test_skip_lets_calls_through_first(sandbox: Sandbox, client: anthropic.Anthropic, create: Create) -> None:
    """A fault can be put at the third call, for two calls."""
    batch = create()
    sandbox.order("retrieve", "not_found", times=2, skip=2)
    seen = []
    for _ in range(5):
        try:
            seen.append(client.messages.batches.retrieve(batch.id).id == batch.id)
        except anthropic.NotFoundError:
            seen.append(False)
    assert seen == [True, True, False, False, True]


def test_every_fault_has_a_test() -> None:
    """No fault is added without one: each name stands in an order of one of these modules."""
    modules = Path(__file__).parent.glob("test_*faults.py")
    text = "".join(module.read_text(encoding="utf-8") for module in modules)
    assert [name for name in FAULTS if f'"{name}"' not in text] == []
