"""A private copy: what a producer still has open can change no more once it is checked."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from batchbox.storage.local import durable

READABLE = 0o444
WRITABLE = 0o222
WRITABLE_BY_OTHERS = 0o022


def freeze(path: Path, sees_writers: bool) -> None:
    """Put a copy of ours in the place of *path*, if anybody else might write to what is there.

    Nobody else can write to a file of ours without rights for others; our own user's writers are seen by
    the lease where it works, and else kept out by a copy that nobody may write to.
    """
    found = os.lstat(path)
    writable = WRITABLE_BY_OTHERS if sees_writers else WRITABLE
    if found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & writable:
        return
    with open(path, "rb") as source, durable.write_whole(path) as copy:
        while chunk := source.read(durable.CHUNK):
            copy.write(chunk)
        copy.flush()  # what is written later would set the time again
        os.utime(copy.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))  # the marker names it by that
        os.fchmod(copy.fileno(), stat.S_IMODE(found.st_mode) & READABLE | stat.S_IRUSR)
        with suppress(PermissionError):  # so that its owner's group may still read it, if it is ours too
            os.fchown(copy.fileno(), -1, found.st_gid)
