"""The log: fixed events with facts as keys, one line for each durable change.

JSON for the journal, readable on a terminal, always on stderr. Never a prompt, an answer or the key:
the SDK and its transport would log prompts at DEBUG, so they are held at WARNING.
"""

import logging
import sys

import structlog
from structlog.typing import Processor

LOUD = ("anthropic", "httpx2", "httpcore2", "watchdog")


def set_up_logs(form: str) -> None:
    """Begin to log; *form* is `json`, `console` or `auto`."""
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
    plain = form == "json" or (form == "auto" and not sys.stderr.isatty())
    render: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if plain
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=16)]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *render,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
