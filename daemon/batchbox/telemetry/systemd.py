"""What the service manager is told: sd_notify(3), whose protocol systemd promises to keep.

Twenty lines over a datagram socket; the libraries for it bring no more than those, or a compiler.
"""

import os
import socket
from collections.abc import MutableMapping
from contextlib import suppress

from batchbox.domain.errors import Stop
from batchbox.ports.clock import SystemClock
from batchbox.reports.status_snapshot import StatusSnapshot

BEAT_SECONDS = 10.0
STOP_SECONDS = 30  # asked for anew with each beat, for as long as the loop is alive and winds down
LONGEST = 400  # characters of a status: it is read on one line
MICRO = 1_000_000


class SystemdNotifier:
    """A `Pulse` that keeps the service manager informed, and its watchdog fed.

    The loop itself feeds it: a loop that is stuck is killed. Without NOTIFY_SOCKET it does nothing. The
    variables are taken out of *environ*, so that no child speaks for us.
    """

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._socket = _connect(environ.pop("NOTIFY_SOCKET", ""))
        patience = _read_watchdog(environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", ""))
        self.every = min(BEAT_SECONDS, patience / 2) if self._socket else float("inf")
        self._is_ready = False
        self._status = ""

    def beat(self, condition: StatusSnapshot) -> None:
        """Say that we are alive, ready, and how things are."""
        status = describe(condition)
        facts = ["WATCHDOG=1"]
        if condition.stopping:
            facts += ["STOPPING=1", f"EXTEND_TIMEOUT_USEC={STOP_SECONDS * MICRO}"]
        elif not self._is_ready:
            facts += ["READY=1"]
        if status != self._status:
            facts += [f"STATUS={status}"]
        if self._send(facts):  # what did not get through is said again
            self._is_ready, self._status = True, status

    def begin_reload(self) -> None:
        """Say that settings are being read; the next beat says that they hold."""
        self._is_ready = False
        self._send(["RELOADING=1", f"MONOTONIC_USEC={int(SystemClock().monotonic() * MICRO)}"])

    def give_up(self, error: Stop) -> None:
        """Say why the daemon ends: it stays to be seen where the last lines of the log tell of restarts."""
        self._send([f"STATUS={_make_line(_explain(error.problem, error.fix))}"])

    def close(self) -> None:
        """Say no more."""
        if self._socket:
            self._socket.close()

    def _send(self, facts: list[str]) -> bool:
        if not self._socket:
            return True
        with suppress(OSError):  # a service manager that is busy or being replaced must not hold up the work
            self._socket.send("\n".join(facts).encode(errors="replace"), socket.MSG_DONTWAIT)
            return True
        return False


def _connect(address: str) -> socket.socket | None:
    if not address.startswith(("/", "@")):
        return None
    found = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        found.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
    except OSError:
        found.close()
        return None
    return found


def _read_watchdog(micros: str, pid: str) -> float:
    """Return after how many seconds of silence we are killed, as sd_watchdog_enabled(3) does."""
    is_for_us = pid in ("", str(os.getpid()))
    return int(micros) / MICRO if is_for_us and micros.isascii() and micros.isdigit() else float("inf")


def describe(condition: StatusSnapshot) -> str:
    """Return a sentence for people on how things are, on one line: what is wrong comes first."""
    words = [_explain(condition.problem, condition.fix)]
    words += [f"control/{flag} stands" for flag in sorted(condition.flags)]
    words += ["stopping" if condition.stopping else ""]
    return _make_line("; ".join(filter(None, [*words, _count(condition)])))


def _explain(problem: str, fix: str) -> str:
    return f"{problem} ({fix})" if fix else problem


def _make_line(text: str) -> str:
    # each line is a command to the service manager, and a problem may be told in the words of the API
    whole = "".join(char if char.isprintable() else " " for char in text)
    return whole if len(whole) <= LONGEST else whole[: LONGEST - 1] + "…"


def _count(condition: StatusSnapshot) -> str:
    under_way = sum(condition.jobs.values())
    if not (under_way or condition.waiting or condition.held):
        return "nothing to do"
    files = "file" if under_way == 1 else "files"
    told = [f"{under_way:,} {files} under way"] if under_way else []
    # without its name, which is not for each user of this machine
    reason = f" (the first {condition.obstacle})" if condition.obstacle else ""
    told += [f"{condition.waiting:,} waiting{reason}"] if condition.waiting else []
    told += [f"{condition.held:,} held for a person (batchbox status tells)"] if condition.held else []
    return ", ".join(told)
