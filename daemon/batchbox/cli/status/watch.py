"""`status --watch`: the status, drawn again about every second.

It only looks, as `status` does, and rests long enough after each look to take a hundredth of a processor.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from batchbox.cli.status.render import SHOWN, write_overview
from batchbox.cli.text_layout import WIDTH, clip, flow
from batchbox.domain.errors import BAD_SETTINGS, BatchboxError, Stop
from batchbox.ports.clock import SystemClock
from batchbox.readmodel.survey import survey

SECONDS = 1.0
HEIGHT = 24  # where the terminal does not say
DUMB = ("", "dumb")
REST = 100.0  # times what a look took
LONGEST = 30.0
CLEAN = "\x1b[?1049h\x1b[?25l"  # another screen, and no cursor: what was there before comes back
BACK = "\x1b[?25h\x1b[?1049l"
HOME, END_OF_LINE, BELOW = "\x1b[H", "\x1b[K", "\x1b[J"

Mail = SimpleQueue[str]


def watch(root: Path) -> None:
    """Draw the status of the spool at *root* until Ctrl-C or SIGTERM. Raise `Stop` without a terminal."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "") in DUMB:
        fix = "run: batchbox status (or batchbox status --json, for a program)"
        raise Stop("--watch needs a terminal", fix, code=BAD_SETTINGS)
    survey(root, SHOWN)  # what is no spool at all is refused; one that goes away later is waited for
    mail: Mail = SimpleQueue()
    with _signals(mail):
        _watch_screen(root, mail)


@contextmanager
def _signals(mail: Mail) -> Iterator[None]:
    """Turn what ends a program, and a terminal of another size, into mail; the second end is at once."""
    asked = False

    def end(number: int, _frame: object) -> None:
        nonlocal asked
        if asked:
            sys.exit(128 + number)
        asked = True
        mail.put("end")

    handlers: dict[int, Any] = dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), end)
    handlers[signal.SIGWINCH] = lambda *_: mail.put("resized")
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _look(root: Path, now: datetime) -> list[str]:
    """Return the lines of the status, or why it cannot be seen."""
    try:
        return list(write_overview(survey(root, SHOWN), now))
    except BatchboxError as error:
        problem = error.problem
    except OSError as error:
        problem = str(error)
    return list(flow(f"{problem}; trying again", ""))


def _turn(mail: Mail, look: Callable[[], None], redraw: Callable[[], None]) -> None:
    """Look, rest, and look again until the end is asked for."""
    clock = SystemClock()
    while True:
        began = clock.monotonic()
        look()
        until = clock.monotonic() + min(max(SECONDS, REST * (clock.monotonic() - began)), LONGEST)
        while (left := until - clock.monotonic()) > 0:
            word = _wait(mail, left)
            if word == "end":
                return
            if word == "resized":
                redraw()


def _wait(mail: Mail, seconds: float) -> str:
    try:
        return mail.get(timeout=seconds)
    except Empty:
        return ""


def _watch_screen(root: Path, mail: Mail) -> None:
    clock, page = SystemClock(), [""]

    def look() -> None:
        head = f"{clock.now():%Y-%m-%d %H:%M:%S} UTC, Ctrl-C ends"
        page[:] = [head, *_look(root, clock.now())]
        draw()

    def draw() -> None:
        columns, rows = os.get_terminal_size(
            sys.stdout.fileno()
        )  # not COLUMNS: a shell may have left it there
        _draw(page, min(columns or WIDTH, WIDTH), rows or HEIGHT)

    try:
        sys.stdout.write(CLEAN)
        _turn(mail, look, draw)
    finally:
        sys.stdout.write(BACK)
        sys.stdout.flush()


def _draw(page: list[str], columns: int, rows: int) -> None:
    """Draw as much as there is room for; lines that are too long are cut, so that none is wrapped."""
    shown = page if len(page) <= rows else [*page[: rows - 1], f"… {len(page) - rows + 1} lines more"]
    drawn = (clip(line, columns) + END_OF_LINE for line in islice(shown, rows))
    sys.stdout.write(HOME + "\n".join(drawn) + BELOW)
    sys.stdout.flush()
