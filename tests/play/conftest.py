"""A stand-in for many histories: its batches end only when they are told to."""

import logging
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import structlog
from hypothesis.configuration import set_hypothesis_home_dir

from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings


@pytest.fixture
def bugs() -> Iterator[list[str]]:
    """Log nothing, but keep what the program itself calls a bug: it would try again and hide it."""
    before, found = structlog.get_config(), list[str]()

    def keep(_logger: object, _name: str, event: MutableMapping[str, Any]) -> str:
        if "a bug in batchbox" in str(event.get("problem")):
            found.append(str(event["problem"]))
        raise structlog.DropEvent

    errors_only = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(processors=[keep], wrapper_class=errors_only)
    yield found
    structlog.configure(**before)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Give a stand-in that is used again and again."""
    with running(SandboxSettings(work_seconds=86_000.0)) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Give a folder in memory, where there is one: none of this is about a disk, and each write is synced."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as found:
        set_hypothesis_home_dir(
            Path(found) / "hypothesis"
        )  # it keeps notes, which nobody reads, beside the code
        yield Path(found)
