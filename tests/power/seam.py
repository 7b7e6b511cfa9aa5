"""Between the spool and the system: every change of the disk passes here, is counted, and can be met."""

import builtins
import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from batchbox.storage.local import durable

Act = Callable[[], object]

NAMES = ("mkdir", "rmdir", "rename", "replace", "link", "symlink", "unlink", "remove", "chmod", "utime")
CONTENT = ("write", "pwrite", "truncate", "ftruncate", "posix_fallocate", "fsync", "fdatasync")
CHANGES = frozenset((*NAMES, *CONTENT))
CREATES = frozenset("wax+")
OWN_RENAME = "_renameat2"  # the one operation that does not go through `os`


class Seam:
    """Counts the operations that change the disk, and calls *meet* with the number of each before it."""

    def __init__(self, meet: Callable[[int], object]) -> None:
        self._meet = meet
        self.count = 0

    def tick(self) -> None:
        """Count one operation that is about to be done."""
        self.count += 1
        self._meet(self.count)

    def counted(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        """Return *operation*, counted."""

        def perform(*arguments: Any, **named: Any) -> Any:
            self.tick()
            return operation(*arguments, **named)

        return perform

    def open_file(self, file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        """Stand in for `open`: counted if it may change the disk."""
        if CREATES & set(mode):
            self.tick()
        return builtins.open(file, mode, *arguments, **named)

    def __getattr__(self, name: str) -> Any:
        """Stand in for the module `os`."""
        found = getattr(os, name)
        return self.counted(found) if name in CHANGES else found

    def renameat2(self, *arguments: Any) -> Any:
        """Stand in for the C library's function; its error number lies in ctypes, as ever."""
        self.tick()
        errno_before = ctypes.get_errno()
        code = REAL_RENAME(*arguments)
        if code == 0:
            ctypes.set_errno(errno_before)
        return code


REAL_RENAME: Callable[..., Any] = getattr(durable, OWN_RENAME)


@contextmanager
def placed(seam: Seam) -> Iterator[Seam]:
    """Put *seam* under every module of the spool for the length of the block."""
    modules = [
        module for name, module in sorted(sys.modules.items()) if name.startswith("batchbox.storage.local.")
    ]
    modules = [module for module in modules if getattr(module, "os", None) is os]
    for module in modules:
        setattr(module, "os", seam)  # noqa: B010  not every module has it, says the type checker
        setattr(module, "open", seam.open_file)  # noqa: B010
    setattr(durable, OWN_RENAME, seam.renameat2)
    try:
        yield seam
    finally:
        for module in modules:
            setattr(module, "os", os)  # noqa: B010
            delattr(module, "open")
        setattr(durable, OWN_RENAME, REAL_RENAME)
