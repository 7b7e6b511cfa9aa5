"""The few operations on the disk. Each is durable when it returns.

Temp, write, fsync, rename, fsync of the folder, in this order, in one place. A failed fsync is never
repeated: the kernel may have dropped the pages and would say yes the second time (fsync(2)); the file is
thrown away and the caller writes a new one. A move between folders syncs both, the new place first:
without that, btrfs has been seen to show a moved file in both after a power cut.
"""

import ctypes
import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 20
AT_FDCWD = -100
RENAME_NOREPLACE = 1
UNSUPPORTED = (errno.ENOSYS, errno.EINVAL)

_renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


def is_there(path: Path) -> bool:
    """Say whether anything has that name. Raise `OSError` if it cannot be seen: that is not no."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def is_folder(path: Path) -> bool:
    """Say whether *path* is a folder, and not a link to one. Raise `OSError` if that cannot be seen."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def read_file(path: Path) -> bytes:
    """Return all that is in a small file."""
    with open(path, "rb") as file:
        return file.read()


def sync_folder(folder: Path) -> None:
    """Make the names in *folder* durable."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        if not os.access(folder, os.W_OK):
            raise
        os.sync()  # who may write to an inbox and not list it cannot open it: all disks are synced
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make one folder, durably; there already is fine."""
    try:
        os.mkdir(folder)
    except FileExistsError:
        if not is_folder(folder):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from None
        return
    sync_folder(folder.parent)


@contextmanager
def write_whole(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write; when the block ends well, *path* is it, else *path* is as it was."""
    temp = path.with_name(f".{path.name}.tmp")
    try:
        with open(temp, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.rename(temp, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temp)
        raise
    sync_folder(path.parent)


def move(source: Path, target: Path) -> None:
    """Move a file or folder to a name that is free or may be replaced."""
    os.rename(source, target)
    sync_folder(target.parent)
    sync_folder(source.parent)


def move_onto_free(source: Path, target: Path) -> None:
    """Move a file to a name that must be free. Raise `FileExistsError` if it is not."""
    _rename_exclusive(source, target)
    sync_folder(target.parent)
    sync_folder(source.parent)


def _rename_exclusive(source: Path, target: Path) -> None:
    # renameat2(2); the standard library has no call for it
    paths = os.fsencode(source), os.fsencode(target)
    if _renameat2:
        if _renameat2(AT_FDCWD, paths[0], AT_FDCWD, paths[1], RENAME_NOREPLACE) == 0:
            return
        number = ctypes.get_errno()
        if number not in UNSUPPORTED:
            raise OSError(number, os.strerror(number), str(source), None, str(target))
    if is_there(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    os.rename(source, target)


def remove(path: Path) -> None:
    """Remove a file, if it is there. Durable with the next sync of its folder."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def digest(path: Path) -> tuple[int, str]:
    """Return size and SHA-256 of a file."""
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        return os.fstat(file.fileno()).st_size, found


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others who lock *folder* waiting for the length of the block."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
