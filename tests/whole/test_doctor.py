"""`batchbox doctor`, as a person runs it: with and without a daemon, a key, a spool."""

import json
import signal
from pathlib import Path
from typing import Any

from batchbox_sandbox.remote import Sandbox
from tests.storage.support import tree
from tests.support.daemon import Box, Daemon, request, wait_for

MACHINE = {"leases", "spool", "memory", "watcher", "room", "inodes", "proxies"}  # where the tests run
KEY = "sandbox-key-that-must-not-show"


def examine(
    box: Box, *arguments: str, code: int | None = None, **more: str
) -> dict[str, list[dict[str, Any]]]:
    """Return what the doctor says, by check."""
    done = box.command("doctor", "--json", *arguments, **more)
    assert done.returncode == code or code is None, done.stdout + done.stderr
    assert not done.stderr
    assert KEY not in done.stdout
    said = json.loads(done.stdout)
    assert said["verdict"] == {0: "ok", 1: "warning", 6: "problem"}[done.returncode]
    found: dict[str, list[dict[str, Any]]] = {}
    for check in said["checks"]:
        assert bool(check["fix"]) == (check["verdict"] != "ok")
        found.setdefault(check["check"], []).append(check)
    return found


def warnings(found: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """Return what is warned of, by check."""
    return {name: check["found"] for name, (*_, check) in found.items() if check["verdict"] == "warning"}


def log_lines(daemon: Daemon) -> list[bytes]:
    return daemon.log.read_bytes().splitlines()


def test_all_is_well_and_nothing_is_disturbed(box: Box, sandbox: Sandbox) -> None:
    """Beside a daemon at work: no line in its log, no change in its spool, one list call."""
    box.environment["ANTHROPIC_API_KEY"] = KEY
    box.drop("mine.jsonl", request("a"))
    with box.running() as daemon:
        box.await_receipt("mine")
        wait_for(lambda: list((box.root / "done").glob("*/*")), "the finished job")
        lines, state = log_lines(daemon), box.root / "state"
        before = {path: data for path, data in tree(box.root).items() if not path.startswith("state/")}
        calls = len(sandbox.calls())
        found = examine(box)
        assert len(sandbox.calls()) == calls + 1
        assert log_lines(daemon) == lines
        after = {path: data for path, data in tree(box.root).items() if not path.startswith("state/")}
        assert after == before
        assert not list(state.glob(".doctor*"))
        assert f"pid {daemon.process.pid}" in found["daemon"][0]["found"]
    assert found["workspace"][0]["found"] == "1 batch in a day, all of this spool"
    known = {"user", "settings", "spool", "folders", "moves", "leases", "room", "inodes", "daemon", "watcher"}
    known |= {
        "memory",
        "open files",
        "versions",
        "key",
        "proxies",
        "address",
        "connection",
        "clock",
        "workspace",
    }
    assert set(found) == known | {"program"}
    assert all(check["verdict"] != "problem" for checks in found.values() for check in checks)
    assert set(warnings(found)) <= MACHINE


def test_strangers_a_pause_and_slips(box: Box, sandbox: Sandbox) -> None:
    """Each is a warning of its own, and the exit code says that there are only warnings."""
    sandbox.strangers(3, 10)
    (box.root / "control" / "PAUSE").touch()
    (box.root / "hold" / "20260102T030405Z-0123456789ab").mkdir()
    slips = {"BATCHBOX_POL_SECONDS": "1", "HTTPS_PROXY": "http://proxy"}
    found = examine(box, code=1, **slips)
    warned = warnings(found)
    expected = {
        "settings": "the variable BATCHBOX_POL_SECONDS is no setting",
        "daemon": "not running",
        "flags": "control/PAUSE stands: nothing is taken or sent",
        "held": "1 job in hold/ for a person to decide",
        "proxies": "HTTPS_PROXY: not used",
        "workspace": "3 of the 3 batches of the last day are not of this spool",
    }
    assert {name: warned[name] for name in expected} == expected
    assert set(warned) - set(expected) <= MACHINE


def test_nothing_is_as_it_should_be(box: Box, tmp_path: Path) -> None:
    """Every mistake in the settings, a spool that is none, no key: all told, none hides the next."""
    (box.root / ".batchbox").unlink()
    (box.root / "batchbox.toml").write_text("modle = 1\ntransfers = 0\n")
    found = examine(box, "--offline", code=6, ANTHROPIC_API_KEY="")
    assert [check["found"].rpartition(", ")[2][:7] for check in found["settings"]] == ["line 1:", "line 2:"]
    assert "is not a spool" in found["spool"][0]["found"]
    assert "key" not in found
    (box.root / "batchbox.toml").unlink()
    key = tmp_path / "key"
    key.write_text("two words")
    key.chmod(0o644)
    found = examine(box, "--offline", code=6, BATCHBOX_API_KEY_FILE=str(key))
    assert [check["verdict"] for check in found["key"]] == ["problem", "warning"]
    assert "may be read by others (mode 0644)" in found["key"][1]["found"]
    assert "address" not in found


def test_without_a_spool_the_rest_is_looked_at(box: Box) -> None:
    """As before there is one; for people, within 80 columns."""
    done = box.command("doctor", BATCHBOX_SPOOL="")
    assert done.returncode == 1
    assert "warning  spool       none was named" in done.stdout
    assert "ok       key         accepted; the list has 0 batches" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("0 problems, ")
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_a_daemon_that_is_stuck(box: Box) -> None:
    """It holds the spool, and has said nothing for long."""
    with box.running() as daemon:
        health = box.root / "state" / "health.json"
        wait_for(health.exists, "its health")
        daemon.process.send_signal(signal.SIGSTOP)
        said = json.loads(health.read_bytes())
        health.write_text(json.dumps(said | {"time": "2020-01-01T00:00:00Z"}))
        found = examine(box, "--offline", code=6)
    assert "last said how it is" in found["daemon"][0]["found"]
    assert found["daemon"][0]["verdict"] == "problem"
