"""Privacy: what is in the process's memory, the key among it, stays there."""

import ctypes
import resource
from contextlib import suppress

PR_SET_DUMPABLE = 4  # prctl(2)


def forbid_dumps() -> None:
    """Leave no core when the process dies: a limit of 0, and nothing for a collector that ignores limits."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = getattr(ctypes.CDLL(None), "prctl", None)  # Linux only
    if prctl:
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
