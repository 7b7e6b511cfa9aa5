"""What stands between the spool and the operating system: it counts, and lets any operation go wrong.

Every module of `batchbox.storage.local` is given another `os`, `open` and `fcntl`. A killed process is really
dead: nothing it still tries is done, as nothing runs after SIGKILL, and its descriptors are closed.
"""

import ctypes
import errno
import fcntl
import importlib
import io
import os
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import pytest

import batchbox.storage.local
from batchbox.storage.local import durable
from tests.support.engine import Killed
from tests.support.mishaps import CALL, CHANGES, Mishap, Operation

T = TypeVar("T")

NAMES = {  # of operations on names, as `os` has them, and their kinds
    "mkdir": "mkdir",
    "rename": "rename",
    "replace": "rename",
    "link": "link",
    "unlink": "unlink",
    "remove": "unlink",
    "rmdir": "rmdir",
    "chmod": "chmod",
    "truncate": "write",
    "utime": "chmod",
    "posix_fallocate": "write",
    "write": "write",
    "pread": "read",
    "read": "read",
    "stat": "stat",
    "lstat": "stat",
    "fstat": "stat",
    "statvfs": "stat",
    "access": "stat",
    "readlink": "stat",
    "scandir": "scan",
    "listdir": "scan",
}
QUESTIONS = ("exists", "lexists", "isdir", "isfile", "islink")  # `os.path` answers no to any error


