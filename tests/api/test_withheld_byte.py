"""Nothing can exist before `commit` has returned, whatever ends the call, and whenever."""

import io
import signal
import subprocess
import sys

import pytest

from batchbox.api.client import AnthropicApi
from batchbox.domain.errors import Damaged, InDoubt, Lost, Offline
from batchbox.ports.api import Body
from batchbox_sandbox.remote import Sandbox
from tests.api.conftest import ANSWER_SECONDS, Sender, catch
from tests.api.wire import KEY, as_body, recording, write_body
from tests.support.daemon import wait_for

CHILD = """
import io, os, signal, sys, threading, zlib
from batchbox.api.client import AnthropicApi
from batchbox.ports.api import Body

url, how, padding = sys.argv[1], sys.argv[2], int(sys.argv[3])
message = {"role": "user", "content": "x" * padding}
data = __import__("json").dumps({"requests": [{"custom_id": "a", "params": {
    "model": "claude-sonnet-5-5", "max_tokens": 8, "messages": [message]}}]}).encode()

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def commit():
    if how == "withheld":
        print("withheld", flush=True)
        sys.stdin.read()
    if how == "inside":
        die()
    if how == "just after":
        threading.Timer(0, die).start()

body = Body(lambda: io.BytesIO(data), len(data), zlib.crc32(data))
AnthropicApi(lambda: "sandbox", url).create(body, commit)
"""


def start_child(url: str, how: str, padding: int = 1) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-c", CHILD, url, how, str(padding)]
    return subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def end_child(child: subprocess.Popen[bytes]) -> None:
    child.wait(timeout=10)
    for stream in (child.stdin, child.stdout):
        assert stream
        stream.close()


def await_end_of_create(sandbox: Sandbox) -> None:
    def creates() -> list[object]:
        return [call["status"] for call in sandbox.calls() if call["operation"] == "create"]

    wait_for(lambda: creates() and all(creates()), "the end of the create")


def test_on_the_wire() -> None:
    """All but the last byte is out when `commit` is called, under a length and not in chunks."""
    data = write_body(3)
    with recording() as host:

        def commit() -> None:
            wait_for(lambda: len(host.body) >= len(data) - 1, "all but the last byte")
            assert host.body == data[:-1]

        api = AnthropicApi(lambda: KEY, host.url, ANSWER_SECONDS)
        error = catch(lambda: api.create(as_body(data), commit))
    head = host.head.lower()
    assert type(error) is InDoubt
    assert host.body == data
    assert host.connections == 1
    assert head.startswith(b"post /v1/messages/batches http/1.1")
    assert f"content-length: {len(data)}".encode() in head
    assert b"transfer-encoding" not in head
    assert b"content-type: application/json" in head
    assert b"anthropic-version: " in head


@pytest.mark.parametrize("failure", [Lost("written by another"), Offline("gone"), OSError(28, "full")])
def test_commit_raises(send: Sender, failure: Exception) -> None:
    """A commit that could not be written down keeps the last byte here; its own error comes out."""

    def fail() -> None:
        raise failure

    sent = send(commit=fail)
    assert sent.error is failure
    assert (sent.posts, sent.accepted) == (1, 0)


def test_commit_is_killed(sandbox: Sandbox) -> None:
    """What ends a thread or a process rises through the SDK, and nothing was created."""
    api = AnthropicApi(lambda: KEY, sandbox.url)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        api.create(as_body(write_body()), interrupt)
    await_end_of_create(sandbox)
    assert sandbox.batches() == []


@pytest.mark.parametrize("change", [2, 1, -1, -2])
def test_body_is_not_as_long_as_said(send: Sender, change: int) -> None:
    """A body that lost its end on the disk, or found another, is not sent as if it were whole."""
    whole = as_body(write_body())
    sent = send(Body(whole.open, whole.size + change, whole.crc32))
    assert type(sent.error) is Damaged
    assert (sent.commits, sent.accepted) == (0, 0)


@pytest.mark.parametrize("place", [0, 1, 1 << 18, -2, -1])
def test_body_is_not_what_was_written(send: Sender, place: int) -> None:
    """A body in which one bit has changed stays without its last byte, wherever that is."""
    whole = write_body(padding=1 << 19)
    rotten = bytearray(whole)
    rotten[place] ^= 1
    sent = send(Body(lambda: io.BytesIO(rotten), len(whole), as_body(whole).crc32))
    assert type(sent.error) is Damaged
    assert (sent.commits, sent.accepted) == (0, 0)


def test_body_cannot_be_opened(send: Sender) -> None:
    """A disk that fails is named as such, not as a broken connection."""

    def fail() -> None:
        raise OSError(5, "disk")

    sent = send(Body(fail, 100, 0))  # type: ignore[arg-type]
    assert isinstance(sent.error, OSError)
    assert (sent.commits, sent.accepted) == (0, 0)


@pytest.mark.parametrize("padding", [1, 1 << 22])
def test_killed_while_it_withholds(sandbox: Sandbox, padding: int) -> None:
    """SIGKILL before the commit is durable: the kernel sends on what it has, and it is no JSON."""
    child = start_child(sandbox.url, "withheld", padding)
    assert child.stdout
    assert child.stdout.readline() == b"withheld\n"
    child.kill()
    end_child(child)
    await_end_of_create(sandbox)
    assert sandbox.batches() == []


def test_killed_inside_commit(sandbox: Sandbox) -> None:
    """SIGKILL by its own hand in the middle of the commit creates nothing either."""
    child = start_child(sandbox.url, "inside")
    end_child(child)
    assert child.returncode == -signal.SIGKILL
    await_end_of_create(sandbox)
    assert sandbox.batches() == []


def test_killed_just_after_commit(sandbox: Sandbox) -> None:
    """SIGKILL as the last byte leaves: one POST had begun, and at most one batch comes of it."""
    end_child(start_child(sandbox.url, "just after"))
    await_end_of_create(sandbox)
    posts = [call for call in sandbox.calls() if call["operation"] == "create"]
    assert len(posts) == 1
    assert len(sandbox.batches()) == [post["status"] for post in posts].count(200)


def test_killed_while_the_answer_is_awaited(sandbox: Sandbox) -> None:
    """SIGKILL after the last byte: the batch is there, once; to find it is the engine's work."""
    sandbox.order("create", "late", seconds=30)
    child = start_child(sandbox.url, "")
    wait_for(sandbox.batches, "the batch")
    child.kill()
    end_child(child)
    assert len(sandbox.batches()) == 1
