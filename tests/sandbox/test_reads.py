"""List, cancel, delete and results, through the real SDK over HTTP."""

import json
from collections.abc import Callable
from datetime import timedelta

import anthropic
import pytest
from anthropic.types.messages import MessageBatch

from batchbox_sandbox.remote import Sandbox

Start = Callable[..., Sandbox]
Connect = Callable[..., anthropic.Anthropic]
Create = Callable[..., MessageBatch]
WaitFor = Callable[[Callable[[], bool]], None]

PATH = "/v1/messages/batches"


def test_a_batch_from_create_to_results(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create
) -> None:
    """The whole life of a batch as the SDK sees it."""
    batch = create(3)
    assert batch.processing_status == "in_progress"
    assert batch.request_counts.processing == 3
    assert batch.results_url is None
    assert batch.expires_at - batch.created_at == timedelta(days=1)
    assert client.messages.batches.retrieve(batch.id) == batch

    assert sandbox.end() == [batch.id]
    ended = client.messages.batches.retrieve(batch.id)
    assert ended.processing_status == "ended"
    assert ended.request_counts.succeeded == 3
    assert ended.results_url == f"{sandbox.url}{PATH}/{batch.id}/results"

    rows = list(client.messages.batches.results(batch.id))
    assert sorted(row.custom_id for row in rows) == ["r0", "r1", "r2"]
    assert [row.custom_id for row in rows] != ["r0", "r1", "r2"]
    assert {row.result.type for row in rows} == {"succeeded"}


def test_lists_are_paged_by_the_sdk(client: anthropic.Anthropic, create: Create) -> None:
    """The SDK's own paging sees every batch once, newest first, in both directions."""
    ids = [create().id for _ in range(5)]
    assert [batch.id for batch in client.messages.batches.list(limit=2)] == ids[::-1]
    page = client.messages.batches.list(limit=2, before_id=ids[0])
    assert ([batch.id for batch in page.data], page.has_more) == ([ids[2], ids[1]], True)
    assert {batch.id for batch in page} == set(ids[1:])


def test_an_empty_list_has_no_ends(client: anthropic.Anthropic) -> None:
    """First and last of nothing are null."""
    page = client.messages.batches.list()
    assert (page.data, page.has_more, page.first_id, page.last_id) == ([], False, None, None)


@pytest.mark.parametrize("limit", [0, 1001, -1])
def test_a_limit_out_of_range_is_refused(client: anthropic.Anthropic, limit: int) -> None:
    """A page has 1 to 1000 batches."""
    with pytest.raises(anthropic.BadRequestError, match="limit: "):
        client.messages.batches.list(limit=limit)


def test_two_cursors_are_refused(client: anthropic.Anthropic) -> None:
    """A list travels in one direction."""
    with pytest.raises(anthropic.BadRequestError, match="cannot be used together"):
        client.messages.batches.list(after_id="a", before_id="b")


def test_an_unknown_cursor_does_as_configured(start: Start, connect: Connect, create: Create) -> None:
    """The real API's answer is not known, so all three guesses can be had."""
    refusing, empty, ignoring = (
        connect(start(bad_cursor=choice)) for choice in ("refuse", "empty", "ignore")
    )
    for each in (empty, ignoring):
        create(by=each)
    with pytest.raises(anthropic.BadRequestError, match="after_id"):
        refusing.messages.batches.list(after_id="msgbatch_none")
    assert empty.messages.batches.list(after_id="msgbatch_none").data == []
    assert len(ignoring.messages.batches.list(after_id="msgbatch_none").data) == 1


def test_a_canceled_batch_ends_with_canceled_rows(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create
) -> None:
    """Cancel answers canceling with frozen counts; then the batch ends and every row says canceled."""
    batch = create(2)
    canceled = client.messages.batches.cancel(batch.id)
    assert canceled.processing_status == "canceling"
    assert canceled.cancel_initiated_at is not None
    assert canceled.request_counts.processing == 2
    sandbox.end(batch.id)
    rows = list(client.messages.batches.results(batch.id))
    assert [row.result.type for row in rows] == ["canceled", "canceled"]
    assert client.messages.batches.retrieve(batch.id).request_counts.canceled == 2


def test_a_canceled_batch_ends_by_itself(
    client: anthropic.Anthropic, create: Create, wait_for: WaitFor
) -> None:
    """A cancel ends a batch long before its work would be done."""
    batch = create()
    client.messages.batches.cancel(batch.id)
    wait_for(lambda: client.messages.batches.retrieve(batch.id).processing_status == "ended")


