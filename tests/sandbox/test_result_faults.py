"""Each fault of a result stream and of its address, through the real SDK."""

import json
import time
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types.messages import MessageBatch

from batchbox_sandbox.remote import Sandbox

Start = Callable[..., Sandbox]
Connect = Callable[..., anthropic.Anthropic]
Create = Callable[..., MessageBatch]

PATH = "/v1/messages/batches"


def read_ids(client: anthropic.Anthropic, batch: MessageBatch) -> list[str]:
    """Return the ids of the rows in the order in which they come."""
    return [row.custom_id for row in client.messages.batches.results(batch.id)]


def test_a_foreign_results_url_gets_the_key(start: Start, connect: Connect, create: Create) -> None:
    """The danger itself: the SDK follows the address with its key attached."""
    ours, foreign = start(work_seconds=0.0), start()
    client = connect(ours)
    for operation in ("create", "retrieve", "list"):
        ours.order(operation, "foreign_results_url", url=foreign.url)
    batch = create(by=client)
    expected = f"{foreign.url}{PATH}/{batch.id}/results"
    assert batch.results_url == expected
    assert client.messages.batches.list().data[0].results_url == expected
    with pytest.raises(anthropic.NotFoundError):
        client.messages.batches.results(batch.id)
    assert [(call["operation"], call["key"]) for call in foreign.calls()] == [("results", True)]
    assert client.messages.batches.retrieve(batch.id).results_url == f"{ours.url}{PATH}/{batch.id}/results"


def test_a_relative_results_url_has_no_origin(start: Start, connect: Connect, create: Create) -> None:
    """A path alone is followed on the client's own origin."""
    sandbox = start(work_seconds=0.0)
    client = connect(sandbox)
    sandbox.order("retrieve", "relative_results_url", times=2)
    batch = create(by=client)
    assert client.messages.batches.retrieve(batch.id).results_url == f"{PATH}/{batch.id}/results"
    assert read_ids(client, batch) == ["r0"]


@pytest.mark.parametrize("where", ["line_end", "mid_line"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_cut_is_seen_where_the_framing_tells(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create, framing: str, where: str
) -> None:
    """With a length or in chunks a cut is a protocol error, even at the end of a line."""
    batch = create(4)
    sandbox.end()
    sandbox.order("results", "cut", framing=framing, where=where, rows=2)
    lines: list[bytes] = []
    with (
        pytest.raises(httpx2.RemoteProtocolError),
        client.messages.batches.with_streaming_response.results(batch.id) as answer,
    ):
        lines.extend(answer.iter_bytes())
    assert b"".join(lines).count(b"\n") == 2
    assert b"".join(lines).endswith(b"\n") is (where == "line_end")
    assert len(read_ids(client, batch)) == 4


def test_a_cut_at_a_line_end_is_silent_when_the_close_is_the_end(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create
) -> None:
    """The worst of all cuts: rows are missing and nobody says so."""
    batch = create(4)
    sandbox.end()
    sandbox.order("results", "cut", framing="close", where="line_end", rows=2)
    assert len(read_ids(client, batch)) == 2


def test_a_cut_in_mid_line_is_broken_json_when_the_close_is_the_end(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create
) -> None:
    """Half a row is no row."""
    batch = create(4)
    sandbox.end()
    sandbox.order("results", "cut", framing="close", where="mid_line", rows=0)
    with pytest.raises(json.JSONDecodeError):
        read_ids(client, batch)


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_short_is_clean_in_every_framing(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create, framing: str
) -> None:
    """Fewer rows than the batch has, and a perfect end."""
    batch = create(4)
    sandbox.end()
    sandbox.order("results", "short", framing=framing, rows=1)
    assert len(read_ids(client, batch)) == 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("missing_row", ["r1", "r2"]),
        ("doubled_row", ["r0", "r0", "r1", "r2"]),
        ("stranger_row", ["r0", "r1", "r2", "stranger"]),
    ],
)
def test_rows_may_be_missing_doubled_or_strange(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create, fault: str, expected: list[str]
) -> None:
    """The count of rows and the set of ids can be wrong in a stream that looks right."""
    batch = create(3)
    sandbox.end()
    first = read_ids(client, batch)[0]
    sandbox.order("results", fault)
    names = {first: "r0", **dict(zip(sorted({"r0", "r1", "r2"} - {first}), ("r1", "r2"), strict=True))}
    assert sorted(names.get(each, each) for each in read_ids(client, batch)) == expected


def test_an_unknown_type_looks_like_a_success_to_the_sdk(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create
) -> None:
    """The class says succeeded, the type does not, and there is no message."""
    batch = create()
    sandbox.end()
    sandbox.order("results", "unknown_type")
    (row,) = client.messages.batches.results(batch.id)
    result: Any = row.result
    assert result.type == "sandbox_unknown_type"
    assert getattr(result, "message", None) is None


def test_slow_pauses_between_rows(sandbox: Sandbox, client: anthropic.Anthropic, create: Create) -> None:
    """All rows come, in their own time."""
    batch = create(3)
    sandbox.end()
    sandbox.order("results", "slow", seconds=0.1)
    begun = time.perf_counter()
    assert len(read_ids(client, batch)) == 3
    assert time.perf_counter() - begun >= 0.2


def test_slow_is_a_timeout_for_the_impatient(sandbox: Sandbox, connect: Connect, create: Create) -> None:
    """A stall is the transport's own error, in the middle of the rows."""
    batch = create(3)
    sandbox.end()
    sandbox.order("results", "slow", seconds=60)
    with pytest.raises(httpx2.ReadTimeout):
        read_ids(connect(sandbox, timeout=0.5), batch)


@pytest.mark.parametrize("rows", [0, 1])
def test_a_strange_row_may_stand_for_others(
    sandbox: Sandbox, client: anthropic.Anthropic, create: Create, rows: int
) -> None:
    """A stream may be whole, begin with a row of nobody's, and hold few of ours or none."""
    batch = create(3)
    sandbox.end()
    sandbox.order("results", "stranger_row", place="first", rows=rows)
    ids = read_ids(client, batch)
    assert (ids[0], len(ids)) == ("stranger", 1 + rows)
