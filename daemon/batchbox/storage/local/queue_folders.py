"""Queues: the folders in the inbox for those that were declared, so that producers can drop there."""

import os
import stat
from collections.abc import Iterable, Iterator

from batchbox.storage.local import durable
from batchbox.storage.local.inbox import is_queue
from batchbox.storage.local.layout import Layout

MODE = 0o1777  # a group that files are to have (setgid) passes to a new folder by itself, see mkdir(2)


def make_queues(layout: Layout, names: Iterable[str]) -> Iterator[tuple[str, OSError]]:
    """Make the folders of those of *names* that have none, with the rights of the inbox; yield what failed.

    To be called while no other thread runs: for a moment new files of this process are for everybody. With
    `chmod` instead, a daemon that is not in the inbox's group would lose its setgid bit, see chmod(2).
    """
    for name in names:
        path = layout.queue("inbox", name)
        if not is_queue(name) or os.path.lexists(path):
            continue
        try:
            _make(layout, str(path))
        except OSError as error:
            yield name, error


def _make(layout: Layout, path: str) -> None:
    inbox = os.stat(layout.root / "inbox")
    before = os.umask(0)
    try:
        os.mkdir(path, inbox.st_mode & MODE)
    finally:
        os.umask(before)
    if os.geteuid() == 0:  # as `init` for a daemon that is another user
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchown(descriptor, inbox.st_uid, inbox.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(inbox.st_mode))
        finally:
            os.close(descriptor)
    durable.sync_folder(layout.root / "inbox")
