"""Who a spool is, and who holds it."""

import errno
import fcntl
import json
import os
import socket
import stat
import uuid
from contextlib import suppress
from pathlib import Path

from batchbox.domain.errors import NO_SPOOL, Offline, Stop
from batchbox.domain.records import Owner
from batchbox.domain.versions import name_needed
from batchbox.ports.storage import Taken
from batchbox.storage.local import durable
from batchbox.storage.local.layout import FOLDERS, Layout

FORMAT = 1
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "glusterfs"})


def make_spool(root: Path) -> str:
    """Make *root* a spool, or complete one; return its id. What is there stays."""
    layout = Layout(root)
    spool_id = read_marker(layout) if durable.is_there(layout.marker) else ""  # a newer one is left alone
    root.mkdir(parents=True, exist_ok=True)
    for name in FOLDERS:
        durable.make_folder(root / name)
    # nobody else; a group that its files are to have (setgid) is left to it
    os.chmod(layout.work, stat.S_IMODE(os.stat(layout.work).st_mode) & ~0o077)
    return spool_id or write_marker(layout, str(uuid.uuid4()))


def write_marker(layout: Layout, spool_id: str) -> str:
    """Write who the spool is, and which file says so: a copy of it is another file (`st_ino`)."""
    with durable.write_whole(layout.marker) as file:
        inode = os.fstat(file.fileno()).st_ino
        marker = {"spool_id": spool_id, "format": FORMAT, "inode": inode}
        file.write(json.dumps(marker).encode() + b"\n")
    return spool_id


def read_marker(layout: Layout) -> str:
    """Return the spool's id. Raise `Stop` if *root* is no spool, or one of a newer format."""
    try:
        marker = json.loads(durable.read_file(layout.marker))
        spool_id, number = str(marker["spool_id"]), int(marker["format"])
    except (FileNotFoundError, NotADirectoryError):
        fix = f"make one with: batchbox init {layout.root}"
        raise Stop(f"{layout.root} is not a spool (it has no .batchbox)", fix, code=NO_SPOOL) from None
    except OSError as error:
        problem = f"{layout.marker} cannot be read: {error.strerror}"
        raise Stop(problem, "check its owner and mode", code=NO_SPOOL) from None
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        fix = "restore it from a backup; the spool_id stands in every manifest under work/"
        raise Stop(f"{layout.marker} is damaged", fix, code=NO_SPOOL) from None
    if number > FORMAT:
        fix = name_needed(marker, "spool format", number)
        raise Stop(f"{layout.root} was made by a newer batchbox", fix, code=NO_SPOOL)
    return spool_id


class LockHeld(Stop):
    """Somebody else holds the lock: a daemon, or for an instant a command that asks for one."""


class LocalLease:
    """The right to work a spool: an flock(2) on its marker, held as long as the process lives."""

    def __init__(self, layout: Layout, epoch: int) -> None:
        """Take it, or raise `LockHeld`. *epoch* has to be higher than that of any holder before."""
        self._layout = layout
        spool_id = read_marker(layout)
        self._descriptor = os.open(layout.marker, os.O_RDONLY | os.O_CLOEXEC)
        if not _try_lock(self._descriptor, fcntl.LOCK_EX):
            os.close(self._descriptor)
            raise LockHeld(f"another batchbox is running on {layout.root}", "stop it first", code=NO_SPOOL)
        self._marker, self._root = os.fstat(self._descriptor), os.stat(layout.root)
        _refuse_copy(layout, self._descriptor)
        self._released = False
        self._taken = Taken(spool_id, epoch, _this_process())

    @property
    def taken(self) -> Taken:
        """Return whose it is."""
        return self._taken

    def holds(self, seconds: float) -> bool:
        """Say whether it is held: a local lock is, until the process ends."""
        return seconds >= 0 and not self._released and self._is_there()

    def check(self) -> None:
        """Raise `Offline` unless the marker that was locked still stands in its place."""
        if not self._is_there():
            fix = "mount it, or move the very .batchbox back (not a copy); work goes on by itself"
            raise Offline(f"{self._layout.root} is not the spool that was opened", fix)

    def _is_there(self) -> bool:
        try:
            marker, root = os.lstat(self._layout.marker), os.stat(self._layout.root)
            return os.path.samestat(marker, self._marker) and os.path.samestat(root, self._root)
        except OSError:
            return False

    def release(self) -> None:
        """Give it up; a step that is still under way must not go on as if it were held."""
        self._released = True
        os.close(self._descriptor)


def _refuse_copy(layout: Layout, descriptor: int) -> None:
    """Raise `Stop` for a copied spool: the other one may be sending the very same files."""
    if not is_copy(layout, os.fstat(descriptor).st_ino):
        return
    os.close(descriptor)
    fix = f"if the other is gone for good: batchbox init --take-over {layout.root}"
    problem = f"{layout.root} is a copy of a spool (or was restored): its files may have been sent from there"
    raise Stop(problem, fix, code=NO_SPOOL)


def is_copy(layout: Layout, inode: int) -> bool:
    """Say whether the marker, whose own is *inode*, names another."""
    marker = json.loads(durable.read_file(layout.marker))
    return bool(marker.get("inode", inode) != inode)


def _this_process() -> Owner:
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot_id = "unknown"
    return Owner(host=socket.gethostname(), boot_id=boot_id, pid=os.getpid())


def _try_lock(descriptor: int, mode: int) -> bool:
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def is_held(layout: Layout) -> bool:
    """Say whether a daemon is running on the spool."""
    descriptor = os.open(layout.marker, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def prove(layout: Layout) -> None:
    """Raise `Stop` unless a file can really be moved through every folder of the spool."""
    refuse_network(layout.root)
    name = ".probe"  # the same each time, so that one that a crash left behind is passed over
    here = layout.work / name
    try:
        for folder in FOLDERS:
            durable.make_folder(layout.root / folder)
        os.close(os.open(here, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        for folder in ("inbox", "outbox", "rejected", "hold", "done", "control", "state"):
            there = layout.root / folder / name
            os.rename(here, there)
            here = there
    except OSError as error:
        fix = "all its folders must lie on one file system and belong to the user batchbox runs as"
        raise Stop(f"the spool cannot be used: {error}", fix, code=NO_SPOOL) from None
    finally:
        with suppress(OSError):  # it would hide why
            durable.remove(here)


def name_network(root: Path) -> str:
    """Return the kind of network file system that *root* lies on; empty if it is a local one."""
    kind = find_file_system(os.stat(root).st_dev)
    return kind if kind in NETWORK else ""


def refuse_network(root: Path) -> None:
    """Raise `Stop` if *root* lies on another machine's disk."""
    kind = name_network(root)
    if kind:
        fix = "put the spool on a local disk; locks and renames cannot be trusted there"
        raise Stop(f"{root} lies on a network file system ({kind})", fix, code=NO_SPOOL)


def find_file_system(device: int) -> str:
    """Return the kind of file system that has that device number."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    kinds = [line.split(" - ")[1].split()[0] for line in lines if line.split()[2] == wanted]
    return kinds[-1] if kinds else "unknown"
