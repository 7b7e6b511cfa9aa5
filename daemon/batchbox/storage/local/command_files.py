"""Control: how commands and flags reach the daemon, whether it runs or not: as files in control/."""

import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from batchbox.domain.operator_commands import FLAGS, Command
from batchbox.storage.local import durable
from batchbox.storage.local.layout import Layout

LEAVE = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # no link, and no pipe
LATEST = 253402300799.0  # seconds, of the year 9999: what lies beyond no calendar here can tell


@dataclass(frozen=True, slots=True)
class Note:
    """A command or a flag that lies in control/: *since* when and *by* whom, as its file says."""

    name: str
    since: datetime
    by: str


def leave_command(root: Path, command: Command) -> None:
    """Put *command* into control/, durably; there already is fine. Raise `OSError` if that may not be."""
    _leave(root, command.name)


def put_flag(root: Path, name: str) -> bool:
    """Put a flag up, durably; False if it stood already. Raise `OSError` if that may not be."""
    stood = durable.is_there(Layout(root).control / name)
    if not stood:
        _leave(root, name)
    return not stood


def remove_flag(root: Path, name: str) -> bool:
    """Take a flag down, durably; False if it did not stand. Raise `OSError` if that may not be."""
    control = Layout(root).control
    if not durable.is_there(control / name):
        return False
    durable.remove(control / name)
    _sync(control)
    return True


def _leave(root: Path, name: str) -> None:
    control = Layout(root).control
    durable.make_folder(control)
    os.close(os.open(control / name, LEAVE, 0o644))
    _sync(control)


def _sync(control: Path) -> None:
    with suppress(PermissionError):  # whoever may write there need not be allowed to list it
        durable.sync_folder(control)


def read_flags(layout: Layout) -> list[Note]:
    """Return the flags that stand, whatever kind of file they are."""
    notes = ((name, _lstat(layout.control / name)) for name in FLAGS)
    return [read_note(name, found) for name, found in notes if found]


def read_commands(layout: Layout) -> list[Note]:
    """Return the files in control/ that are no flags, oldest first. Raise `OSError` if not to be seen."""
    found = sorted(_files(layout.control), key=lambda pair: (pair[1].st_mtime_ns, pair[0]))
    return [read_note(name, seen) for name, seen in found]


def _files(control: Path) -> Iterator[tuple[str, os.stat_result]]:
    try:
        names = os.listdir(control)
    except FileNotFoundError:
        return
    for name in names:
        seen = None if name in FLAGS or name.startswith(".") else _lstat(control / name)
        if seen and stat.S_ISREG(seen.st_mode):
            yield name, seen


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_note(name: str, found: os.stat_result) -> Note:
    """Return what the file of that *name* says by being there."""
    return Note(
        name, datetime.fromtimestamp(min(max(found.st_mtime, 0.0), LATEST), UTC), _name_user(found.st_uid)
    )


def _name_user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def find_asker(layout: Layout, name: str) -> str:
    """Return the name of the user who left what has that name; empty if it is gone."""
    found = _lstat(layout.control / name)
    return _name_user(found.st_uid) if found else ""


def dismiss(layout: Layout, name: str) -> None:
    """Remove a command; durably, so that it is not carried out again a day later."""
    durable.remove(layout.control / name)
    durable.sync_folder(layout.control)
