"""The inbox: what lies in it, whether somebody is still writing, and how it becomes ours.

Names are handled as the bytes they are (`os.fsencode`); nothing is opened that could hang (a FIFO) or
lead elsewhere (a link).
"""

import errno
import fcntl
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from batchbox.domain.errors import TryLater
from batchbox.domain.file_types import ENDINGS, HIDDEN, form_of
from batchbox.domain.marker_files import is_companion
from batchbox.domain.output_names import can_be_queue
from batchbox.domain.stability import InboxFile, Inspection, WaitReason, Writer
from batchbox.storage.local import durable
from batchbox.storage.local.layout import DEFAULT_QUEUE, REQUEST, Layout

OPEN_SAFELY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
NO_QUEUE = WaitReason(
    "is a folder that cannot be a queue", "name it with letters, digits, dots, dashes; not 'default'"
)
SECOND_NAME = WaitReason("has a second name (a hard link), under which it could change", "copy it instead")
OURS = WaitReason("is taken already: a power cut has left its name here", passing=True)
NEWLINES = {b"\xff\xfe": b"\n\0", b"\xfe\xff": b"\0\n"}  # in UTF-16, which a byte order mark tells
READ = tuple(ending.encode() for ending in ENDINGS)
KINDS = (
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISLNK, "is a symbolic link"),
    (stat.S_ISFIFO, "is a pipe"),
    (stat.S_ISSOCK, "is a socket"),
)


def scan(layout: Layout, companions: list[InboxFile] | None = None) -> list[InboxFile]:
    """Return every wanted name in the inbox and its queues, oldest first, as it is right now.

    What is there about other files is put into *companions*.
    """
    folders, inbox = _folders(layout), layout.root / "inbox"
    beside = [] if companions is None else companions
    places = [(DEFAULT_QUEUE, inbox)] + [(name, inbox / name) for name in folders if is_queue(name)]
    seen = [one for queue, folder in places for one in _scan_queue(layout, queue, folder, beside)]
    for name in _odd(folders):
        seen += _scan_odd(layout, name)
    return sorted(seen, key=lambda incoming: (incoming.mtime_ns, incoming.name))


def _folders(layout: Layout) -> list[str]:
    with os.scandir(layout.root / "inbox") as entries:
        return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))


def is_queue(name: str) -> bool:
    """Say whether a folder of that name in the inbox is a queue."""
    return can_be_queue(name) and name != DEFAULT_QUEUE


def _odd(folders: list[str]) -> Iterator[bytes]:
    for name in folders:
        if not is_queue(name) and os.fsencode(name[0]) not in HIDDEN and not name.endswith(ENDINGS):
            yield os.fsencode(name)


def _scan_odd(layout: Layout, folder: bytes) -> list[InboxFile]:
    """Return the files of a folder that cannot be a queue, to be refused, or the folder if it has none."""
    found = _scan_queue(layout, DEFAULT_QUEUE, layout.root / "inbox" / os.fsdecode(folder), [])
    named = [one._replace(name=folder + b"/" + one.name) for one in found if one.name]
    return named or [InboxFile(DEFAULT_QUEUE, folder, obstacle=NO_QUEUE)]


def _scan_queue(layout: Layout, queue: str, folder: Path, companions: list[InboxFile]) -> Iterator[InboxFile]:
    wanted, beside = [], []
    try:
        with os.scandir(os.fsencode(folder)) as entries:
            for entry in entries:
                if form_of(entry.name):
                    wanted.append(entry)
                elif is_companion(entry.name) and not entry.is_dir(follow_symlinks=False):
                    beside.append(entry)
    except PermissionError:
        yield InboxFile(queue, b"", obstacle=_unreadable(folder))
        return
    except FileNotFoundError:
        return
    companions += filter(None, (_look(layout, queue, entry) for entry in beside))
    yield from filter(None, (_look(layout, queue, entry) for entry in wanted))


def _look(layout: Layout, queue: str, entry: os.DirEntry[bytes]) -> InboxFile | None:
    name = entry.name
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    except PermissionError:
        return InboxFile(queue, name, obstacle=_unreadable(Path(os.fsdecode(entry.path))))
    if stat.S_ISDIR(found.st_mode) and not name.lower().endswith(READ):
        return None  # a queue, or nobody's
    obstacle = _obstacle(found)
    if obstacle is SECOND_NAME and _is_ours(layout, found.st_ino):
        obstacle = OURS
    return InboxFile(queue, name, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, obstacle)


