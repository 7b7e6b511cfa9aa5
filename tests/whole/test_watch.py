"""`status --watch`: drawn again on a terminal; it outlives daemon and spool, and ends cleanly."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from batchbox.cli.status.watch import BACK, CLEAN, END_OF_LINE, HOME
from batchbox.cli.text_layout import measure
from tests.support.daemon import DEADLINE, PROGRAM, Box, request, wait_for


@dataclass
class Watch:
    """A `status --watch` that runs, and what it has shown so far."""

    process: subprocess.Popen[bytes]
    output: int
    shown: bytes = field(default=b"")

    def read(self) -> str:
        """Return all that was shown."""
        while select.select([self.output], [], [], 0)[0]:
            try:
                data = os.read(self.output, 1 << 16)
            except OSError:  # a terminal whose other end is closed
                break
            if not data:
                break
            self.shown += data
        return self.shown.decode()

    def await_text(self, text: str) -> None:
        """Wait until *text* is shown."""
        wait_for(lambda: text in self.read(), f"{text!r} in {self.shown!r}")

    def page(self) -> list[str]:
        """Return the lines of the page that was drawn last, whole."""
        return self.read().split(HOME)[-1].replace(END_OF_LINE, "").split("\r\n")

    def resize(self, rows: int, columns: int) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self.output, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    def end(self, number: int = signal.SIGINT) -> int:
        """Ask it to end; return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)


@contextmanager
def watching(box: Box, *more: str, **environment: str) -> Iterator[Watch]:
    """Run `status --watch` on the spool for the length of the block."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "status", "--watch", *more],
        env=box.env(**{"TERM": "xterm"} | environment),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    watch = Watch(process, ours)
    try:
        yield watch
    finally:
        process.kill()
        process.wait()
        os.close(watch.output)
        os.close(theirs)


def test_the_page_is_drawn_again_on_a_terminal(box: Box) -> None:
    """As wide and as high as the terminal is, at most 80 columns; what was there before comes back."""
    for number in range(3):
        box.drop(f"{number}質問の一覧質問の一覧質問の一覧.jsonl", request("a"))
    with watching(box) as watch:
        watch.resize(24, 200)
        watch.await_text("Waiting in the inbox: 3")
        assert watch.read().startswith(CLEAN)
        wait_for(lambda: "Finished: 0" in watch.page()[-1], "the whole page")
        assert all(measure(line.partition("\x1b")[0]) <= 80 for line in watch.page())
        watch.resize(5, 30)
        wait_for(lambda: len(watch.page()) == 5 and "lines more" in watch.page()[-1], "a smaller page")
        assert all(measure(line.partition("\x1b")[0]) <= 30 for line in watch.page())
        with box.running():
            watch.resize(24, 80)
            watch.await_text("running (pid")
            watch.await_text("Finished: 3")
        watch.await_text("is not running")
        assert watch.end() == 0
        assert watch.read().endswith(BACK)


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": ""}], ids=str)
def test_a_dumb_terminal_is_refused(box: Box, environment: dict[str, str]) -> None:
    """No escape sequence is sent to one that would show it."""
    with watching(box, **environment) as watch:
        watch.await_text("batchbox status")
        assert watch.process.wait(DEADLINE) == 2
        assert "\x1b" not in watch.read()


def test_a_spool_that_goes_away_is_waited_for(box: Box) -> None:
    """Unmounted, it says so; back again, it is shown again."""
    away = box.root.with_name("away")
    with watching(box) as watch:
        watch.await_text("not running")
        Path(box.root).rename(away)
        wait_for(lambda: "is not a spool" in " ".join(" ".join(watch.page()).split()), "that it is gone")
        before = watch.read().count("not running")
        away.rename(box.root)
        wait_for(lambda: watch.read().count("not running") > before, "the spool")
        assert watch.end(signal.SIGTERM) == 0


def test_without_a_terminal_it_is_refused(box: Box) -> None:
    """A pipe gets a command to run instead."""
    done = box.command("status", "--watch")
    assert done.returncode == 2
    assert "batchbox status" in done.stderr


def test_what_is_no_spool_is_refused_at_the_start(box: Box, tmp_path: Path) -> None:
    """A mistyped path is not waited for."""
    with watching(box, "--spool", str(tmp_path / "nowhere")) as watch:
        wait_for(lambda: "is not a spool" in " ".join(watch.read().split()), "the refusal")
        assert watch.process.wait(DEADLINE) == 3
