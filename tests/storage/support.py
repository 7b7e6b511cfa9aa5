"""Children that may die, lose their rights or mount; manifests to keep; looks at a folder."""

import ctypes
import json
import os
import resource
import signal
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batchbox.domain.job import Manifest
from batchbox.domain.output_names import show, stem_of
from batchbox.domain.records import Owner, SourceFile
from batchbox.domain.stability import InboxFile
from batchbox.storage.local.local_spool import LocalSpool
from tests.support.daemon import wait_for

NOBODY = 65534
IS_ROOT = os.geteuid() == 0
CRASHED = 86
DEADLINE = 20.0
UNLIMITED = resource.RLIM_INFINITY

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_RDONLY = 1
MS_REMOUNT = 32
MS_PRIVATE_EVERYWHERE = 0x4000 | 0x40000
DENIED = "this system allows no mounts of one's own: "

JOB = "20260102T030405Z-0123456789ab"
LATER_JOB = "20260102T030406Z-0123456789ab"
CONTENT = b'{"custom_id": "a"}\n'

libc = ctypes.CDLL(None, use_errno=True)


def fork(work: Callable[[], object]) -> int:
    """Run *work* in a child of its own; its exit code is 0 when *work* returns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a worker of the test runner has threads
        child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001  a child must never go on as a second test runner
        traceback.print_exc()
    finally:
        os._exit(code)


def reap(child: int, seconds: float = DEADLINE) -> int:
    """Return the exit code of *child*; kill it and fail if it does not end in time."""

    def ended() -> tuple[int, int] | None:
        found, status = os.waitpid(child, os.WNOHANG)
        return (found, status) if found else None

    try:
        _, status = wait_for(ended, "the end of a child", seconds)
    except AssertionError:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    return os.waitstatus_to_exitcode(status)


def in_child(work: Callable[[], Any], seconds: float = DEADLINE) -> Any:
    """Return what *work* returned in a child, or `[name of the exception, its text]`; JSON only."""
    with tempfile.TemporaryFile() as sink:

        def answer() -> None:
            try:
                found = {"value": work()}
            except Exception as error:  # noqa: BLE001  the parent is to hear of it
                found = {"error": [type(error).__name__, str(error), getattr(error, "fix", "")]}
            resource.setrlimit(resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))
            sink.write(json.dumps(found).encode())
            sink.flush()

        code = reap(fork(answer), seconds)
        sink.seek(0)
        data = sink.read()
    assert code == 0, f"the child ended with {code}"
    answered = json.loads(data)
    return answered["error"] if "error" in answered else answered["value"]


def limit_files(size: int) -> None:
    """Let every write beyond *size* bytes into a file fail, until the child answers."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, UNLIMITED))


def without_rights(work: Callable[[], Any]) -> Any:
    """As `in_child`, as a user whom permissions bind: root becomes nobody, others are bound already."""

    def bound() -> Any:
        if IS_ROOT:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        return work()

    return in_child(bound)


def with_mounts(work: Callable[[], Any]) -> Any:
    """As `in_child`, where mounts are allowed and end with the child; skip the test where they are not."""

    def apart() -> Any:
        user, group = os.getuid(), os.getgid()
        if libc.unshare(CLONE_NEWNS if IS_ROOT else CLONE_NEWNS | CLONE_NEWUSER):
            return {"denied": os.strerror(ctypes.get_errno())}
        if not IS_ROOT:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        if libc.mount(None, b"/", None, MS_PRIVATE_EVERYWHERE, None):
            return {"denied": os.strerror(ctypes.get_errno())}
        return {"value": work()}

    found = in_child(apart)
    if isinstance(found, dict) and "denied" in found:
        pytest.skip(DENIED + found["denied"])
    return found["value"] if isinstance(found, dict) else found


def mount_memory(target: Path, size: str = "1m", flags: int = 0) -> None:
    """Mount an empty file system of *size* on *target*, or mount it anew with *flags*."""
    if libc.mount(b"tmpfs", os.fsencode(target), b"tmpfs", flags, f"size={size}".encode()):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def make_manifest(job: str = JOB, name: bytes = b"x.jsonl", queue: str = "default", **facts: Any) -> Manifest:
    """Return the manifest of a job that has just been taken, with *facts* beyond that."""
    source = SourceFile(name=show(name), name_b64="", queue=queue, size=0, inode=0, mtime_ns=0)
    known: dict[str, Any] = {"spool_id": "here", "epoch": 1, "job": job, "source": source}
    known |= {"owner": Owner(host="h", boot_id="b", pid=1), "stem": stem_of(name), "taken_at": "now"}
    return Manifest(**(known | facts))


def put(root: Path, name: bytes = b"x.jsonl", content: bytes = CONTENT, queue: str = "") -> Path:
    """Put a file into the inbox."""
    folder = root / "inbox" / queue
    folder.mkdir(exist_ok=True)
    path = folder / os.fsdecode(name)
    path.write_bytes(content)
    return path


def find(spool: LocalSpool, name: bytes = b"x.jsonl") -> InboxFile:
    """Return what a scan says of *name*."""
    return next(incoming for incoming in spool.scan() if incoming.name == name)


def take(spool: LocalSpool, job: str = JOB, name: bytes = b"x.jsonl", **facts: Any) -> Manifest:
    """Put a file into the inbox and take it; return its manifest."""
    put(spool.layout.root, name)
    stored = spool.take(find(spool, name), make_manifest(job, name, **facts))
    assert stored is not None
    return stored.manifest


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file under *folder* with its content."""
    paths = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.is_file()}


def names(folder: Path) -> list[str]:
    """Return the names in *folder*."""
    return sorted(os.listdir(folder))