def test_cancel_after_the_end_does_as_configured(start: Start, connect: Connect, create: Create) -> None:
    """Refused or ignored: a client must survive both."""
    refusing, accepting = (
        connect(start(work_seconds=0.0, cancel_after_end=choice)) for choice in ("refuse", "accept")
    )
    with pytest.raises(anthropic.BadRequestError, match="already ended"):
        refusing.messages.batches.cancel(create(by=refusing).id)
    assert accepting.messages.batches.cancel(create(by=accepting).id).cancel_initiated_at is None


def test_a_deleted_batch_is_gone_but_on_record(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create
) -> None:
    """After a delete every call is 404, and the oracle still has the batch."""
    batch = create()
    sandbox.end()
    assert client.messages.batches.delete(batch.id).type == "message_batch_deleted"
    for call in (client.messages.batches.retrieve, client.messages.batches.delete):
        with pytest.raises(anthropic.NotFoundError):
            call(batch.id)
    assert client.messages.batches.list().data == []
    assert [(each["id"], each["deleted"]) for each in sandbox.batches()] == [(batch.id, True)]


def test_delete_while_live_does_as_configured(start: Start, connect: Connect, create: Create) -> None:
    """Refused with nothing changed, or accepted."""
    refusing = start()
    batch = create(by=connect(refusing))
    with pytest.raises(anthropic.BadRequestError, match="cancel it first"):
        connect(refusing).messages.batches.delete(batch.id)
    assert refusing.batches()[0]["deleted"] is False

    accepting = start(delete_while_live="accept")
    connect(accepting).messages.batches.delete(create(by=connect(accepting)).id)
    assert accepting.batches()[0]["deleted"] is True


@pytest.mark.parametrize("status", [404, 400])
def test_results_before_the_end_are_refused_as_configured(
    start: Start, connect: Connect, create: Create, status: int
) -> None:
    """The SDK does not even ask; one that builds the path itself gets the configured status."""
    client = connect(start(results_before_end=status))
    batch = create(by=client)
    with pytest.raises(anthropic.AnthropicError):
        client.messages.batches.results(batch.id)
    with pytest.raises(anthropic.APIStatusError) as caught:
        client.get(f"{PATH}/{batch.id}/results", cast_to=object)
    assert caught.value.status_code == status


def test_an_expired_batch_has_expired_rows(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create
) -> None:
    """A batch that expires has ended, with not one answer."""
    batch = create(2)
    sandbox.expire(batch.id)
    expired = client.messages.batches.retrieve(batch.id)
    assert (expired.processing_status, expired.request_counts.expired) == ("ended", 2)
    assert {row.result.type for row in client.messages.batches.results(batch.id)} == {"expired"}


@pytest.mark.parametrize(("choice", "kept"), [("null_url", False), ("keep_url", True)])
def test_archived_results_are_gone_as_configured(
    start: Start, connect: Connect, create: Create, choice: str, kept: bool
) -> None:
    """An archived batch stays visible, its results are 404, its address stays or goes."""
    sandbox = start(archived=choice)
    client = connect(sandbox)
    batch = create(by=client)
    sandbox.archive(batch.id)
    archived = client.messages.batches.retrieve(batch.id)
    assert archived.archived_at is not None
    assert (archived.results_url is not None) is kept
    with pytest.raises(anthropic.NotFoundError):
        client.get(f"{PATH}/{batch.id}/results", cast_to=object)


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("compressed", [True, False])
def test_results_are_whole_in_every_framing(
    start: Start, connect: Connect, create: Create, framing: str, compressed: bool
) -> None:
    """Framing and compression are a matter of transport: the rows are the same."""
    client = connect(start(work_seconds=0.0, framing=framing, gzip=compressed))
    batch = create(5, by=client)
    with client.messages.batches.with_streaming_response.results(batch.id) as answer:
        rows = [json.loads(line) for line in b"".join(answer.iter_bytes()).splitlines()]
        headers = answer.headers
    assert sorted(row["custom_id"] for row in rows) == [f"r{number}" for number in range(5)]
    assert headers["content-type"] == "application/x-jsonl"
    assert ("content-length" in headers) == (framing == "length" and not compressed)
    assert ("transfer-encoding" in headers) == (framing == "chunked" or (framing == "length" and compressed))
    assert (headers.get("content-encoding") == "gzip") is compressed


def test_the_newest_batch_may_be_deleted_by_somebody_else(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create
) -> None:
    """Control can delete a batch that is still live."""
    batch = create()
    sandbox.delete(batch.id)
    with pytest.raises(anthropic.NotFoundError):
        client.messages.batches.retrieve(batch.id)
