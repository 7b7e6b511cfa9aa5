"""What every test may use."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batchbox.storage.local.lock import make_spool
from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.support.daemon import Box


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long soaks as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--soak"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="a long soak: run with --soak"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    totals: Counter[str] = Counter()
    for report in terminalreporter.getreports(""):
        for name, value in report.user_properties if report.when == "teardown" else ():
            if name == "tally" and isinstance(value, list | tuple):
                totals[str(value[0])] += int(str(value[1]))
    if totals:
        terminalreporter.section("what was tried")
    for what, number in sorted(totals.items()):
        terminalreporter.line(f"{number:>9,}  {what}")


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Iterator[Counter[str]]:
    """Give a counter of what was broken how often; the totals of all tests are printed at the end."""
    counter: Counter[str] = Counter()
    yield counter
    for what, number in counter.items():
        record_property("tally", [what, number])


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
