"""Stored spools, and the stand-in for the API that knows what it knew when they were stored."""

import tarfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from batchbox_sandbox import state
from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings

STORED = sorted(Path(__file__).parent.glob("*.tar.gz"))
HEADERS = {"x-api-key": "sandbox", "anthropic-version": "2023-06-01", "content-type": "application/json"}


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    """Log plainly: to paint takes long."""
    before = structlog.get_config()
    structlog.configure(processors=[structlog.processors.KeyValueRenderer()])
    yield
    structlog.configure(**before)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Give a stand-in whose batches end at once."""
    with running(SandboxSettings(work_seconds=0.0)) as found:
        yield found


@pytest.fixture
def unpack(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Path]:
    """Unpack a stored spool, and let the stand-in take again what the API had taken, under the same ids."""

    def begin(archive: Path) -> Path:
        with tarfile.open(archive) as found:
            # 3.11.2, which Debian 12 has, knows no filter yet
            found.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
            found.extractall(tmp_path)  # noqa: S202  an archive of ours
        with monkeypatch.context() as patch:
            for path in sorted((tmp_path / "api").iterdir()):
                patch.setattr(state, "draw_id", lambda _, path=path: path.stem.partition("-")[2])
                send(sandbox, path.read_bytes())
        return tmp_path / "spool"

    return begin


def send(sandbox: Sandbox, body: bytes) -> None:
    """Create a batch as a client does."""
    url = f"{sandbox.url}/v1/messages/batches"
    request = urllib.request.Request(url, data=body, headers=HEADERS)  # noqa: S310  a test's own sandbox
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        assert answer.status == 200
