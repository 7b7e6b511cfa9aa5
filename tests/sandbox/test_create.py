"""Creates through the real SDK, and by hand where the SDK would never send such a thing."""

import http.client
import json
import socket
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import anthropic
import pytest
from anthropic.types.messages import MessageBatch

from batchbox_sandbox.remote import Sandbox

Start = Callable[..., Sandbox]
Connect = Callable[..., anthropic.Anthropic]
Create = Callable[..., MessageBatch]
WaitFor = Callable[[Callable[[], bool]], None]

PATH = "/v1/messages/batches"
DEADLINE_SECONDS = 10.0


def dial(sandbox: Sandbox) -> http.client.HTTPConnection:
    """Return a plain connection to *sandbox*, for what the SDK would never send."""
    return http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=DEADLINE_SECONDS)


def post(sandbox: Sandbox, body: object, **headers: str) -> tuple[int, dict[str, Any]]:
    """Create a batch by hand and return the answer."""
    connection = dial(sandbox)
    connection.request("POST", PATH, body, headers={"x-api-key": "k", **headers})  # type: ignore[arg-type]
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text)


def item(custom_id: str = "a") -> dict[str, Any]:
    """Return one good request."""
    turns = [{"role": "user", "content": "Hi"}]
    return {
        "custom_id": custom_id,
        "params": {"model": "claude-haiku-5-5", "max_tokens": 8, "messages": turns},
    }


def body(*items: dict[str, Any]) -> bytes:
    """Return the body of a create."""
    return json.dumps({"requests": items}).encode()


def test_any_key_will_do_unless_one_is_set(start: Start, connect: Connect, create: Create) -> None:
    """A wrong key is a 401 in the API's envelope, and nothing is stored."""
    strict = start(api_key="right")
    with pytest.raises(anthropic.AuthenticationError) as caught:
        create(by=connect(strict, api_key="wrong"))
    assert caught.value.type == "authentication_error"
    assert strict.batches() == []
    create(by=connect(strict, api_key="right"))
    assert len(strict.batches()) == 1


def test_both_key_headers_are_accepted_and_none_is_not(sandbox: Sandbox) -> None:
    """Bearer and x-api-key are equal; without either the answer is 401."""
    assert post(sandbox, body(item()))[0] == 200
    assert post(sandbox, body(item()), **{"x-api-key": "", "Authorization": "Bearer k"})[0] == 200
    status, answer = post(sandbox, body(item()), **{"x-api-key": ""})
    assert (status, answer["error"]["type"]) == (401, "authentication_error")
    assert len(sandbox.batches()) == 2


def test_a_bad_envelope_creates_nothing(sandbox: Sandbox, client: anthropic.Anthropic) -> None:
    """A 400 names the field, and the oracle has nothing."""
    bad: Any = {**item(), "custom_id": "x" * 65}
    with pytest.raises(
        anthropic.BadRequestError, match=r"requests\.0\.custom_id: String should have at most"
    ):
        client.messages.batches.create(requests=[bad])
    assert sandbox.batches() == []


def test_bad_params_are_found_only_at_the_end(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create
) -> None:
    """A bad request passes the create and is an errored row, alone among good ones."""
    batch = create(model="gpt-9")
    sandbox.end()
    assert client.messages.batches.retrieve(batch.id).request_counts.errored == 1
    (row,) = client.messages.batches.results(batch.id)
    assert row.result.type == "errored"
    assert row.result.error.error.type == "invalid_request_error"
    assert row.result.error.error.message == "model: gpt-9"


def test_headers_decide_how_params_are_read(sandbox: Sandbox, connect: Connect, create: Create) -> None:
    """An older API version samples; a beta raises the largest output."""
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "output-300k-2026-03-24"}
    old = connect(sandbox, default_headers=headers)
    good = create(by=old, temperature=1.0, max_tokens=300_000)
    bad = create(temperature=1.0)
    sandbox.end()
    assert old.messages.batches.retrieve(good.id).request_counts.succeeded == 1
    assert old.messages.batches.retrieve(bad.id).request_counts.errored == 1


def test_chunked_bodies_are_accepted(sandbox: Sandbox) -> None:
    """A body without a length is read to its end."""
    pieces = [body(item())[:20], body(item())[20:]]
    assert post(sandbox, iter(pieces))[0] == 200
    assert sandbox.batches()[0]["custom_ids"] == ["a"]


