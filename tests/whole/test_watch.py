"""`watch`: live on a terminal, by lines elsewhere; it outlives daemon and spool, and ends cleanly."""

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
from batchbox_sandbox.remote import Sandbox
from tests.support.daemon import DEADLINE, PROGRAM, Box, request, wait_for

SOON = ["--seconds", "0.1"]


@dataclass
class Watch:
    """A `watch` that runs, and what it has shown so far."""

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
def watching(box: Box, *more: str, on_terminal: bool = False, **environment: str) -> Iterator[Watch]:
    """Run `watch` on the spool for the length of the block."""
    ours, theirs = pty.openpty() if on_terminal else os.pipe()
    process = subprocess.Popen(
        [*PROGRAM, "watch", *SOON, *more],
        env=box.env(**{"TERM": "xterm"} | environment),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    if not on_terminal:
        os.close(theirs)
    watch = Watch(process, ours)
    try:
        yield watch
    finally:
        process.kill()
        process.wait()
        os.close(watch.output)
        if on_terminal:
            os.close(theirs)


def test_each_change_is_a_line_where_it_is_piped(box: Box, sandbox: Sandbox) -> None:
    """The daemon, a file on its way, a flag, the end of the daemon: each told once, without any escape."""
    sandbox.order("create", "refuse", times=10**6, status=429)
    with watching(box) as watch:
        watch.await_text("batchbox is not running")
        with box.running() as daemon:
            watch.await_text(f"batchbox is running on {box.root}")
            box.drop("質問\x1b[31m.jsonl", request("a"))
            watch.await_text("質問%1B[31m.jsonl: ready to be sent")
            watch.await_text("sending waits: ")
            sandbox.clear()
            watch.await_text("質問%1B[31m.jsonl: published, succeeded")
            box.command("drain")
            watch.await_text("control/DRAIN stands")
            box.command("resume")
            watch.await_text("control/DRAIN was taken down")
            daemon.kill()
            wait_for(lambda: watch.read().count("batchbox is not running") == 2, "the end of the daemon")
        assert watch.end() == 0
        lines = watch.read().splitlines()
    assert all(line.isprintable() for line in lines)
    assert sum("published, succeeded" in line for line in lines) == 1


def test_a_file_that_came_and_went_between_two_looks_is_told(box: Box) -> None:
    """What has finished is told from the archive, not from what was seen under way."""
    with watching(box, "--seconds", "5") as watch:
        watch.await_text("batchbox is not running")
        with box.running():
            box.drop("q.jsonl", request("a"))
            box.await_receipt("q")
            watch.await_text("q.jsonl: published, succeeded")
        assert watch.end(signal.SIGTERM) == 0


def test_the_page_is_drawn_anew_on_a_terminal(box: Box) -> None:
    """As wide and as high as the terminal is, at most 80 columns; what was there before comes back."""
    for number in range(3):
        box.drop(f"{number}質問の一覧質問の一覧質問の一覧.jsonl", request("a"))
    with watching(box, on_terminal=True) as watch:
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
def test_a_dumb_terminal_gets_lines(box: Box, environment: dict[str, str]) -> None:
    """No escape sequence is sent to one that would show it."""
    with watching(box, on_terminal=True, **environment) as watch:
        watch.await_text("batchbox is not running")
        assert watch.end() == 0
        assert "\x1b" not in watch.read()


@pytest.mark.parametrize("on_terminal", [False, True])
def test_a_spool_that_goes_away_is_waited_for(box: Box, on_terminal: bool) -> None:
    """Unmounted, it is told once; back again, it is shown again."""
    away = box.root.with_name("away")
    with watching(box, on_terminal=on_terminal) as watch:
        watch.await_text("not running")
        Path(box.root).rename(away)
        watch.await_text("it is looked for again and again" if not on_terminal else "is not a spool")
        before = watch.read().count("not running")
        away.rename(box.root)
        wait_for(lambda: watch.read().count("not running") > before, "the spool")
        assert watch.end() == 0


def test_its_reader_may_leave(box: Box) -> None:
    """As with head: no error, no traceback."""
    with watching(box) as watch:
        watch.await_text("not running")
        os.close(watch.output)
        watch.output = os.dup(2)
        box.command("pause")
        assert watch.process.wait(DEADLINE) == 0


def test_what_is_no_spool_is_refused_at_the_start(box: Box, tmp_path: Path) -> None:
    """A mistyped path is not waited for."""
    done = box.command("watch", "--spool", str(tmp_path / "nowhere"))
    assert done.returncode == 3
    assert "is not a spool" in done.stderr
