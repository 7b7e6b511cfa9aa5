"""The log: fixed events with facts as keys, one line for each durable change (listed in `log_events`).

JSON for the journal, readable on a terminal, always on stderr. In the journal each line begins with its
syslog level, as in `<3>`, so that `journalctl -p err` shows what needs a person: it is taken off and kept as
PRIORITY (SyslogLevelPrefix= in systemd.exec(5), sd-daemon(3)). Never a prompt, an answer or the key:
the SDK and its transport would log prompts at DEBUG, so they are held at WARNING.
"""

import logging
import os
import select
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from batchbox.ports.clock import SystemClock
from batchbox.telemetry.log_throttle import LogThrottle

STDERR = 2
PATIENCE = 1000  # milliseconds
SYSLOG_LEVELS = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
PLAIN = structlog.dev.plain_traceback  # the usual one shows local values: the key and prompts among them
LOUD = {"anthropic": "WARNING", "httpx2": "WARNING", "httpcore2": "WARNING", "watchdog": "ERROR"}


class _Lossy:
    """Stderr, but losing lines rather than stop the work: the disk is full, or nobody reads any more.

    Not through `sys.stderr`: what that could not write it would try again at exit, and fail the program.
    """

    def __init__(self) -> None:
        self._is_cut = False  # the last line is there in part: the next begins on one of its own
        self._patience = PATIENCE

    def write(self, text: str) -> None:
        """Write what can be written; one who reads no more is waited for once, and then for no line."""
        left = (b"\n" if self._is_cut else b"") + text.encode(errors="backslashreplace")
        whole = len(left)
        with suppress(OSError):
            while left and self._is_ready():
                left = left[os.write(STDERR, left[: select.PIPE_BUF]) :]
        self._is_cut = 0 < len(left) < whole or (self._is_cut and len(left) == whole)

    def _is_ready(self) -> bool:
        """Say whether so much as PIPE_BUF can be written without waiting (poll(2), pipe(7))."""
        asked = select.poll()
        asked.register(STDERR, select.POLLOUT)
        ready = bool(asked.poll(self._patience))
        self._patience = PATIENCE if ready else 0
        return ready

    def flush(self) -> None:
        """Do nothing: every line is out, or lost."""


class _Relay(logging.Handler):
    """Brings what a library has to say into our log; by itself it would go to `sys.stderr`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log it as a fact."""
        structlog.get_logger().warning("library.warned", library=record.name, problem=record.getMessage())


class _ForJournal:
    """Puts the syslog level before what *render* makes of an event."""

    def __init__(self, render: Processor) -> None:
        self._render = render

    def __call__(self, logger: WrappedLogger, method: str, facts: EventDict) -> str:
        level = SYSLOG_LEVELS.get(str(facts.get("level")), SYSLOG_LEVELS["info"])
        return f"<{level}>{self._render(logger, method, facts)!s}"


def is_journal(environ: Mapping[str, str]) -> bool:
    """Say whether stderr is the journal's: JOURNAL_STREAM is its device and inode (systemd.exec(5))."""
    with suppress(OSError):
        found = os.fstat(STDERR)
        return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
    return False


def _drop_silent(_logger: WrappedLogger, method: str, facts: EventDict) -> EventDict:
    """Drop what is there to be counted only."""
    if method == "debug":
        raise structlog.DropEvent
    return facts


def listen_in(count: Callable[[str, dict[str, object]], None]) -> None:
    """Have *count* hear of every event from now on, of those as well that are not printed."""

    def step(_logger: WrappedLogger, _method: str, facts: EventDict) -> EventDict:
        count(str(facts["event"]), dict(facts))
        return facts

    structlog.configure(processors=[step, *structlog.get_config()["processors"]])


def set_up_logs(form: str) -> None:
    """Begin to log; *form* is `json`, `console` or `auto`."""
    for name, level in LOUD.items():
        logging.getLogger(name).setLevel(level)
    logging.basicConfig(handlers=[_Relay()], level=logging.WARNING, force=True)
    terminal = sys.stderr is not None and sys.stderr.isatty()
    plain = form == "json" or (form == "auto" and not terminal)
    render: Processor = (
        structlog.processors.JSONRenderer()
        if plain
        else structlog.dev.ConsoleRenderer(colors=terminal, pad_event_to=16, exception_formatter=PLAIN)
    )
    structlog.configure(
        processors=[
            _drop_silent,
            LogThrottle(SystemClock().monotonic),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _ForJournal(render) if is_journal(os.environ) else render,
        ],
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Lossy())),
        cache_logger_on_first_use=False,
    )
