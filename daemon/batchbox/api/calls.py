"""Calls of the API: each is logged as it ends, for whoever counts them; what was said in it is not."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import anthropic
import httpx2
import structlog

log = structlog.get_logger()


@dataclass(slots=True)
class Call:
    """One that is under way, and the bytes of its body and of its answer so far."""

    sent: int = 0
    received: int = 0


@contextmanager
def note_call(kind: str) -> Iterator[Call]:
    """Log how the call made in this block ends, and how long it took; what it raises is raised on."""
    call, began, outcome = Call(), time.perf_counter(), "ok"
    try:
        yield call
    except (anthropic.APIError, httpx2.HTTPError) as error:
        outcome = _name_outcome(error)
        raise
    finally:
        seconds = round(time.perf_counter() - began, 3)
        facts = {"sent": call.sent, "received": call.received}
        log.debug("api.called", call=kind, outcome=outcome, seconds=seconds, **facts)


def _name_outcome(error: Exception) -> str:
    if isinstance(error, anthropic.APIStatusError):
        return str(error.status_code)
    if isinstance(error, anthropic.APITimeoutError | httpx2.TimeoutException):
        return "timeout"
    return "connection"
