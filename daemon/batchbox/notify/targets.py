"""Receivers: a program that is run, or a URL that is posted to, for each letter.

No shell is ever asked: what a file is called reaches a program as data, in its environment and on its stdin.
"""

import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which

from batchbox.domain.output_names import show
from batchbox.notify.webhooks import compose, post, read_secrets
from batchbox.ports.clock import Clock
from batchbox.reports.notifications import Notification, UndeliveredNotification
from batchbox.settings.model import DEFAULT_QUEUE, Settings
from batchbox.settings.queues import NotifyOn

PATIENCE = 60.0  # seconds that a receiver may take
STEP = 200  # milliseconds between two looks whether a silent program has ended
OUTPUT_KEPT = 2000  # bytes of what a program prints: its end
INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR")  # never a key
USUAL_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(slots=True)
class Targets:
    """Hands letters over, each within *seconds*. *place*: of a queue's files in the outbox."""

    place: Callable[[str], Path]
    clock: Clock
    environ: Mapping[str, str]
    seconds: float = PATIENCE
    _running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _is_closed: bool = False

    def deliver(self, letter: Notification, notice: NotifyOn) -> str:
        """Return what the receiver had to say, once it has the letter. Raise `UndeliveredNotification`."""
        if letter.way == "command":
            return self._run(letter, notice.command, compose(letter))
        return post(letter, notice, self.clock, self.seconds)

    def close(self) -> None:
        """End the programs that run, and begin none any more; their letters are brought another time."""
        self._is_closed = True
        for process in list(self._running):
            _kill(process)

    def _run(self, letter: Notification, command: tuple[str, ...], body: bytes) -> str:
        try:
            process = subprocess.Popen(
                command,
                env=self._environment(letter),
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            name, reason = show(os.fsencode(command[0])), getattr(error, "strerror", "") or error
            problem = f"{name} cannot be run: {reason}"
            raise UndeliveredNotification(
                problem, "correct notify_command, and see that it may be executed"
            ) from None
        self._running.add(process)
        try:
            if self._is_closed:
                _kill(process)
            return self._attend(process, body)
        finally:
            self._running.discard(process)
            _kill(process)

    def _environment(self, letter: Notification) -> dict[str, str]:
        environ = {name: self.environ[name] for name in INHERITED if name in self.environ}
        facts = {"RECEIPT": str(self.place(letter.queue) / letter.output), "NOTICE": letter.id}
        facts |= {"KIND": letter.kind, "QUEUE": letter.queue, "JOB": letter.job}
        facts |= {name.upper(): str(letter.data.get(name, "")) for name in ("status", "file", "message")}
        environ.setdefault("PATH", USUAL_PATH)
        return environ | {f"BATCHBOX_{name}": value for name, value in facts.items()}

    def _attend(self, process: subprocess.Popen[bytes], body: bytes) -> str:
        if process.stdin is None or process.stdout is None:  # for the type checker
            return ""
        end = self.clock.monotonic() + self.seconds
        with suppress(BrokenPipeError), process.stdin as sink:  # it need not read; and a pipe holds this much
            sink.write(body)
        printed, patience = b"", select.poll()
        patience.register(process.stdout, select.POLLIN | select.POLLHUP)
        while (is_running := process.poll() is None) and self.clock.monotonic() < end:
            if patience.poll(STEP):
                data = os.read(process.stdout.fileno(), 1 << 16)
                printed = (printed + data)[-OUTPUT_KEPT:]
                if not data:  # it has closed its output, and goes on
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(max(0.0, end - self.clock.monotonic()))
        if not is_running and patience.poll(0):
            printed = (printed + os.read(process.stdout.fileno(), 1 << 16))[-OUTPUT_KEPT:]
        process.stdout.close()
        told = show(printed.strip())
        if process.poll() is None:
            problem = f"it did not end within {self.seconds:g} s, and was killed"
            fix = "let it do in the background what takes long"
            raise UndeliveredNotification(_with(problem, told), fix, is_deaf=True)
        if process.returncode:
            problem = f"it ended with exit code {process.returncode}"
            raise UndeliveredNotification(
                _with(problem, told), "see what it has printed; exit code 0 means: got it"
            )
        return told


def _with(problem: str, printed: str) -> str:
    return f"{problem}: {printed}" if printed else problem


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program that still runs, with all that it has started; wait for it, so that it is gone."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def find_problems(
    settings: Settings, environ: Mapping[str, str]
) -> Iterator[tuple[str, UndeliveredNotification]]:
    """Yield what would keep the letters of which queue from their receivers, as far as can be seen."""
    told = set()
    for queue in (DEFAULT_QUEUE, *settings.queue):
        notice = settings.for_queue(queue).notice
        if notice not in told:
            told.add(notice)
            yield from ((queue, flaw) for flaw in _find_flaws(notice, environ))


def _find_flaws(notice: NotifyOn, environ: Mapping[str, str]) -> Iterator[UndeliveredNotification]:
    if notice.command and not which(notice.command[0], path=environ.get("PATH", USUAL_PATH)):
        problem = f"{show(os.fsencode(notice.command[0]))} is not there, or may not be executed"
        yield UndeliveredNotification(problem, "correct notify_command, or chmod a+x it")
    if notice.url:
        try:
            read_secrets(notice.secret_file)
        except UndeliveredNotification as flaw:
            yield flaw
