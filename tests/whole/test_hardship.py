"""The daemon under conditions that no file can cause: its log, its key, its settings."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.support.daemon import DEADLINE, PROGRAM, Box, request, wait_for


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"])
def test_a_log_that_cannot_be_written_stops_nothing(box: Box, redirection: str) -> None:
    """With the log's disk full, or nobody to read it, files are answered all the same."""
    box.drop("q.jsonl", request("a"))
    command = f"exec {' '.join(PROGRAM)} run --until-idle {redirection}"
    done = subprocess.run(["/bin/sh", "-c", command], env=box.env(), timeout=DEADLINE, check=False)
    assert done.returncode == 0
    assert box.await_receipt("q")["status"] == "succeeded"


@pytest.fixture
def strict() -> Iterator[Sandbox]:
    """Give a stand-in that accepts one key only."""
    with running(SandboxSettings(work_seconds=0.1, api_key="right")) as found:
        yield found


def test_a_corrected_key_file_heals_by_itself(box: Box, strict: Sandbox, tmp_path: Path) -> None:
    """A wrong key pauses the sending; with the right one in its place, everything goes on."""
    key = tmp_path / "key"
    key.write_text("wrong\n")
    settings = {"ANTHROPIC_BASE_URL": strict.url, "ANTHROPIC_API_KEY": "", "BATCHBOX_API_KEY_FILE": str(key)}
    with box.running(**settings) as daemon:
        box.drop("q.jsonl", request("a"))
        wait_for(lambda: daemon.events("sending.stopped"), "the refusal")
        key.write_text("right\n")
        assert box.await_receipt("q")["status"] == "succeeded"
    assert len(strict.batches()) == 1


@pytest.mark.parametrize(
    "url", ["http://[::1", " ", "foo", "ftp://x", "http://", "http://x:99999", "http://x\ny"]
)
def test_a_wrong_address_is_told_at_the_start(box: Box, url: str) -> None:
    """What cannot be an address is refused before anything is taken."""
    done = box.command("run", ANTHROPIC_BASE_URL=url)
    assert done.returncode == 2, done.stderr
    assert "base_url" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_queue_cannot_look_like_an_output(box: Box) -> None:
    """A queue called like a receipt would stand in the way of that receipt: its files stay, explained."""
    with box.running():
        box.drop("b.jsonl", request("b"), queue="a.receipt.json")
        found = wait_for(lambda: box.waiting("a.receipt.json"), "the reason")
        assert "cannot be a queue" in found["problem"]
        box.drop("a.jsonl", request("a"))
        assert box.await_receipt("a")["status"] == "succeeded"


def test_a_name_that_the_terminal_cannot_show(box: Box) -> None:
    """On a terminal of another character set, odd names are escaped, not a traceback."""
    box.drop("\U0001f600.jsonl", request("a"))
    done = box.command("status", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    assert "1f600" in done.stdout


def test_a_wait_of_a_year_is_no_traceback(box: Box) -> None:
    """Seconds far beyond use are refused, or simply waited."""
    assert box.command("run", BATCHBOX_SCAN_SECONDS="1e10").returncode == 2
    assert box.command("run", "--until-idle", BATCHBOX_SCAN_SECONDS="31536000").returncode == 0
