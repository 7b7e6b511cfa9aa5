"""Claims: the folder of a job that has no file yet, or never got one."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from batchbox.domain.errors import TryLater
from batchbox.domain.output_names import show
from batchbox.domain.stability import InboxFile
from batchbox.storage.local import durable
from batchbox.storage.local.layout import REQUEST


def is_file(path: Path) -> bool:
    """Say whether *path* is a file, and not a link to one."""
    return stat.S_ISREG(os.lstat(path).st_mode)


def require_file(incoming: InboxFile, path: Path) -> None:
    """Raise `TryLater` unless what was claimed as *incoming* is a file."""
    if not is_file(path):
        problem = f"{show(incoming.name)} was swapped for something that is not a file"
        raise TryLater(problem, "it is put into hold/; drop the file itself")


def has_remains(folder: Path) -> bool:
    """Say whether *folder* has more in it than the temporary files of a claim that was broken off."""
    try:
        return any(not name.startswith(".") for name in os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # it cannot be seen now; one folder that is ill must not stop the others


def unmake(folder: Path) -> None:
    """Remove a job's folder that never got its file; the file itself is never removed."""
    with suppress(OSError):
        if durable.is_there(folder / REQUEST):
            return
        for name in set(os.listdir(folder)) - {REQUEST}:
            os.unlink(folder / name)
        os.rmdir(folder)
