"""`watch`: the overview, live. On a terminal it is drawn anew; elsewhere each change is a line.

It only looks, as `status` does, and rests long enough after each look to take a hundredth of a processor.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Annotated, Any

import typer

from batchbox.cli.options import SpoolOption, require_spool
from batchbox.cli.status.changes import Facts, FinishedJob, gather, print_changes
from batchbox.cli.status.render import SHOWN, write_overview
from batchbox.cli.text_layout import WIDTH, clip, flow, printable
from batchbox.domain.errors import BatchboxError
from batchbox.ports.clock import SystemClock
from batchbox.readmodel.survey import Survey, survey

SECONDS = 1.0
HEIGHT = 24  # where the terminal does not say
DUMB = ("", "dumb")
REST = 100.0  # times what a look took
LONGEST = 30.0
CLEAN = "\x1b[?1049h\x1b[?25l"  # another screen, and no cursor: what was there before comes back
BACK = "\x1b[?25h\x1b[?1049l"
HOME, END_OF_LINE, BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
GONE = "{problem}; it is looked for again and again"

Mail = SimpleQueue[str]


def watch(
    spool: SpoolOption = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="Look this often at most.")] = SECONDS,
    lines: Annotated[
        bool, typer.Option("--lines", help="A line for each change, on a terminal too.")
    ] = False,
) -> None:
    """Show it live, until Ctrl-C.

    Where the output is no terminal, or TERM is dumb, each change is a line.
    """
    root = require_spool(spool)
    survey(root, SHOWN)  # what is no spool at all is refused; one that goes away later is waited for
    on_screen = not lines and sys.stdout.isatty() and os.environ.get("TERM", "") not in DUMB
    mail: Mail = SimpleQueue()
    try:
        with _signals(mail):
            if on_screen:
                _watch_screen(root, mail, seconds)
            else:
                _watch_lines(root, mail, seconds)
    except BrokenPipeError:  # whoever read the lines has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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


def _look(root: Path, in_full: int | None) -> tuple[Survey | None, str]:
    """Return the spool as it is, or why it cannot be seen."""
    try:
        return survey(root, in_full), ""
    except BatchboxError as error:
        return None, GONE.format(problem=error.problem)
    except OSError as error:
        return None, GONE.format(problem=str(error))


def _turn(mail: Mail, seconds: float, look: Callable[[], None], redraw: Callable[[], None]) -> None:
    """Look, rest, and look again until the end is asked for."""
    clock = SystemClock()
    while True:
        began = clock.monotonic()
        look()
        until = clock.monotonic() + min(max(seconds, REST * (clock.monotonic() - began)), LONGEST)
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


def _watch_screen(root: Path, mail: Mail, seconds: float) -> None:
    clock, page = SystemClock(), [""]

    def look() -> None:
        found, problem = _look(root, SHOWN)
        head = f"{clock.now():%Y-%m-%d %H:%M:%S} UTC, Ctrl-C ends"
        page[:] = [head, *(write_overview(found, clock.now()) if found else flow(problem, ""))]
        draw()

    def draw() -> None:
        columns, rows = os.get_terminal_size(
            sys.stdout.fileno()
        )  # not COLUMNS: a shell may have left it there
        _draw(page, min(columns or WIDTH, WIDTH), rows or HEIGHT)

    try:
        sys.stdout.write(CLEAN)
        _turn(mail, seconds, look, draw)
    finally:
        sys.stdout.write(BACK)
        sys.stdout.flush()


def _draw(page: list[str], columns: int, rows: int) -> None:
    """Draw as much as there is room for; lines that are too long are cut, so that none is wrapped."""
    shown = page if len(page) <= rows else [*page[: rows - 1], f"… {len(page) - rows + 1} lines more"]
    drawn = (clip(line, columns) + END_OF_LINE for line in islice(shown, rows))
    sys.stdout.write(HOME + "\n".join(drawn) + BELOW)
    sys.stdout.flush()


def _watch_lines(root: Path, mail: Mail, seconds: float) -> None:
    clock, finished = SystemClock(), FinishedJob(root)
    before: list[Facts] = [{}]

    def look() -> None:
        found, problem = _look(root, None)
        after = gather(found) if found else {("daemon", ""): problem}
        sentences = list(print_changes(before[0], after)) if found else _tell_gone(before[0], problem)
        before[0] = after
        for sentence in [*finished.tell(), *sentences] if found else sentences:
            sys.stdout.write(f"{clock.now():%H:%M:%S}  {printable(sentence)}\n")
        sys.stdout.flush()

    _turn(mail, seconds, look, lambda: None)


def _tell_gone(before: Facts, problem: str) -> list[str]:
    return [] if before.get(("daemon", "")) == problem else [problem]
