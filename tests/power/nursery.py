"""Daemons that start at once: a process that has loaded the program, and forks one for each order.

`python -m tests.power.nursery` reads orders as JSON lines; for each it writes the daemon's process id, then
its exit code once it has ended.
"""

import json
import os
import resource
import signal
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen

import httpx2

DEADLINE = 40  # seconds; a daemon that hangs is ended by SIGALRM
FIRST_WAIT = 0.05  # after a failure
LONGEST_READ = 2.0
STATUS = "/proc/self/status"


@dataclass(frozen=True)
class Order:
    """How the daemon is to run. *traced*: it begins as soon as a tracer has attached itself."""

    environment: dict[str, str]
    log: str
    traced: bool


class Tracer:
    """What traces this process, if anything does. Opened before anybody is told whom to trace."""

    def __init__(self) -> None:
        self._status = os.open(STATUS, os.O_RDONLY)

    def wait(self) -> None:
        """Return once it has attached itself; make no call that it could count."""
        while b"TracerPid:\t0\n" in os.pread(self._status, 4096, 0):
            pass


class Nursery:
    """The process, seen from the test."""

    def __init__(self, root: Path) -> None:
        words = [sys.executable, "-m", "tests.power.nursery"]
        self._process = Popen(words, cwd=root, stdin=PIPE, stdout=PIPE, text=True, bufsize=1)

    def begin(self, order: Order) -> int:
        """Start a daemon; return its process id."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(vars(order)) + "\n")
        return self._read()

    def end(self) -> int:
        """Return the exit code of the daemon, once it has ended."""
        return self._read()

    def _read(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        with self._process as process:
            assert process.stdin
            process.stdin.close()


def live(order: Order) -> int:
    """Be the daemon, whose id is told once only its own calls are left; return its exit code."""
    from batchbox.cli.main import main  # noqa: PLC0415  loaded long before, by `serve`

    shorten_waits()
    signal.alarm(DEADLINE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    told = os.dup(1)
    log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    os.environ.clear()
    os.environ.update(order.environment)
    sys.argv = ["batchbox", "run", "--until-idle"]
    tracer = Tracer()
    os.write(told, f"{os.getpid()}\n".encode())
    os.close(told)
    if order.traced:
        tracer.wait()
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  a child must never go on as its parent
        traceback.print_exc()
        return 86
    return 0


def shorten_waits() -> None:
    """Let failures cost less time. The HTTP library passes over a send that failed, and awaits the answer."""
    from batchbox.api import client  # noqa: PLC0415
    from batchbox.domain import backoff  # noqa: PLC0415

    backoff.FIRST = FIRST_WAIT
    client.READING = httpx2.Timeout(LONGEST_READ)


def serve() -> None:
    """Fork a daemon for each order."""
    import batchbox.cli.main  # noqa: PLC0415
    import batchbox.cli.run  # noqa: PLC0415
    import batchbox.runtime.daemon  # noqa: PLC0415

    assert batchbox.runtime.daemon
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(live(Order(**json.loads(line))))
        os.write(1, f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n".encode())


if __name__ == "__main__":
    serve()
