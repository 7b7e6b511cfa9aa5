"""The engine in this process, against a stand-in whose batches end at once."""

import json
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.support.engine import Engine

Start = Callable[..., Engine]
Log = list[MutableMapping[str, Any]]


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    """Log plainly: to paint a traceback takes longer than most tests here."""
    before = structlog.get_config()
    structlog.configure(processors=[structlog.processors.KeyValueRenderer()])
    yield
    structlog.configure(**before)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Give a stand-in of its own; nothing here waits for work to be done."""
    with running(SandboxSettings(work_seconds=0.0)) as found:
        yield found


@pytest.fixture
def slow() -> Iterator[Sandbox]:
    """Give a stand-in whose batches end only when they are told to."""
    with running(SandboxSettings(work_seconds=3600.0, cancel_seconds=0.0)) as found:
        yield found


@pytest.fixture
def start(tmp_path: Path, sandbox: Sandbox) -> Iterator[Start]:
    """Start an engine with any settings; the stand-in may be another."""
    with ExitStack() as stack:

        def begin(on: Sandbox = sandbox, threads: bool = False, **settings: Any) -> Engine:
            return stack.enter_context(
                closing(Engine(tmp_path / "spool", on.url, threads=threads, settings=settings))
            )

        yield begin


@pytest.fixture
def engine(start: Start) -> Engine:
    """Give an engine with the usual settings."""
    return start()


@pytest.fixture
def log() -> Iterator[Log]:
    """Catch what is logged."""
    with capture_logs() as found:
        yield found


def told(log: Log, event: str) -> Log:
    """Return what was logged of one event."""
    return [facts for facts in log if facts["event"] == event]


def health(engine: Engine) -> dict[str, Any]:
    """Return how the daemon said that it is."""
    found: dict[str, Any] = json.loads((engine.root / "state" / "health.json").read_bytes())
    return found
