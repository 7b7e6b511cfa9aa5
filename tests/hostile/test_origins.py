"""Redirects, foreign addresses and the environment: key and prompts go to the configured origin alone."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from batchbox.api.client import AnthropicApi
from batchbox.domain.batch import Batch
from batchbox.domain.errors import BatchboxError
from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.api.wire import Recorder, as_body, recording, write_body
from tests.hostile.canary import KEY
from tests.support.daemon import Box, request

FORMS = {
    "another port": "http://127.0.0.1:{port}/v1/x",
    "without scheme": "//127.0.0.1:{port}/v1/x",
    "three slashes": "///127.0.0.1:{port}/v1/x",
    "backslashes": "\\\\127.0.0.1:{port}/v1/x",
    "slash and backslash": "/\\127.0.0.1:{port}/v1/x",
    "userinfo": "http://api@127.0.0.1:{port}/v1/x",
    "ours as userinfo": "http://127.0.0.1:{ours}@127.0.0.1:{port}/v1/x",
    "ours as user, encoded": "http://127.0.0.1%3A{ours}%40127.0.0.1:{port}/v1/x",
    "ours before a backslash": "http://127.0.0.1:{ours}\\@127.0.0.1:{port}/v1/x",
    "ours before a fragment": "http://127.0.0.1:{ours}#@127.0.0.1:{port}/v1/x",
    "upper-case host": "HTTP://LOCALHOST:{port}/v1/x",
    "trailing dot": "http://localhost.:{port}/v1/x",
    "IPv6": "http://[::ffff:127.0.0.1]:{port}/v1/x",
    "another way to write it": "http://2130706433:{port}/v1/x",
    "another scheme": "https://127.0.0.1:{port}/v1/x",
    "blanks": " http://127.0.0.1:{port}/v1/x",
    "a tab inside": "ht\ttp://127.0.0.1:{port}/v1/x",
}
STATUSES = [301, 302, 303, 307, 308]


@pytest.fixture
def other() -> Iterator[Recorder]:
    """Give a host that is not the API's, and that must not hear a word."""
    with recording() as found:
        yield found
        assert (found.connections, found.heard) == (0, b"")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Give a stand-in that accepts the canary, and no other credentials."""
    with running(SandboxSettings(work_seconds=0.0, api_key=KEY)) as found:
        yield found


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[AnthropicApi]:
    """Give a client with the canary as its key."""
    with closing(AnthropicApi(lambda: KEY, sandbox.url)) as found:
        yield found


@pytest.fixture
def batch(api: AnthropicApi) -> Batch:
    """Give a batch that has ended."""
    created = api.create(as_body(write_body(3)), lambda: None)
    found = api.retrieve(created.id)
    assert found
    return found


def spell(form: str, sandbox: Sandbox, other: Recorder) -> str:
    """Return an address of *other* in that form."""
    return FORMS[form].format(port=other.url.rpartition(":")[2], ours=sandbox.url.rpartition(":")[2])


def fetch(api: AnthropicApi, batch: Batch) -> bytes:
    """Return all rows."""
    with api.rows(batch) as chunks:
        return b"".join(chunks)


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("blanks", "a tab inside")])
def test_no_redirect_is_followed(
    api: AnthropicApi, sandbox: Sandbox, batch: Batch, other: Recorder, form: str, tally: Counter[str]
) -> None:
    """Of any kind, of any call, to any spelling of another host: it ends in an error, and nothing is sent."""
    calls: dict[str, Callable[[], object]] = {
        "create": lambda: api.create(as_body(write_body()), lambda: None),
        "list": api.page,
        "retrieve": lambda: api.retrieve(batch.id),
        "results": lambda: fetch(api, batch),
    }
    for status in STATUSES:
        for at, call in calls.items():
            sandbox.order(at, "redirect", location=spell(form, sandbox, other), status=status)
            with pytest.raises(BatchboxError):
                call()
            tally["attempts of neighbours"] += 1
    posts = [call for call in sandbox.calls() if call["operation"] == "create"]
    assert len(posts) == 1 + len(STATUSES), "a create was repeated"


@pytest.mark.parametrize("form", FORMS)
def test_no_foreign_results_url_is_asked(
    api: AnthropicApi, sandbox: Sandbox, batch: Batch, other: Recorder, form: str, tally: Counter[str]
) -> None:
    """However the address of the results is spelled, only the API's own origin is asked."""
    with suppress(BatchboxError):  # a strange path of our own origin is a 404: nothing is lost
        fetch(api, replace(batch, results_url=spell(form, sandbox, other)))
    assert fetch(api, replace(batch, results_url=None)).count(b"\n") == 3
    tally["attempts of neighbours"] += 1


def test_the_environment_leads_nowhere(
    box: Box, sandbox: Sandbox, other: Recorder, tmp_path: Path, tally: Counter[str]
) -> None:
    """Proxies, other credentials, headers and certificates that the environment names are not used."""
    host = "127.0.0.1"
    (tmp_path / ".netrc").write_text(f"machine {host} login somebody password else\n")
    (tmp_path / ".netrc").chmod(0o600)
    names = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    environment = dict.fromkeys(names, other.url) | {"NO_PROXY": "", "no_proxy": ""}
    environment |= {"HOME": str(tmp_path), "NETRC": str(tmp_path / ".netrc")}
    environment |= {"SSL_CERT_FILE": "/nowhere", "SSL_CERT_DIR": "/nowhere", "ANTHROPIC_AUTH_TOKEN": "other"}
    with box.running(ANTHROPIC_API_KEY=KEY, **environment):
        box.drop("x.jsonl", request("a"))
        assert box.await_receipt("x")["status"] == "succeeded"
    headers = {header for call in sandbox.calls() for header in call["headers"]}
    assert not headers & {"proxy-authorization", "cookie"}
    assert all(call["key"] for call in sandbox.calls())
    tally["attempts of neighbours"] += len(environment)
