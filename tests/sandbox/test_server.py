"""The server as a whole: a batch's life, the oracle, the log, control, the process."""

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import anthropic
import pytest
from anthropic.types.messages import MessageBatch

from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings

Start = Callable[..., Sandbox]
Connect = Callable[..., anthropic.Anthropic]
Create = Callable[..., MessageBatch]
WaitFor = Callable[[Callable[[], bool]], None]

DEADLINE_SECONDS = 10.0


def test_a_batch_ends_by_itself(start: Start, connect: Connect, create: Create, wait_for: WaitFor) -> None:
    """Nobody has to order an end: it comes after `work_seconds`."""
    client = connect(start(work_seconds=0.2))
    batch = create(by=client)
    assert batch.processing_status == "in_progress"
    wait_for(lambda: client.messages.batches.retrieve(batch.id).processing_status == "ended")


def test_calls_are_logged_without_the_key(sandbox: Sandbox, connect: Connect, create: Create) -> None:
    """The log has every call in order, with header names, and the key nowhere."""
    client = connect(sandbox, api_key="sk-very-secret")
    create(by=client)
    client.messages.batches.list(limit=7)
    calls = sandbox.calls()
    assert [(call["operation"], call["status"], call["key"]) for call in calls] == [
        ("create", 200, True),
        ("list", 200, True),
    ]
    assert calls[1]["query"] == {"limit": "7"}
    assert "authorization" in calls[0]["headers"]
    assert "very-secret" not in json.dumps(calls)


def test_an_error_carries_its_request_id_twice(client: anthropic.Anthropic) -> None:
    """The id in the header and the one in the envelope are the same."""
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.batches.retrieve("msgbatch_none")
    assert caught.value.request_id is not None
    assert caught.value.request_id.startswith("req_")
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["request_id"] == caught.value.request_id


@pytest.mark.parametrize("offset", [-7200.0, 7200.0])
def test_the_clock_may_be_wrong_everywhere_alike(
    start: Start, connect: Connect, create: Create, offset: float
) -> None:
    """Time stamps and the Date header share the server's clock."""
    client = connect(start(clock_offset_seconds=offset))
    true = create().created_at
    created = create(by=client).created_at
    answer = client.messages.batches.with_raw_response.list()
    dated = parsedate_to_datetime(answer.headers["date"])
    assert abs((created - dated).total_seconds()) < 60
    assert abs((created - true).total_seconds() - offset) < 60


def test_a_stranger_is_seen_like_any_other(sandbox: Sandbox, client: anthropic.Anthropic) -> None:
    """What somebody else creates in the workspace is listed, and marked on record only."""
    batch_id = sandbox.stranger(3, custom_id_prefix="theirs-")
    sandbox.end()
    (batch,) = client.messages.batches.list().data
    assert (batch.id, batch.request_counts.succeeded) == (batch_id, 3)
    assert sandbox.batches()[0]["stranger"] is True
    assert sandbox.batches()[0]["custom_ids"] == ["theirs-1", "theirs-2", "theirs-3"]


@pytest.mark.parametrize(
    "case",
    [
        ("expired", "expired", "expired"),
        ("canceled", "canceled", "canceled"),
        ("errored", "errored", "errored"),
        ("refusal", "succeeded", "succeeded"),
        ("unknown_type", "sandbox_unknown_type", "errored"),
    ],
)
def test_an_outcome_is_ordered_for_one_request(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create, case: tuple[str, str, str]
) -> None:
    """Only the request that matches gets the outcome, once, and the counts agree with the rows."""
    outcome, seen, figure = case
    sandbox.outcome('"r1"', outcome)
    first, second = create(3), create(3)
    sandbox.end()
    types = {row.custom_id: row.result.type for row in client.messages.batches.results(first.id)}
    assert types == {"r0": "succeeded", "r1": seen, "r2": "succeeded"}
    counts = client.messages.batches.retrieve(first.id).request_counts.to_dict()
    assert counts[figure] == (3 if figure == "succeeded" else 1)
    assert client.messages.batches.retrieve(second.id).request_counts.succeeded == 3


def test_a_reset_forgets_everything(sandbox: Sandbox, create: Create) -> None:
    """After a reset a sandbox is as new."""
    create()
    sandbox.order("list", "empty")
    sandbox.outcome("a", "expired")
    sandbox.reset()
    assert (sandbox.batches(), sandbox.calls(), sandbox.faults()) == ([], [], [])


def test_a_wrong_order_is_explained(sandbox: Sandbox) -> None:
    """Control answers a mistake with the values that are known."""
    with pytest.raises(ValueError, match="known faults: clean, refuse"):
        sandbox.order("create", "explode")
    with pytest.raises(ValueError, match="known outcomes: expired"):
        sandbox.outcome("a", "lost")
    with pytest.raises(ValueError, match="known batches: none"):
        sandbox.expire("msgbatch_none")
    with pytest.raises(ValueError, match="custom_id: String should match pattern"):
        sandbox.stranger(1, custom_id_prefix="a b")


def test_open_orders_can_be_seen_and_forgotten(sandbox: Sandbox, create: Create) -> None:
    """What was ordered and not yet delivered is no secret."""
    sandbox.order("create", "refuse", times=3, status=529)
    with pytest.raises(anthropic.OverloadedError):
        create()
    (order,) = sandbox.faults()
    assert (order["fault"], order["at"], order["times"], order["status"]) == ("refuse", "create", 2, 529)
    sandbox.clear()
    create()


def test_other_paths_are_refused_in_the_envelope(sandbox: Sandbox, client: anthropic.Anthropic) -> None:
    """Whatever else the API has, the sandbox does not."""
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.post("/v1/messages", cast_to=object)
    assert caught.value.type == "not_found_error"
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=DEADLINE_SECONDS)
    connection.request("GET", "/sandbox/nothing")
    assert b"known: POST /sandbox/faults" in connection.getresponse().read()
    connection.close()


def test_settings_refuse_what_they_do_not_know() -> None:
    """A misspelled choice is an error at the start, with the known ones."""
    with pytest.raises(ValueError, match="framing: 'open' is not one of length, chunked, close"):
        SandboxSettings(framing="open")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="results_before_end: 200 is not a status of an error"):
        SandboxSettings(results_before_end=200)


def test_a_taken_port_is_an_error(sandbox: Sandbox) -> None:
    """A sandbox that cannot listen says so to whoever starts it."""
    port = urlsplit(sandbox.url).port or 0
    with pytest.raises(OSError, match="address already in use"), running(SandboxSettings(port=port)):
        pytest.fail("two sandboxes on one port")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_serves_until_it_is_told_to_stop(connect: Connect, create: Create, number: int) -> None:
    """`python -m batchbox_sandbox` says where it listens, serves, and leaves cleanly on a signal."""
    command = [sys.executable, "-m", "batchbox_sandbox", "--port", "0", "--work-seconds", "3600"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        remote = Sandbox(process.stdout.readline().split()[-1])
        create(by=connect(remote))
        assert len(remote.end()) == 1
        process.send_signal(number)
        assert process.wait(DEADLINE_SECONDS) == 0
        assert process.stderr.read() == ""
