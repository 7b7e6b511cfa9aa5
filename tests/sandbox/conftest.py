"""A sandbox for each test, and the real SDK to talk to it."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import anthropic
import pytest
from anthropic.types.messages import MessageBatch

from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings

DEADLINE_SECONDS = 10.0

Start = Callable[..., Sandbox]
Connect = Callable[..., anthropic.Anthropic]
Create = Callable[..., MessageBatch]
WaitFor = Callable[[Callable[[], bool]], None]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a sandbox with any settings; by default its batches end only by order."""
    with ExitStack() as stack:

        def begin(work_seconds: float = 3600.0, **settings: object) -> Sandbox:
            wanted = SandboxSettings(work_seconds=work_seconds, **settings)  # type: ignore[arg-type]
            return stack.enter_context(running(wanted))

        yield begin


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Make a client of the real SDK that never retries by itself."""
    with ExitStack() as stack:

        def open_client(sandbox: Sandbox, api_key: str = "sandbox", **options: object) -> anthropic.Anthropic:
            wanted = {
                "base_url": sandbox.url,
                "api_key": api_key,
                "max_retries": 0,
                "timeout": DEADLINE_SECONDS,
            }
            client = anthropic.Anthropic(**{**wanted, **options})  # type: ignore[arg-type]
            return stack.enter_context(client)

        yield open_client


@pytest.fixture
def sandbox(start: Start) -> Sandbox:
    """Start a sandbox whose batches end only by order."""
    return start()


@pytest.fixture
def client(connect: Connect, sandbox: Sandbox) -> anthropic.Anthropic:
    """Make a client of `sandbox`."""
    return connect(sandbox)


@pytest.fixture
def create(client: anthropic.Anthropic) -> Create:
    """Create a batch of *count* good requests, by `client` or another one."""

    def create_batch(count: int = 1, by: anthropic.Anthropic | None = None, **params: object) -> MessageBatch:
        good = {
            "model": "claude-haiku-5-5",
            "max_tokens": 64,
            "messages": [{"role": "user", "content": "Hi"}],
        }
        requests = [{"custom_id": f"r{number}", "params": {**good, **params}} for number in range(count)]
        return (by or client).messages.batches.create(requests=requests)  # type: ignore[arg-type]

    return create_batch


@pytest.fixture
def wait_for() -> WaitFor:
    """Ask for a fact until it holds; each asking is a call, so this is no busy loop."""

    def ask(fact: Callable[[], bool]) -> None:
        limit = time.perf_counter() + DEADLINE_SECONDS
        while not fact():
            assert time.perf_counter() < limit, "the fact never came true"

    return ask
