"""SIGHUP: the settings are read again; what cannot be applied is named, and a wrong file changes nothing."""

import os
import signal
from typing import Any

import pytest

from tests.support.daemon import Box, Daemon, request, wait_for


def reload(daemon: Daemon, event: str) -> dict[str, Any]:
    """Ask for a reload; return the event that says what came of it."""
    before = len(daemon.events(event))
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len(daemon.events(event)) > before, event)
    return daemon.events(event)[-1]


def test_a_new_setting_holds_for_the_next_file(box: Box) -> None:
    """What was refused under the old setting goes out under the new one; the process is the same."""
    settings = box.root / "batchbox.toml"
    settings.write_text('bad_lines = "reject"\n')
    with box.running() as daemon:
        box.drop("before.jsonl", request("a") + b"oops\n")
        assert box.await_receipt("before")["status"] == "rejected"
        settings.write_text('bad_lines = "skip"\n[queue.nightly]\nmodel = "claude-haiku-5-5"\n')
        assert reload(daemon, "settings.reloaded")["changed"] == ["bad_lines", "queue"]
        box.drop("after.jsonl", request("a") + b"oops\n")
        assert box.await_receipt("after")["status"] == "partial"
        assert daemon.process.poll() is None


def test_what_needs_a_restart_is_named(box: Box) -> None:
    """The setting is told by its name, and the old value goes on to hold."""
    with box.running() as daemon:
        wait_for(lambda: daemon.events("daemon.started"), "the start")
        (box.root / "batchbox.toml").write_text("answer_seconds = 5\ntransfers = 2\n")
        assert reload(daemon, "settings.postponed")["settings"] == ["answer_seconds"]
        assert daemon.events("settings.reloaded")[-1]["changed"] == ["transfers"]


NESTED = f"x = {'[' * 5000}{']' * 5000}"
MANY = "\n".join(f"wrong_{number} = 1" for number in range(3000))


@pytest.mark.parametrize(
    "text",
    ["modle = 'x'", "transfers = 0", "not toml at all", "queue = 3", NESTED, MANY],
    ids=["name", "value", "text", "type", "nested", "many"],
)
def test_a_wrong_file_changes_nothing(box: Box, text: str) -> None:
    """The daemon says what is wrong and goes on with what held before."""
    settings = box.root / "batchbox.toml"
    settings.write_text('bad_lines = "skip"\n')
    with box.running() as daemon:
        wait_for(lambda: daemon.events("daemon.started"), "the start")
        settings.write_text(text)
        assert "the old ones hold" in reload(daemon, "settings.refused")["fix"]
        box.drop("q.jsonl", request("a") + b"oops\n")
        assert box.await_receipt("q")["status"] == "partial"


def test_what_is_no_file_keeps_nobody_waiting(box: Box) -> None:
    """A pipe in the place of the settings is refused, not read."""
    with box.running() as daemon:
        wait_for(lambda: daemon.events("daemon.started"), "the start")
        os.mkfifo(box.root / "batchbox.toml")
        assert "is not a file" in reload(daemon, "settings.refused")["problem"]
        box.drop("q.jsonl", request("a"))
        assert box.await_receipt("q")["status"] == "succeeded"