class File(io.FileIO):
    """A file whose every read, write and close is counted."""

    def __init__(self, disk: "Disk", file: Any, mode: str) -> None:
        super().__init__(file, mode)
        self._disk = disk
        self._written = "r" not in mode
        disk.files.add(self)

    def _dealloc_warn(self, source: object) -> None:
        """Be silent about what a dead process left open; what a living one forgot is told."""
        if not self._disk.dead:
            super()._dealloc_warn(source)  # type: ignore[misc]

    def read(self, size: int | None = -1) -> bytes:
        read = super().read
        return self._disk.perform("read", str(self.name), lambda: read(-1 if size is None else size) or b"")

    def readall(self) -> bytes:
        read = super().readall
        return self._disk.perform("read", str(self.name), lambda: read() or b"")

    def readinto(self, buffer: Any) -> int:
        read = super().readinto
        return self._disk.perform("read", str(self.name), lambda: read(buffer) or 0)

    def write(self, data: Any) -> int:
        write = super().write
        half = bytes(data)[: len(data) // 2]
        return self._disk.perform("write", str(self.name), lambda: write(data), lambda: write(half))

    def close(self) -> None:
        if self.closed or self not in self._disk.files:
            return super().close()
        kind = "finish" if self._written else "close"
        try:
            return self._disk.perform(kind, str(self.name), self.bury)
        except OSError:
            self.bury()  # a close that fails has closed (close(2))
            raise

    def bury(self) -> None:
        """Close it as the kernel does: nothing is flushed."""
        self._disk.files.discard(self)
        super().close()


class Disk:
    """Counts what is asked of it while it is *armed*, and asks *mishap* each time what goes wrong."""

    def __init__(self) -> None:
        self.files: set[File] = set()
        self.descriptors: set[int] = set()
        self.watch: Callable[[], None] = lambda: None
        self.arm(Mishap())
        self.armed = False

    def arm(self, mishap: Mishap) -> None:
        """Begin to count, with *mishap* ahead."""
        self.mishap = mishap
        self.trace: list[Operation] = []
        self.dead = False
        self.armed = True

    def perform(self, kind: str, what: str, act: Callable[[], T], half: Callable[[], T] | None = None) -> T:
        """Do one thing, unless something goes wrong before it, in it or after it."""
        if not self.armed:
            return act()
        if self.dead:
            raise Killed
        operation = Operation(len(self.trace), kind, what)
        self.trace.append(operation)
        try:
            self.mishap.before(operation)
            try:
                result = half() if half and self.mishap.halves(operation) else act()
            finally:
                self.mishap.after(operation)  # also where it failed by itself: the name was there already
        except Killed:
            self.dead = True
            raise
        finally:
            if kind in CHANGES and "/outbox/" in what:
                self.watch()
        return result

    def bury(self) -> None:
        """Close what the dead process had open; what comes next is another process."""
        for file in list(self.files):
            file.bury()
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.files, self.descriptors, self.dead = set(), set(), False

    def open(self, file: Any, mode: str = "r", buffering: int = -1, **more: Any) -> Any:
        """Do what the built-in one does."""
        reads = "r" in mode and "+" not in mode
        kind = "open" if reads else "create"
        raw = self.perform(kind, str(file), lambda: File(self, file, mode.replace("b", "").replace("t", "")))
        self.descriptors.discard(raw.fileno())
        if buffering == 0:
            return raw
        size = io.DEFAULT_BUFFER_SIZE if buffering < 0 else buffering
        whole: Any = io.BufferedReader(raw, size) if reads else io.BufferedWriter(raw, size)
        return cast("BinaryIO", whole) if "b" in mode else io.TextIOWrapper(whole, **more)

    def open_descriptor(self, path: Any, flags: int, *more: Any, **named: Any) -> int:
        """Do what `os.open` does."""

        def open_it() -> int:
            descriptor = os.open(path, flags, *more, **named)
            self.descriptors.add(descriptor)
            return descriptor

        kind = "create" if flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR) else "open"
        return self.perform(kind, _name((path,)), open_it)

    def close_descriptor(self, descriptor: int) -> None:
        """Do what `os.close` does."""

        def close() -> None:
            self.descriptors.discard(descriptor)
            os.close(descriptor)

        self.perform("close", str(descriptor), close)

    def counted(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return *function*, counted."""

        def performed(*arguments: Any, **named: Any) -> Any:
            return self.perform(kind, _name(arguments), lambda: function(*arguments, **named))

        return performed

    def asked(self, function: Callable[..., bool]) -> Callable[..., bool]:
        """Return a question of `os.path`, counted; like the real one it says no to any error."""
        ask = self.counted("stat", function)

        def answered(*arguments: Any) -> bool:
            try:
                return bool(ask(*arguments))
            except OSError:
                return False

        return answered

    def renameat2(self, *arguments: Any) -> int:
        """Do what the C function does, which reports its errors in a way of its own."""
        real = cast("Callable[..., int]", _renameat2)
        try:
            return self.perform("rename", os.fsdecode(arguments[3]), lambda: real(*arguments))
        except OSError as error:
            ctypes.set_errno(error.errno or errno.EIO)
            return -1


_renameat2 = durable._renameat2


class _Instead:
    """A module with some of its names replaced."""

    def __init__(self, module: object, **names: object) -> None:
        self._module = module
        self.__dict__.update(names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _name(arguments: tuple[Any, ...]) -> str:
    names = [os.fsdecode(one) for one in arguments if isinstance(one, str | bytes | Path)]
    return names[-1] if names else ""


def stand_between(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every module of the spool speak to *disk* in the place of the operating system."""
    path = _Instead(os.path, **{name: disk.asked(getattr(os.path, name)) for name in QUESTIONS})
    names: dict[str, object] = {name: disk.counted(kind, getattr(os, name)) for name, kind in NAMES.items()}
    sync = disk.counted("sync", lambda _: None)  # what is lost is the process, not the power
    more: dict[str, object] = {"fsync": sync, "fdatasync": sync}
    more |= {"open": disk.open_descriptor, "close": disk.close_descriptor}
    system = _Instead(os, path=path, **names | more)
    locks = {name: disk.counted("lock", getattr(fcntl, name)) for name in ("flock", "fcntl")}
    for found in pkgutil.iter_modules(batchbox.storage.local.__path__, "batchbox.storage.local."):
        module = importlib.import_module(found.name)
        monkeypatch.setattr(module, "open", disk.open, raising=False)
        if hasattr(module, "os"):
            monkeypatch.setattr(module, "os", system)
        if hasattr(module, "fcntl"):
            monkeypatch.setattr(module, "fcntl", _Instead(fcntl, **locks))
    monkeypatch.setattr(durable, "_renameat2", disk.renameat2)


class CountedApi:
    """The API; before and after each of its calls the process may end."""

    def __init__(self, real: Any, disk: Disk, told: Callable[[str], None]) -> None:
        self._real = real
        self._disk = disk
        self._told = told

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._real, name)
        if name in ("price", "tiers"):
            return call

        def performed(*arguments: Any, **named: Any) -> Any:
            try:
                return self._disk.perform(CALL, name, lambda: call(*arguments, **named))
            finally:
                if not self._disk.dead:
                    self._told(name)

        return performed
