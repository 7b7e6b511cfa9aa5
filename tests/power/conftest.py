"""A small disk to fill, or the reason why there can be none; a stand-in whose batches end at once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog

from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.power.room import Room, small_disk
from tests.power.volume import NotPossibleError

MakeRoom = Callable[[], Room]


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
def make_room(tmp_path: Path) -> Iterator[MakeRoom]:
    """Give disks of 2 MB and 300 inodes, each a new one."""
    with ExitStack() as stack:

        def make() -> Room:
            place = tmp_path / f"disk-{len(list(tmp_path.iterdir()))}"
            return stack.enter_context(small_disk(place, "size=2m,nr_inodes=300"))

        try:
            stack.enter_context(small_disk(tmp_path / "trial", "size=1m"))
        except NotPossibleError as reason:
            pytest.skip(f"this system allows no mounts of one's own: {reason}")
        yield make
