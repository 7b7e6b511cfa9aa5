"""Letters on the disk: small files in state/notices/ that may be deleted at any time."""

import os
from contextlib import suppress
from pathlib import Path

from batchbox.reports.notifications import Notification
from batchbox.storage.local import durable
from batchbox.storage.local.layout import Layout

ENDING = ".json"


class NotificationFiles:
    """Those that nobody has got yet."""

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.health.parent / "notices"

    def put(self, letter: Notification) -> None:
        """Keep *letter*, durably; one of that name is replaced."""
        durable.make_folder(self._folder.parent)
        durable.make_folder(self._folder)
        with durable.write_whole(self._path(letter.name)) as file:
            file.write(letter.model_dump_json(indent=1).encode() + b"\n")

    def _path(self, name: str) -> Path:
        return self._folder / name

    def pending(self) -> list[str]:
        """Return their names, the oldest first. Raise `OSError` if that cannot be seen."""
        with suppress(FileNotFoundError):
            names = os.listdir(self._folder)
            return sorted(name for name in names if name.endswith(ENDING) and not name.startswith("."))
        return []

    def read(self, name: str) -> Notification | None:
        """Return one; None if it is gone or cannot be understood."""
        try:
            return Notification.model_validate_json(durable.read_file(self._path(name)))
        except (FileNotFoundError, ValueError):
            return None

    def remove(self, name: str) -> None:
        """Forget one."""
        durable.remove(self._path(name))
