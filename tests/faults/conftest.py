"""A stand-in whose batches end at once, a disk that can fail, and trials that cost as little as they can."""

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
import structlog

from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.faults.scenarios import Scenario
from tests.faults.trial import Trial
from tests.support import engine
from tests.support.disk import Disk, stand_between

Begin = Callable[[Scenario], Trial]
MEMORY = Path("/dev/shm")
CERTIFICATES = httpx2.create_ssl_context(trust_env=False)


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """Log nowhere: a sweep would write more than it does."""
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )
    yield
    structlog.configure(**before)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Give a stand-in of its own; nothing here waits for work to be done."""
    with running(SandboxSettings(work_seconds=0.0)) as found:
        yield found


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Give the disk that the spool works on."""
    found = Disk()
    stand_between(found, monkeypatch)
    monkeypatch.setattr(httpx2, "create_ssl_context", lambda **_: CERTIFICATES)
    return found


@pytest.fixture
def begin(tmp_path: Path, sandbox: Sandbox, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """Begin a trial on an empty spool and an empty stand-in, in memory where there is such a folder."""
    base = Path(tempfile.mkdtemp(dir=MEMORY)) if MEMORY.is_dir() else tmp_path
    root = base / "spool"

    def start(scenario: Scenario) -> Trial:
        shutil.rmtree(root, ignore_errors=True)
        chance = random.Random(1)  # the same names each time, so that a point is the same operation
        monkeypatch.setattr(engine, "secrets", SimpleNamespace(token_bytes=chance.randbytes))
        return Trial(root, sandbox, disk, scenario)

    yield start
    shutil.rmtree(base, ignore_errors=True)
