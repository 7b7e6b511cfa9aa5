"""The watcher: it wakes the scan early where it can, and is only missed where it cannot."""

import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from batchbox.storage.local.watcher import watch_inbox
from tests.storage.support import CONTENT, put

SOON = 5.0


@pytest.fixture
def woken(root: Path) -> Iterator[threading.Event]:
    """Give what the watcher of the spool sets."""
    event = threading.Event()
    (root / "inbox" / "night").mkdir()
    stop = watch_inbox(root, event.set)
    yield event
    stop()


@pytest.mark.parametrize("queue", ["", "night"])
def test_a_file_that_is_renamed_in_wakes(
    root: Path, tmp_path: Path, woken: threading.Event, queue: str
) -> None:
    """From outside the inbox, as a careful producer does it."""
    (tmp_path / "x.jsonl").write_bytes(CONTENT)
    (tmp_path / "x.jsonl").rename(root / "inbox" / queue / "x.jsonl")
    assert woken.wait(SOON)


def test_a_file_that_gets_its_name_in_the_inbox_wakes(root: Path, woken: threading.Event) -> None:
    """From a temporary name beside it."""
    path = put(root, b".x.tmp")
    assert woken.wait(SOON)
    woken.clear()
    path.rename(root / "inbox" / "x.jsonl")
    assert woken.wait(SOON)


@pytest.mark.parametrize("queue", ["", "night"])
def test_a_writer_that_closes_wakes(root: Path, woken: threading.Event, queue: str) -> None:
    """The end of the writing is a hint, not only its beginning."""
    with (root / "inbox" / queue / "x.jsonl").open("wb") as file:
        assert woken.wait(SOON)
        woken.clear()
        file.write(CONTENT)
        file.flush()
    assert woken.wait(SOON)


def test_a_file_in_a_new_queue_wakes(root: Path, woken: threading.Event) -> None:
    """The folder may be as new as the file."""
    put(root, queue="new")
    assert woken.wait(SOON)


def test_what_cannot_be_watched_is_only_a_warning(root: Path) -> None:
    """It is said that scanning goes on, and there is something to call in the end."""
    (root / "inbox").rmdir()
    with structlog.testing.capture_logs() as logs:
        stop = watch_inbox(root, lambda: None)
    stop()
    (told,) = logs
    assert (told["event"], told["log_level"]) == ("watcher.absent", "warning")
    assert "scanning" in told["fix"]


def test_what_watchdog_warns_of_does_not_stand_in_the_log(
    recwarn: pytest.WarningsRecorder, woken: threading.Event
) -> None:
    """Lines of the log are JSON, and a folder that it meets twice is no harm."""
    assert not woken.is_set()
    told = "Callback with id '7' already exists for watch <InotifyWatch>. It will be Overwritten."
    warnings.warn(told, RuntimeWarning, stacklevel=1)  # as its _add_callback words it
    warnings.warn("something else", RuntimeWarning, stacklevel=1)
    assert [str(one.message) for one in recwarn] == ["something else"]
