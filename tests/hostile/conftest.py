"""An engine in this process and a stand-in of its own, for neighbours to interfere with."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import structlog

from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.support.engine import Engine

Start = Callable[..., Engine]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Give a stand-in whose batches end at once."""
    with running(SandboxSettings(work_seconds=0.0)) as found:
        yield found


@pytest.fixture
def slow() -> Iterator[Sandbox]:
    """Give a stand-in whose batches end only when they are told to."""
    with running(SandboxSettings(work_seconds=3600.0)) as found:
        yield found


@pytest.fixture
def start(tmp_path: Path, sandbox: Sandbox) -> Iterator[Start]:
    """Start an engine with any settings; what wraps its spool may be given."""
    before = structlog.get_config()
    structlog.configure(processors=[structlog.processors.KeyValueRenderer()])
    with ExitStack() as stack:

        def begin(on: Sandbox = sandbox, **more: Any) -> Engine:
            return stack.enter_context(closing(Engine(tmp_path / "spool", on.url, **more)))

        yield begin
    structlog.configure(**before)
