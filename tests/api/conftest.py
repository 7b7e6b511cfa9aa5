"""The real client, and one way to call it that watches for the key and counts what went out."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from batchbox.api.client import AnthropicApi
from batchbox.domain.batch import Batch
from batchbox.ports.api import Body
from batchbox_sandbox.remote import Sandbox
from tests.api.wire import KEY, as_body, write_body
from tests.support.daemon import wait_for

ANSWER_SECONDS = 0.4


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[AnthropicApi]:
    """Give a client that waits a moment for the answer to a create."""
    with closing(AnthropicApi(lambda: KEY, sandbox.url, ANSWER_SECONDS)) as found:
        yield found


def catch(work: Callable[[], object]) -> Exception:
    """Return what *work* raises, in which the key must be nowhere."""
    try:
        found = work()
    except Exception as error:  # noqa: BLE001  which one it is, is what the tests ask
        return require_no_key(error)
    raise AssertionError(f"nothing was raised, but {found!r} returned")


def require_no_key(error: Exception) -> Exception:
    """Return *error*, once the key was found nowhere in it."""
    assert KEY not in "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    return error


@dataclass
class Sent:
    """How one create ended: what it raised or returned, and what the API saw and kept."""

    error: Exception | None
    batch: Batch | None
    commits: int
    posts: int
    accepted: int


class Sender:
    """Sends one body and asks the stand-in what became of it."""

    def __init__(self, api: AnthropicApi, sandbox: Sandbox) -> None:
        self._api = api
        self._sandbox = sandbox

    def __call__(self, body: Body | None = None, commit: Callable[[], None] | None = None) -> Sent:
        commits = 0
        before = len(self._sandbox.batches())

        def count() -> None:
            nonlocal commits
            commits += 1
            if commit:
                commit()

        batch: Batch | None = None
        error: Exception | None = None
        try:
            batch = self._api.create(body or as_body(write_body()), count)
        except Exception as failure:  # noqa: BLE001  whatever it is, the test wants to see it
            error = require_no_key(failure)
        wait_for(lambda: all(call["status"] for call in self._posts()), "the end of every create")
        accepted = len(self._sandbox.batches()) - before
        return Sent(error, batch, commits, len(self._posts()), accepted)

    def _posts(self) -> list[dict[str, object]]:
        return [call for call in self._sandbox.calls() if call["operation"] == "create"]


@pytest.fixture
def send(api: AnthropicApi, sandbox: Sandbox) -> Sender:
    """Give a way to send a body and to hear what became of it."""
    return Sender(api, sandbox)


@pytest.fixture
def batch(api: AnthropicApi, sandbox: Sandbox) -> Batch:
    """Give a batch of three requests that has ended."""
    created = api.create(as_body(write_body(3)), lambda: None)
    sandbox.end()
    found = api.retrieve(created.id)
    assert found is not None
    assert found.ended
    return found
