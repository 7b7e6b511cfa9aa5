"""Hints: the watcher that wakes the scan early.

It may lose events, grow deaf or not start at all; the scan does not depend on it.
"""

import warnings
from collections.abc import Callable
from pathlib import Path

import structlog
from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

# Each claim moves a file out of the inbox; the observer would hold back all that follows for half a second,
# to see where the file went.
InotifyMoveEventGrouper.delay = 0.0

log = structlog.get_logger()


class _Handler(FileSystemEventHandler):
    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002  a hint is a hint
        """Wake the scan; an exception here would end the watcher's thread for good."""
        self._wake()


def watch_inbox(root: Path, wake: Callable[[], None]) -> Callable[[], None]:
    """Call *wake* when something moves in the inbox; return how to stop that. Never raises."""
    # where folders are made quickly, watchdog meets one twice: no harm, and no line of JSON for the log
    warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
    observer = Observer()
    try:
        events: list[type[FileSystemEvent]] = [FileClosedEvent, FileCreatedEvent, FileMovedEvent]
        observer.schedule(_Handler(wake), str(root / "inbox"), recursive=True, event_filter=events)
        observer.daemon = True
        observer.start()
    except OSError as error:
        log.warning("watcher.absent", problem=str(error), fix="files are still found, by scanning alone")
        return lambda: None
    return observer.stop
