"""List, retrieve, results: every failure can be tried again, and none is taken for an answer."""

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

import pytest

from batchbox.api.client import AnthropicApi
from batchbox.domain.batch import Batch
from batchbox.domain.errors import Gone, TryLater
from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.api.conftest import catch
from tests.api.wire import KEY, as_body, recording, write_body

FAILURES: list[tuple[str, dict[str, Any]]] = [
    *(("refuse", {"status": status}) for status in (400, 401, 403, 408, 409, 429, 500, 503, 504, 529)),
    ("drop_before", {}),
    ("drop_after", {}),
    ("html", {"status": 502}),
    ("redirect", {"location": "http://127.0.0.1:9/"}),
]
NONSENSE: list[tuple[str, dict[str, Any]]] = [("garbage", {}), ("empty", {})]
FRAMINGS = ["length", "chunked", "close"]


def fetch(api: AnthropicApi, batch: Batch) -> bytes:
    with api.rows(batch) as chunks:
        return b"".join(chunks)


@pytest.mark.parametrize(("fault", "details"), [*FAILURES, *NONSENSE])
def test_list_fails(api: AnthropicApi, sandbox: Sandbox, fault: str, details: dict[str, Any]) -> None:
    """A list that is not a list is asked for again, and holds up every other call as well."""
    sandbox.order("list", fault, **details)
    error = catch(api.page)
    assert isinstance(error, TryLater)
    assert error.shared
    assert len(sandbox.calls()) == 1


@pytest.mark.parametrize(("fault", "details"), [*FAILURES, *NONSENSE])
def test_retrieve_fails(api: AnthropicApi, sandbox: Sandbox, fault: str, details: dict[str, Any]) -> None:
    """Only a 404 says that a batch is not there."""
    created = api.create(as_body(write_body()), lambda: None)
    sandbox.order("retrieve", fault, **details)
    assert isinstance(catch(lambda: api.retrieve(created.id)), TryLater)
    found = api.retrieve(created.id)
    assert found
    assert found.id == created.id


def test_retrieve_not_found(api: AnthropicApi, sandbox: Sandbox) -> None:
    """A 404 is no failure: a batch may be invisible for a while."""
    created = api.create(as_body(write_body()), lambda: None)
    sandbox.order("retrieve", "not_found")
    assert api.retrieve(created.id) is None
    assert api.retrieve(created.id)


@pytest.mark.parametrize(("fault", "details"), [*FAILURES, ("not_found", {})])
def test_results_fail(
    api: AnthropicApi, sandbox: Sandbox, batch: Batch, fault: str, details: dict[str, Any]
) -> None:
    """Results that do not come are asked for again, a 404 included, and then are whole."""
    sandbox.order("results", fault, **details)
    assert isinstance(catch(lambda: fetch(api, batch)), TryLater)
    assert fetch(api, batch).count(b"\n") == 3


def test_pages(api: AnthropicApi, sandbox: Sandbox) -> None:
    """The list is newest first, walks back by the last id, and carries the server's own time."""
    ids = [sandbox.stranger(count) for count in (1, 2, 3)][::-1]
    first = api.page(limit=2)
    second = api.page(after=first.batches[-1].id, limit=2)
    assert [one.id for one in first.batches + second.batches] == ids
    assert [one.total for one in first.batches + second.batches] == [3, 2, 1]
    assert (first.has_more, second.has_more) == (True, False)
    assert sandbox.calls()[0]["query"] == {"limit": "2"}


def test_an_empty_list(api: AnthropicApi) -> None:
    """A workspace without batches is no failure."""
    assert api.page().batches == ()
    assert not api.page().has_more


@pytest.mark.parametrize("framing", FRAMINGS)
def test_rows_whole(api: AnthropicApi, sandbox: Sandbox, batch: Batch, framing: str) -> None:
    """The rows come as the bytes that were sent, however they are framed."""
    sandbox.order("results", "clean")
    whole = fetch(api, batch)
    sandbox.order("results", "unknown_type", framing=framing, row=0)
    other = fetch(api, batch)
    assert other.splitlines()[1:] == whole.splitlines()[1:]
    assert b"sandbox_unknown_type" in other.splitlines()[0]