def _is_ours(layout: Layout, inode: int) -> bool:
    with suppress(PermissionError), os.scandir(layout.work) as jobs:
        return any(_inode_of(Path(job.path) / REQUEST) == inode for job in jobs)
    return False


def _inode_of(path: Path) -> int | None:
    try:
        return os.lstat(path).st_ino
    except (FileNotFoundError, NotADirectoryError):
        return None


def finish_claims(layout: Layout, seen: list[InboxFile]) -> list[InboxFile]:
    """Take the names that a power cut brought back out of the inbox; return the other ones."""
    for incoming in [one for one in seen if one.obstacle is OURS]:
        path = layout.queue("inbox", incoming.queue) / os.fsdecode(incoming.name)
        if _inode_of(path) == incoming.inode:
            durable.remove(path)
            durable.sync_folder(path.parent)
    return [incoming for incoming in seen if incoming.obstacle is not OURS]


def _obstacle(found: os.stat_result) -> WaitReason | None:
    if stat.S_ISREG(found.st_mode):
        return SECOND_NAME if found.st_nlink > 1 else None
    for is_kind, problem in KINDS:
        if is_kind(found.st_mode):
            return WaitReason(f"{problem}, not a file", "put the file itself in its place")
    return WaitReason("is a device, not a file", "put the file itself in its place")


def _unreadable(path: Path) -> WaitReason:
    try:
        found = os.lstat(path)
        who = f"owner {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o}"
    except OSError:
        who = "owner unknown"
    return WaitReason(f"cannot be read by batchbox ({who})", "make it readable, as with chmod a+r")


def examine(path: Path, incoming: InboxFile, lease_works: bool) -> Inspection:
    """Open the file at *path*, the one that was seen as *incoming*, and look into it."""
    try:
        descriptor = os.open(path, OPEN_SAFELY)
    except PermissionError:
        return Inspection(obstacle=_unreadable(path))
    except OSError as error:
        return Inspection(obstacle=WaitReason(f"cannot be opened: {error.strerror}", passing=True))
    try:
        return _examine_open(descriptor, incoming, lease_works)
    finally:
        os.close(descriptor)


def _examine_open(descriptor: int, incoming: InboxFile, lease_works: bool) -> Inspection:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_ino != incoming.inode:
        return Inspection(obstacle=WaitReason("was replaced while we looked", passing=True))
    if found.st_nlink > 1:
        return Inspection(obstacle=SECOND_NAME)
    writer = probe_writer(descriptor) if lease_works else Writer.UNKNOWN
    try:
        ends = _ends_in_newline(descriptor, found.st_size)
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        return Inspection(
            writer, obstacle=WaitReason(problem, "see whether the disk is whole, and copy it anew")
        )
    return Inspection(writer, ends)


def _ends_in_newline(descriptor: int, size: int) -> bool:
    wanted = NEWLINES.get(os.pread(descriptor, 2, 0), b"\n")
    return os.pread(descriptor, len(wanted), max(size - len(wanted), 0)) == wanted


def probe_writer(descriptor: int) -> Writer:
    """Say whether anybody has the file open for writing: a read lease is refused then (fcntl(2)).

    It needs the file to be ours, or CAP_LEASE. Holding it for an instant is safe only because SIGIO is
    ignored: its default action would end the process.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return Writer.SOME if error.errno == errno.EAGAIN else Writer.UNKNOWN
    return Writer.NONE


def test_lease(layout: Layout, name: str = ".lease") -> bool:  # noqa: PT028  it is no test
    """Say whether the probe can be believed here: it must see a writer, and see that there is none.

    *name*: of the file that is tried with; whoever does not hold the spool has to use another.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    path = layout.work / name
    try:
        with open(path, "wb"):
            reader = os.open(path, OPEN_SAFELY)
            sees_writer = probe_writer(reader) is Writer.SOME
        sees_none = probe_writer(reader) is Writer.NONE
        os.close(reader)
        return sees_writer and sees_none
    finally:
        durable.remove(path)


def claim(source: Path, target: Path) -> bool:
    """Move the file at *source* to *target*; False if it was gone."""
    try:
        durable.move(source, target)
    except FileNotFoundError:
        return durable.is_there(target)
    except PermissionError:
        fix = "let the inbox belong to the user batchbox runs as, or make it writable for it"
        raise TryLater(f"the file cannot be moved out of {source.parent}", fix) from None
    return True
