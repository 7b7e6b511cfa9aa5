"""Vouching: what a command of ours drops is whole, so it gets its marker where its queue requires one."""

import os
import tomllib
from contextlib import suppress
from pathlib import Path

from batchbox.domain.errors import Stop
from batchbox.domain.marker_files import OK
from batchbox.storage.local import durable
from batchbox.storage.local.dropping import BAD_FILE, DroppedPath
from batchbox.storage.local.layout import SETTINGS, Layout


def vouch(root: Path, name: str, dropped: DroppedPath) -> None:
    """Put the marker beside what was dropped as *name*, if it needs one. Raise `Stop` if that may not be."""
    if not _requires(root / SETTINGS, dropped.queue):
        return
    path = Layout(root).queue("inbox", dropped.queue) / (name + os.fsdecode(OK))
    try:
        with durable.write_whole(path) as marker:
            marker.write(f"{dropped.sha256}\n".encode())
    except OSError as error:
        problem = f"{name} was dropped, and waits: its marker {path} could not be written: {error.strerror}"
        raise Stop(problem, "put an empty file of that name there", code=BAD_FILE) from None


def _requires(path: Path, queue: str) -> bool:
    """Say whether a queue requires it, as far as the file says so; its mistakes are the daemon's to tell."""
    with suppress(OSError, ValueError, AttributeError, RecursionError):
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        own = found.get("queue", {}).get(queue, {}).get("require_ok")
        return bool(found.get("require_ok") if own is None else own)
    return False