@pytest.mark.parametrize("where", ["line_end", "mid_line"])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_rows_cut(api: AnthropicApi, sandbox: Sandbox, batch: Batch, framing: str, where: str) -> None:
    """A stream that breaks off is never taken for a whole one by the transport, where that can tell."""
    sandbox.order("results", "cut", framing=framing, where=where)
    if framing == "close":  # nothing on the wire tells its end from a cut: the ledger does
        with suppress(TryLater):
            assert fetch(api, batch).count(b"\n") < 3
    else:
        with pytest.raises(TryLater, match=batch.id):
            fetch(api, batch)
    assert fetch(api, batch).count(b"\n") == 3


def test_rows_archived(api: AnthropicApi, sandbox: Sandbox, batch: Batch) -> None:
    """Results that were archived are gone for good, and are not even asked for."""
    sandbox.archive(batch.id)
    found = api.retrieve(batch.id)
    assert found
    calls = len(sandbox.calls())
    assert isinstance(catch(lambda: fetch(api, found)), Gone)
    assert len(sandbox.calls()) == calls


def test_relative_results_url(api: AnthropicApi, sandbox: Sandbox, batch: Batch) -> None:
    """An address without a host is one of the API's own."""
    sandbox.order("retrieve", "relative_results_url")
    found = api.retrieve(batch.id)
    assert found
    assert (found.results_url or "").startswith("/v1/")
    assert fetch(api, found).count(b"\n") == 3


def test_results_url_is_followed_at_home(api: AnthropicApi, sandbox: Sandbox, batch: Batch) -> None:
    """The path is the API's to choose, as long as it is on the API's own host."""
    assert fetch(api, replace(batch, results_url=f"{batch.results_url}?page=1")).count(b"\n") == 3
    assert sandbox.calls()[-1]["query"] == {"page": "1"}


@pytest.mark.parametrize("form", ["{other}/v1/x", "{other}", "//{host}/v1/x", "{ours}@{host}/v1/x"])
def test_foreign_results_url(api: AnthropicApi, sandbox: Sandbox, batch: Batch, form: str) -> None:
    """Whatever host the results are said to be on, the key is shown to the API's own alone."""
    with recording() as foreign:
        host = foreign.url.removeprefix("http://")
        url = form.format(other=foreign.url, host=host, ours=sandbox.url)
        assert fetch(api, replace(batch, results_url=url)).count(b"\n") == 3
    assert foreign.connections == 0


def test_foreign_results_url_by_the_api(api: AnthropicApi, sandbox: Sandbox, batch: Batch) -> None:
    """The same, where the API itself names the foreign host."""
    with recording() as foreign:
        sandbox.order("retrieve", "foreign_results_url", url=foreign.url)
        found = api.retrieve(batch.id)
        assert found
        assert (found.results_url or "").startswith(foreign.url)
        assert fetch(api, found).count(b"\n") == 3
    assert foreign.connections == 0


@pytest.mark.parametrize("at", ["list", "retrieve", "results"])
def test_redirects_are_not_followed(api: AnthropicApi, sandbox: Sandbox, batch: Batch, at: str) -> None:
    """A redirect is a failure, and the host that it names never hears of us."""
    calls: dict[str, Callable[[], object]] = {
        "list": api.page,
        "retrieve": lambda: api.retrieve(batch.id),
        "results": lambda: fetch(api, batch),
    }
    with recording() as foreign:
        sandbox.order(at, "redirect", location=foreign.url)
        assert isinstance(catch(calls[at]), TryLater)
    assert foreign.connections == 0


def test_nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies, other addresses, tokens and headers of the environment do not reach the API."""
    with recording() as foreign, running(SandboxSettings(api_key=KEY)) as sandbox:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "ANTHROPIC_BASE_URL"):
            monkeypatch.setenv(name, foreign.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "another")
        monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "another")
        with closing(AnthropicApi(lambda: KEY, sandbox.url)) as api:
            assert api.page().batches == ()
            assert api.create(as_body(write_body()), lambda: None).total == 2
    assert foreign.connections == 0
