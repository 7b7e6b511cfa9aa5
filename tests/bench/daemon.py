"""The real daemon as a process of its own: started, fed, measured and stopped from outside."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Condition, Thread
from types import TracebackType
from typing import Any, Self

from batchbox.storage.local.lock import make_spool

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "batchbox")
DEADLINE = 60.0
TAIL = 20
OF_THE_WHOLE_PROCESS = 2  # the kernel's mark for a process's clock of user and system time


def now() -> float:
    """Return monotonic seconds."""
    return time.monotonic()  # noqa: TID251  a benchmark reads the clock


def pause(seconds: float) -> None:
    """Let time pass."""
    time.sleep(seconds)  # noqa: TID251  a benchmark lets time pass


def clean_environment() -> dict[str, str]:
    """Return the environment without what would change the program's settings."""
    ours = ("BATCHBOX_", "ANTHROPIC_", "PYTHONDONTWRITE")  # compile once, not each time
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


class Daemon:
    """`batchbox run` on the spool *root*, which is made if missing, for the length of a `with` block.

    *settings* are those of batchbox.toml, by their names. The block begins when the daemon has said
    that it has started, and raises `TimeoutError` with its log if it does not.
    """

    def __init__(self, root: Path, base_url: str, program: Sequence[str] = PROGRAM, **settings: str) -> None:
        self.root = root
        self.events: list[
            dict[str, Any]
        ] = []  # its log; `at` is when a line came, `cpu` what it had taken by then
        self.began = 0.0
        self._command = [*program, "run", "--spool", str(root)]
        given = {"log_format": "json", "base_url": base_url} | settings
        given = {f"BATCHBOX_{name.upper()}": value for name, value in given.items()}
        self._environment = clean_environment() | {"ANTHROPIC_API_KEY": "x"} | given
        self._fresh: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._news = Condition()

    def __enter__(self) -> Self:
        make_spool(self.root)
        self.began = now()
        self.process = subprocess.Popen(
            self._command, env=self._environment, cwd=ROOT, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        self._proc = Path("/proc", str(self.process.pid))
        self._reader = Thread(target=self._follow, daemon=True)
        self._reader.start()
        try:
            self.wait("daemon.started", DEADLINE)
        except TimeoutError:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def wait(self, event: str, deadline: float, **facts: object) -> dict[str, Any]:
        """Return the next line of the log with that *event* and these *facts*; each is returned only once.

        Raise `TimeoutError` with the end of the log after *deadline* seconds, or if the daemon has ended.
        """
        until = now() + deadline
        with self._news:
            while True:
                for number, line in enumerate(self._fresh[event]):
                    if all(line.get(name) == value for name, value in facts.items()):
                        return self._fresh[event].pop(number)
                left = until - now()
                if left <= 0 or not self._reader.is_alive():
                    raise TimeoutError(f"no {event} {facts} within {deadline:.0f} s; {self._tail()}")
                self._news.wait(min(left, 1.0))

    def count(self, event: str) -> int:
        """Return how many lines with that *event* were logged so far."""
        with self._news:
            return sum(1 for line in self.events if line["event"] == event)

    def drop(self, name: str, data: bytes, queue: str = "") -> float:
        """Drop a file as a careful producer does, whole and by one rename; return when."""
        folder = self.root / "inbox" / queue
        folder.mkdir(exist_ok=True)
        hidden = folder / f".{name}"
        hidden.write_bytes(data)
        at = now()
        hidden.rename(folder / name)
        return at

    def cpu(self) -> float:
        """Return the seconds of user and system time it has taken, those of ended threads too."""
        return time.clock_gettime((~self.process.pid << 3) | OF_THE_WHOLE_PROCESS)

    def peak(self) -> int:
        """Return the most bytes that were resident since its start or `reset_peak`."""
        return self._memory("VmHWM")

    def reset_peak(self) -> None:
        """Let `peak` begin anew."""
        (self._proc / "clear_refs").write_text("5")

    def resident(self) -> int:
        """Return the bytes that are resident."""
        return self._memory("VmRSS")

    def wakeups(self) -> int:
        """Return how often its living threads were switched to, waking up or not."""
        return sum(sum(switches) for switches in self.switches().values())

    def switches(self) -> dict[int, tuple[int, int]]:
        """Return by thread how often it went to sleep by itself, and how often it was made to wait."""
        found = {}
        for task in (self._proc / "task").iterdir():
            facts = _read_facts(task / "status")
            voluntary, other = facts["voluntary_ctxt_switches"], facts["nonvoluntary_ctxt_switches"]
            found[int(task.name)] = (int(voluntary), int(other))
        return found

    def stop(self) -> float:
        """Ask it to stop; return the seconds until it had ended."""
        asked = now()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(DEADLINE)
        return now() - asked

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()

    def _end(self) -> None:
        try:
            if self.process.poll() is None:
                self.stop()
        except subprocess.TimeoutExpired:
            self.kill()
        self._reader.join(DEADLINE)

    def _follow(self) -> None:
        assert self.process.stderr
        with self.process.stderr as lines:
            for line in lines:
                self._note(line)

    def _note(self, line: bytes) -> None:
        found: dict[str, Any] = {"event": "no.event", "at": now()}
        with suppress(OSError):  # it has ended, and these are its last words
            found["cpu"] = self.cpu()
        try:
            found |= json.loads(line)
        except (ValueError, TypeError):
            found["problem"] = line.decode(errors="replace").rstrip()
        with self._news:
            self.events.append(found)
            self._fresh[found["event"]].append(found)
            self._news.notify_all()

    def _memory(self, name: str) -> int:
        return int(_read_facts(self._proc / "status")[name].split()[0]) * 1024

    def _tail(self) -> str:
        return "the log ends with:\n" + "\n".join(map(str, self.events[-TAIL:]))


def _read_facts(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
