"""Each fault of time and visibility, through the real SDK."""

import time
from collections.abc import Callable

import anthropic
import pytest
from anthropic.types.messages import MessageBatch

from batchbox_sandbox.remote import Sandbox

Connect = Callable[..., anthropic.Anthropic]
Create = Callable[..., MessageBatch]
WaitFor = Callable[[Callable[[], bool]], None]

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


def test_late_stores_at_once_and_answers_later(sandbox: Sandbox, connect: Connect, create: Create) -> None:
    """A client that gives up waiting has created a batch; one that waits gets it."""
    sandbox.order("create", "late", seconds=60)
    with pytest.raises(anthropic.APITimeoutError):
        create(by=connect(sandbox, timeout=0.5))
    assert len(sandbox.batches()) == 1

    sandbox.order("create", "late", seconds=0.2)
    begun = time.perf_counter()
    batch = create()
    assert time.perf_counter() - begun >= 0.2
    assert sandbox.batches()[1]["id"] == batch.id


def test_late_store_stores_after_the_client_was_dropped(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create, wait_for: WaitFor
) -> None:
    """A list right after the drop is empty, and the batch still comes."""
    sandbox.order("create", "late_store", seconds=1.0)
    with pytest.raises(anthropic.APIConnectionError):
        create(2)
    assert client.messages.batches.list().data == []
    assert sandbox.batches() == []
    wait_for(lambda: len(client.messages.batches.list().data) == 1)
    assert [batch["count"] for batch in sandbox.batches()] == [2]


def test_a_reset_forgets_what_was_to_be_stored_late(
    sandbox: Sandbox, create: Create, wait_for: WaitFor
) -> None:
    """Nothing of before a reset comes up after it."""
    for seconds in (0.2, 0.0):
        sandbox.order("create", "late_store", seconds=seconds)
        with pytest.raises(anthropic.APIConnectionError):
            create()
        if seconds:
            sandbox.reset()
    begun = time.perf_counter()
    wait_for(lambda: len(sandbox.batches()) > 0 and time.perf_counter() > begun + 0.3)
    assert len(sandbox.batches()) == 1


def test_hide_holds_for_a_number_of_looks(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create
) -> None:
    """Created and answered, yet neither found nor listed at first."""
    sandbox.order("create", "hide", calls=3)
    batch = create()
    assert len(sandbox.batches()) == 1
    for _ in range(2):
        with pytest.raises(anthropic.NotFoundError):
            client.messages.batches.retrieve(batch.id)
    assert client.messages.batches.list().data == []
    assert [each.id for each in client.messages.batches.list().data] == [batch.id]
    assert client.messages.batches.retrieve(batch.id).id == batch.id


def test_hide_holds_for_a_time(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create, wait_for: WaitFor
) -> None:
    """After its time a hidden batch is like any other."""
    sandbox.order("create", "hide", seconds=0.7)
    batch = create()
    with pytest.raises(anthropic.NotFoundError):
        client.messages.batches.retrieve(batch.id)
    wait_for(lambda: len(client.messages.batches.list().data) == 1)
    assert client.messages.batches.retrieve(batch.id).id == batch.id


@pytest.mark.parametrize("operation", ["retrieve", "results", "cancel", "delete"])
def test_not_found_is_a_404_for_a_batch_that_is_there(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create, operation: str
) -> None:
    """A 404 may pass, and it does nothing."""
    batch = create()
    sandbox.order(operation, "not_found")
    with pytest.raises(anthropic.NotFoundError):
        run(client, operation, batch.id)
    assert client.messages.batches.retrieve(batch.id) == batch