def test_a_declared_body_that_is_too_large_is_refused_before_it_is_sent(start: Start) -> None:
    """413 comes by Content-Length alone, and the connection is not used again."""
    connection = dial(start(max_bytes=1000))
    connection.putrequest("POST", PATH)
    connection.putheader("x-api-key", "k")
    connection.putheader("Content-Length", "1001")
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert answer.getheader("Connection") == "close"
    assert json.loads(answer.read())["error"]["type"] == "request_too_large"
    connection.close()


def test_the_sdk_reads_an_early_413(start: Start, connect: Connect, create: Create) -> None:
    """An upload that is refused in its middle raises the right error, and nothing is stored."""
    small = start(max_bytes=1000)
    with pytest.raises(anthropic.ContentTooLargeError):
        create(by=connect(small), system="x" * 20_000_000)
    assert small.batches() == []


def test_a_chunked_body_that_is_too_large_is_refused(start: Start) -> None:
    """Without a declared length the bytes are counted as they come."""
    small = start(max_bytes=1000)
    assert post(small, iter([b" " * 600, body(item())]))[0] == 200
    assert post(small, iter([b" " * 600, b" " * 401]))[0] == 413
    assert len(small.batches()) == 1


@pytest.mark.parametrize("reset", [True, False])
def test_a_body_that_never_arrives_in_full_creates_nothing(
    sandbox: Sandbox, reset: bool, wait_for: WaitFor
) -> None:
    """All bytes but the last are no batch, however the connection ends."""
    text, netloc = body(item()), urlsplit(sandbox.url)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nx-api-key: k\r\nContent-Length: {len(text)}\r\n\r\n"
    with socket.create_connection((netloc.hostname, netloc.port)) as sock:
        sock.sendall(head.encode() + text[:-1])
        wait_for(lambda: len(sandbox.calls()) == 1)
        assert sandbox.calls()[0]["status"] is None
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    wait_for(lambda: sandbox.calls()[0]["status"] == "aborted")
    assert sandbox.batches() == []


def test_a_declared_length_that_is_too_small_creates_nothing(sandbox: Sandbox) -> None:
    """A truncated body is no JSON, so it is a 400."""
    status, _ = post(sandbox, body(item())[:-1])
    assert status == 400
    assert sandbox.batches() == []


def test_a_large_body_is_answered_like_any_other(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create
) -> None:
    """A body that went through a file gives the same rows as one that did not."""
    batch = create(200, system="é" * 10_000)
    sandbox.end()
    rows = list(client.messages.batches.results(batch.id))
    assert {row.custom_id for row in rows} == {f"r{number}" for number in range(200)}
    assert {row.result.type for row in rows} == {"succeeded"}


def test_duplicate_ids_do_as_configured(start: Start, sandbox: Sandbox) -> None:
    """Refused with the position of the second, or accepted."""
    status, answer = post(sandbox, body(item(), item()))
    assert status == 400
    assert answer["error"]["message"].startswith("requests.1.custom_id: `a` is already used")
    accepting = start(duplicate_ids="accept")
    assert post(accepting, body(item(), item()))[0] == 200


def test_a_full_queue_is_a_429_until_it_empties(start: Start, connect: Connect, create: Create) -> None:
    """Requests in processing count against the limit, with a time to come back."""
    full = start(queue_limit=3)
    client = connect(full)
    create(3, by=client)
    with pytest.raises(anthropic.RateLimitError) as caught:
        create(by=client)
    assert caught.value.response.headers["retry-after"] == "1"
    full.end()
    create(by=client)
    assert [batch["count"] for batch in full.batches()] == [3, 1]


def test_the_oracle_knows_what_was_accepted(sandbox: Sandbox) -> None:
    """Every accepted batch is on record with its ids and the digest of its very bytes."""
    text = body(item("x"), item("y"))
    status, answer = post(sandbox, text)
    assert status == 200
    (batch,) = sandbox.batches()
    assert batch["id"] == answer["id"]
    assert batch["custom_ids"] == ["x", "y"]
    assert batch["count"] == 2
    assert batch["crc32"] == zlib.crc32(text)
    assert (batch["status"], batch["deleted"], batch["stranger"]) == ("in_progress", False, False)
