"""Rights: as whom a daemon works, what that user may do in each folder, and acting as that user."""

import os
import pwd
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from batchbox.reports.check_result import Check, accuse, warn
from batchbox.storage.local.inbox import is_queue
from batchbox.storage.local.layout import FOLDERS, Layout

ALL_RIGHTS = 0o7
NEEDED = ("inbox", "work", "outbox")  # the daemon makes the others anew
OPEN_TO_MANY = ("inbox", "control")  # where others may put files, if each can only take back their own
NAME = "folders"


def user_of(uid: int) -> str:
    """Return the name of a user, or the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def groups_of(uid: int) -> set[int]:
    """Return the groups of a user; none if it has no name."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return set()
    return set(os.getgrouplist(entry.pw_name, entry.pw_gid))


def find_user(layout: Layout, pid: int | None) -> int:
    """Return as whom the daemon works: the owner of process *pid*, else whoever `work/` belongs to."""
    with suppress(OSError, ValueError, IndexError):
        # not the owner of /proc/PID: that is root for a process without dumps (proc(5))
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
        return int(next(line for line in lines if line.startswith("Uid:")).split()[2])
    for path in (layout.work, layout.root):
        with suppress(OSError):
            return os.stat(path).st_uid
    return os.geteuid()


@contextmanager
def acting_as(uid: int) -> Iterator[None]:
    """Be that user for the length of the block, as far as the kernel's checks go; only root can."""
    if os.geteuid() != 0 or uid == 0:
        yield
        return
    groups, gid = os.getgroups(), os.getegid()
    own = groups_of(uid)
    os.setgroups(sorted(own))
    with suppress(KeyError):
        os.setegid(pwd.getpwuid(uid).pw_gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(gid)
        os.setgroups(groups)


def check_program() -> Check:
    """Tell whether the user that we act as may read the program: Python and batchbox."""
    user = user_of(os.geteuid())
    for path in (sys.executable, os.__file__, __file__):
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            fix = "batchbox cannot start so: install it, and Python, where all may read (as in /opt/batchbox)"
            return accuse("program", f"{user} cannot read {path}: {error.strerror}", fix)
    return Check("program", f"{user} may read {sys.executable} and batchbox")


def may_work(found: os.stat_result, uid: int) -> bool:
    """Say whether the mode lets user *uid* read, write and enter. Access lists are not looked at."""
    shift = 6 if found.st_uid == uid else 3 if found.st_gid in groups_of(uid) else 0
    return uid == 0 or (found.st_mode >> shift) & ALL_RIGHTS == ALL_RIGHTS


def check_folders(layout: Layout, uid: int) -> list[Check]:
    """Tell what is wrong with the owner and mode of each folder, for a daemon that works as *uid*."""
    checks = [check for name in FOLDERS for check in _check_folder(layout.root / name, name, uid)]
    checks += [check for name in _queues(layout) for check in _check_folder(layout.root / name, name, uid)]
    return checks or [Check(NAME, f"{len(FOLDERS)} of them, {user_of(uid)} may work in each")]


def _queues(layout: Layout) -> list[str]:
    with suppress(OSError), os.scandir(layout.root / "inbox") as entries:
        return sorted(f"inbox/{one.name}" for one in entries if one.is_dir() and is_queue(one.name))
    return []


def _check_folder(path: Path, name: str, uid: int) -> Iterator[Check]:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        if name in NEEDED:
            fix = f"nothing goes on without it: batchbox init {path.parent} makes it"
            yield accuse(NAME, f"{name}/ is missing", fix)
        return
    except OSError as error:
        yield accuse(NAME, f"{name}/ cannot be looked at: {error.strerror}", "check its owner and mode")
        return
    if not stat.S_ISDIR(found.st_mode):
        yield accuse(NAME, f"{name} is not a folder", "put the folder back, itself and no link")
        return
    if not may_work(found, uid):
        user = user_of(uid)
        owner = f"owner {user_of(found.st_uid)}, mode {stat.S_IMODE(found.st_mode):04o}"
        fix = f"batchbox cannot move files there: chown {user} {path} && chmod u+rwx {path}"
        yield accuse(NAME, f"{name}/ is not for {user} to work in ({owner})", fix)
    yield from _check_strangers(path, name, found.st_mode)


def _check_strangers(path: Path, name: str, mode: int) -> Iterator[Check]:
    if not mode & stat.S_IWOTH:
        return
    if name.partition("/")[0] not in OPEN_TO_MANY:
        fix = f"anybody on this machine can change what lies there: chmod o-w {path}"
        yield warn(NAME, f"{name}/ may be written by everybody", fix)
    elif not mode & stat.S_ISVTX:
        fix = f"anybody can take away the files of others: chmod +t {path}"
        yield warn(NAME, f"{name}/ may be written by everybody, without the sticky bit", fix)
