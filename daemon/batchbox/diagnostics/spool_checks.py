"""Fitness: whether a spool is one, and whether the disk it lies on does what batchbox needs of it.

What is tried out is really tried, under names of its own that no daemon and no producer looks at, and is
taken away again: a daemon at work is not disturbed.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from batchbox.diagnostics.permission_checks import user_of
from batchbox.reports.check_result import Check, accuse, count, show_bytes, warn
from batchbox.storage.local import durable, inbox
from batchbox.storage.local.layout import FOLDERS, Layout
from batchbox.storage.local.lock import FORMAT, find_file_system, is_copy, read_marker, refuse_network

LEAST_INODES = 1000
IN_MEMORY = ("tmpfs", "ramfs")
WORDS = {
    errno.EXDEV: "they lie on different file systems",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.EACCES: "that is not permitted",
    errno.EPERM: "that is not permitted",
    errno.ENOENT: "it is not there",
    errno.ENOTDIR: "it is not a folder",
}


def check_marker(layout: Layout) -> Check:
    """Tell whether this is a spool that a daemon would open. Raise `Stop` if it is none."""
    spool_id = read_marker(layout)
    refuse_network(layout.root)
    if is_copy(layout, os.stat(layout.marker).st_ino):
        take_over = f"batchbox init --take-over {layout.root}"
        fix = f"batchbox does not start on it; once the other is gone for good: {take_over}"
        return accuse("spool", f"{layout.root} is a copy of a spool, or was restored", fix)
    kind = find_file_system(os.stat(layout.root).st_dev)
    if kind in IN_MEMORY:
        fix = "what was paid for is lost when this machine stops: put it on a disk"
        return warn("spool", f"{layout.root} lies in memory ({kind})", fix)
    return Check("spool", f"{layout.root}: format {FORMAT}, on {kind}, id {spool_id}")


def check_moves(layout: Layout) -> Check:
    """Move an empty file through all folders by real renames, as each job is moved."""
    folders = [name for name in FOLDERS if durable.is_folder(layout.root / name)]
    here = layout.work / f".doctor-{os.getpid()}"
    user = user_of(os.geteuid())
    step = "into work/"
    try:
        os.close(os.open(here, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        for name in [*folders, "work"]:
            step = f"from {here.parent.name}/ to {name}/"
            there = layout.root / name / here.name
            os.rename(here, there)
            here = there
    except OSError as error:
        why = WORDS.get(error.errno or 0, error.strerror or str(error))
        fix = "all folders must lie on one file system, with room, and belong to the user batchbox runs as"
        return accuse("moves", f"{user} cannot move a file {step}: {why}", fix)
    finally:
        with suppress(OSError):
            durable.remove(here)
    return Check("moves", f"{user} moved a file through {len(folders)} folders")


def check_lease(layout: Layout) -> Check:
    """Tell whether it can be seen here that somebody still writes a file."""
    fix = "a file must be unchanged for 2 s, not 0.2, before it is taken (quiet_seconds)"
    try:
        if inbox.test_lease(layout, f".doctor-lease-{os.getpid()}"):
            return Check("leases", "writers are seen: a file is taken 0.2 s after its last change")
    except OSError as error:
        return warn("leases", f"it cannot be tried ({error.strerror})", fix)
    return warn("leases", "this file system does not tell who still writes a file", fix)


def check_room(layout: Layout, reserve_bytes: int, factor: int) -> Iterator[Check]:
    """Tell whether there is room: what is free, against the reserve and *factor* times what waits."""
    disk = os.statvfs(layout.root)
    free = disk.f_bavail * disk.f_frsize
    waiting = [one for one in inbox.scan(layout) if not one.obstacle]
    needed = factor * sum(one.size for one in waiting)
    told = f"{show_bytes(free)} free; {show_bytes(reserve_bytes)} are left alone (reserve_bytes)"
    if free < reserve_bytes:
        yield accuse("room", told, "nothing is taken until there is more: make room on this disk")
    elif free - reserve_bytes < needed:
        told += f"; {count(len(waiting), 'file')} in the inbox: {show_bytes(needed)} needed"
        yield warn("room", told, "what does not fit waits in the inbox: make room on this disk")
    else:
        yield Check("room", told)
    # some file systems make inodes as they go, and say 0 of 0
    if disk.f_files and disk.f_favail < LEAST_INODES:
        fix = "a job takes about ten: remove files, of old days in done/ first"
        yield warn("inodes", f"{disk.f_favail:,} free of {disk.f_files:,}", fix)
    else:
        yield Check("inodes", f"{disk.f_favail:,} free" if disk.f_files else "as many as there is room for")


def count_folders(root: Path) -> int:
    """Return how many folders of the inbox are watched, itself included."""
    return sum(1 for _ in os.walk(root / "inbox"))
