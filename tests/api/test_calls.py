"""Each call is logged as it ends, to be counted: how it ended, and how many bytes went either way."""

from contextlib import suppress
from typing import Any

import pytest
from structlog.testing import capture_logs

from batchbox.api.client import AnthropicApi
from batchbox.domain.batch import Batch
from batchbox.domain.errors import BatchboxError
from batchbox_sandbox.remote import Sandbox
from tests.api.wire import as_body, write_body

ENDINGS: list[tuple[str, dict[str, Any], str]] = [
    ("refuse", {"status": 401}, "401"),
    ("refuse", {"status": 529}, "529"),
    ("html", {"status": 502}, "502"),
    ("drop_before", {}, "connection"),
    ("drop_after", {}, "connection"),
]


@pytest.mark.parametrize(("fault", "details", "outcome"), ENDINGS)
@pytest.mark.parametrize("call", ["create", "list"])
def test_a_failed_call_says_how_it_failed(
    api: AnthropicApi, sandbox: Sandbox, call: str, fault: str, details: dict[str, Any], outcome: str
) -> None:
    """A status as such, a connection that broke as such; one line for each call."""
    sandbox.order(call, fault, **details)
    with capture_logs() as told, suppress(BatchboxError):
        _ = api.page() if call == "list" else api.create(as_body(write_body()), lambda: None)
    assert [(one["event"], one["call"], one["outcome"]) for one in told] == [("api.called", call, outcome)]


def test_an_answer_that_does_not_come_is_a_timeout(api: AnthropicApi, sandbox: Sandbox) -> None:
    """No answer within the time that was set."""
    sandbox.order("create", "late", seconds=1.5)
    with capture_logs() as told, suppress(BatchboxError):
        api.create(as_body(write_body()), lambda: None)
    assert [one["outcome"] for one in told] == ["timeout"]


def test_bytes_are_those_of_the_bodies(api: AnthropicApi, batch: Batch) -> None:
    """Up: the whole body of a create. Down: what was read of the results, all of it or less."""
    body = write_body(3)
    with capture_logs() as told:
        api.create(as_body(body), lambda: None)
        with api.rows(batch) as chunks:
            size = sum(map(len, chunks))
    assert [(one["call"], one["outcome"]) for one in told] == [("create", "ok"), ("results", "ok")]
    assert told[0]["sent"] == len(body)
    assert told[1]["received"] == size


def test_results_that_break_off_are_counted_as_such(
    api: AnthropicApi, sandbox: Sandbox, batch: Batch
) -> None:
    """The call has failed though its status was well; what had come is counted."""
    sandbox.order("results", "cut", framing="chunked", where="line_end")
    with capture_logs() as told, suppress(BatchboxError), api.rows(batch) as chunks:
        _ = list(chunks)
    assert (told[0]["outcome"], told[0]["received"] > 0) == ("connection", True)


def test_what_is_ours_is_no_failure_of_the_call(api: AnthropicApi, batch: Batch) -> None:
    """Rows that cannot be kept, because a disk is full, say nothing of the API."""
    with capture_logs() as told, pytest.raises(OSError, match="full"), api.rows(batch) as _:
        raise OSError("the disk is full")
    assert [one["outcome"] for one in told] == ["ok"]
