"""What every test may use."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from batchbox.sandbox.remote import Sandbox
from batchbox.sandbox.server import running
from batchbox.sandbox.settings import SandboxSettings
from batchbox.spool.marker import make_spool
from tests.support.daemon import Box


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long soaks as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--soak"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="a long soak: run with --soak"))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Give a stand-in of its own, whose batches end at once."""
    with running(SandboxSettings(work_seconds=0.2)) as found:
        yield found


@pytest.fixture
def box(tmp_path: Path, sandbox: Sandbox) -> Box:
    """Give a spool of its own, with the stand-in as its API."""
    root = tmp_path / "spool"
    make_spool(root)
    return Box(root, {"ANTHROPIC_BASE_URL": sandbox.url, "ANTHROPIC_API_KEY": "sandbox"})
