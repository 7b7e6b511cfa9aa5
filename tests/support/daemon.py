"""The program as processes: a spool of its own, the real daemon, the stand-in over real HTTP."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from batchbox.telemetry.log_events import EVENTS

T = TypeVar("T")

PROGRAM = [sys.executable, "-m", "batchbox"]
DEADLINE = 60.0
STEP = 0.02

FAST = {
    "BATCHBOX_POLL_SECONDS": "0.1",
    "BATCHBOX_SCAN_SECONDS": "0.1",
    "BATCHBOX_QUIET_SECONDS": "0.05",
    "BATCHBOX_DOUBT_SECONDS": "1.5",
    "BATCHBOX_LOG_FORMAT": "json",
}


def wait_for(fact: Callable[[], T | None], what: str, seconds: float = DEADLINE) -> T:
    """Return what *fact* gives once it gives something true; fail after the deadline."""
    deadline = time.monotonic() + seconds  # noqa: TID251  the tests' own deadline
    while not (found := fact()):
        if time.monotonic() > deadline:  # noqa: TID251
            raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(STEP)  # noqa: TID251  between two looks at the fact
    return found


def require_documented(event: dict[str, Any]) -> None:
    """Fail if *event*, its level or any of its keys is not in the list of what the log may say."""
    known = EVENTS[event["event"]]
    assert event["level"] in known.levels, event
    assert event.keys() <= {*known.keys, "event", "level", "timestamp", "times"}, event


@dataclass
class Box:
    """A spool and what runs on it."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a batchbox command on this spool to its end."""
        return subprocess.run(
            [*PROGRAM, *arguments],
            env=self.env(**more),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    def start(self, *arguments: str, **more: str) -> "Daemon":
        """Start the daemon; its log goes to a file beside the spool."""
        log = self.root.with_name(self.root.name + ".log")
        with log.open("ab") as sink:
            process = subprocess.Popen([*PROGRAM, "run", *arguments], env=self.env(**more), stderr=sink)
        return Daemon(process, log)

    @contextmanager
    def running(self, *arguments: str, **more: str) -> Iterator["Daemon"]:
        """Run the daemon for the length of the block."""
        daemon = self.start(*arguments, **more)
        try:
            yield daemon
        finally:
            daemon.kill()

    def env(self, **more: str) -> dict[str, str]:
        """Return the environment of the program: settings for tests, none of the machine's own."""
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(
                ("BATCHBOX_", "ANTHROPIC_", "PYTHONDONTWRITE")
            )  # compile once, not each time
        }
        return clean | FAST | {"BATCHBOX_SPOOL": str(self.root)} | self.environment | more

    def drop(self, name: str | bytes, content: bytes, queue: str = "") -> Path:
        """Drop a file as a careful producer does: whole, by one rename."""
        folder = self.root / "inbox" / queue
        folder.mkdir(exist_ok=True)
        temp = folder / ".dropping.tmp"
        temp.write_bytes(content)
        path = folder / os.fsdecode(name)
        temp.rename(path)
        return path

    def receipt(self, stem: str, queue: str = "") -> dict[str, Any] | None:
        """Return the receipt of *stem*, None while there is none."""
        path = self.root / "outbox" / queue / f"{stem}.receipt.json"
        return json.loads(path.read_bytes()) if path.exists() else None

    def await_receipt(self, stem: str, queue: str = "", seconds: float = DEADLINE) -> dict[str, Any]:
        """Return the receipt of *stem* once it is there."""
        return wait_for(lambda: self.receipt(stem, queue), f"the receipt of {stem}", seconds)

    def rows(self, stem: str, kind: str = "results", queue: str = "") -> list[dict[str, Any]]:
        """Return the lines of a file of the outbox."""
        path = self.root / "outbox" / queue / f"{stem}.{kind}.jsonl"
        return [json.loads(line) for line in path.read_bytes().splitlines()]

    def status(self) -> dict[str, Any]:
        """Return what `batchbox status --json` says."""
        done = self.command("status", "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def waiting(self, name: str) -> dict[str, Any] | None:
        """Return what the daemon last put down of a file that waits in the inbox."""
        path = self.root / "state" / "health.json"
        found = json.loads(path.read_bytes())["waiting"] if path.exists() else []
        return next((one for one in found if one["file"] == name), None)


@dataclass
class Daemon:
    """A running daemon."""

    process: subprocess.Popen[bytes]
    log: Path

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the events of that name logged so far, by any daemon of this spool."""
        lines = self.log.read_bytes().splitlines()
        found = [json.loads(line) for line in lines if line.startswith(b"{") and line.endswith(b"}")]
        for event in found:
            require_documented(event)
        return [event for event in found if event["event"] == name]

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop; return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=DEADLINE)


def request(custom_id: str, text: str = "", **params: Any) -> bytes:
    """Return a line: a whole batch request."""
    body = {"model": "claude-sonnet-5-5", "max_tokens": 64} | params
    body.setdefault("messages", [{"role": "user", "content": text or f"question {custom_id}"}])
    return json.dumps({"custom_id": custom_id, "params": body}).encode() + b"\n"
