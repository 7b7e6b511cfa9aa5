"""The log: fixed events with facts as keys, one line for each durable change.

JSON for the journal, readable on a terminal, always on stderr. Never a prompt, an answer or the key:
the SDK and its transport would log prompts at DEBUG, so they are held at WARNING.
"""

import logging
import os
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog
from structlog.typing import Processor

STDERR = 2
PLAIN = structlog.dev.plain_traceback  # the usual one shows local values: the key and prompts among them
LOUD = {"anthropic": "WARNING", "httpx2": "WARNING", "httpcore2": "WARNING", "watchdog": "ERROR"}


class _Lossy:
    """Stderr, but losing lines rather than stop the work: the disk is full, or nobody reads any more.

    Not through `sys.stderr`: what that could not write it would try again at exit, and fail the program.
    """

    def write(self, text: str) -> None:
        """Write what can be written."""
        left = text.encode(errors="backslashreplace")
        with suppress(OSError):
            while left:
                left = left[os.write(STDERR, left) :]

    def flush(self) -> None:
        """Do nothing: every line is out, or lost."""


class _Relay(logging.Handler):
    """Brings what a library has to say into our log; by itself it would go to `sys.stderr`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log it as a fact."""
        structlog.get_logger().warning("library.warned", library=record.name, problem=record.getMessage())


def set_up_logs(form: str) -> None:
    """Begin to log; *form* is `json`, `console` or `auto`."""
    for name, level in LOUD.items():
        logging.getLogger(name).setLevel(level)
    logging.basicConfig(handlers=[_Relay()], level=logging.WARNING, force=True)
    terminal = sys.stderr is not None and sys.stderr.isatty()
    plain = form == "json" or (form == "auto" and not terminal)
    render: list[Processor] = (
        [structlog.processors.JSONRenderer()]
        if plain
        else [structlog.dev.ConsoleRenderer(colors=terminal, pad_event_to=16, exception_formatter=PLAIN)]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *render,
        ],
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Lossy())),
        cache_logger_on_first_use=False,
    )
