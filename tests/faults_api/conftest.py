"""Worlds to break: an engine and a stand-in for which the same time passes, in a busy workspace."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import structlog

from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.faults_api.world import ANSWER_SECONDS, WORK_SECONDS, World

Begin = Callable[..., World]

MEMORY = Path("/dev/shm")
STAND_IN = {"work_seconds": WORK_SECONDS, "largest_page": 2, "expire_seconds": 86_400.0}


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    """Log plainly: to paint a traceback takes longer than most tests here."""
    before = structlog.get_config()
    structlog.configure(processors=[structlog.processors.KeyValueRenderer()])
    yield
    structlog.configure(**before)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder in memory where there is one: the disk is not what is tried here."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture
def begin(folder: Path) -> Iterator[Begin]:
    """Begin a world anew as often as is liked; all those with the same settings have one stand-in."""
    numbers = count()
    with ExitStack() as stack:
        stand_ins: dict[str, Any] = {}
        worlds: list[World] = []

        def close_last() -> None:
            if worlds:
                worlds.pop().engine.close()

        def begin_anew(stand_in: dict[str, Any] | None = None, **settings: Any) -> World:
            close_last()
            wanted = STAND_IN | (stand_in or {})
            if str(wanted) not in stand_ins:
                stand_ins[str(wanted)] = stack.enter_context(running(SandboxSettings(**wanted)))
            sandbox = stand_ins[str(wanted)]
            sandbox.reset()
            settings = {"answer_seconds": ANSWER_SECONDS, "max_part_requests": 2} | settings
            worlds.append(World.begin(folder / str(next(numbers)), sandbox, settings))
            return worlds[-1]

        stack.callback(close_last)
        yield begin_anew
