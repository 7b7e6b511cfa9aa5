"""The footprint: what this process takes of the machine, as the kernel tells each process of itself.

Nothing here needs more of /proc than a unit with ProcSubset=pid shows.
"""

import os
import resource
from contextlib import suppress
from pathlib import Path

STATM = Path("/proc/self/statm")  # in pages; the second number is what is resident (proc(5))


def measure_memory() -> int:
    """Return bytes that are resident; 0 where the kernel does not tell."""
    with suppress(OSError, ValueError, IndexError):
        return int(STATM.read_text().split()[1]) * resource.getpagesize()
    return 0


def measure_cpu() -> float:
    """Return seconds of CPU used so far, by us and by the system for us."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def count_open_files() -> int:
    """Return how many descriptors are open; 0 where the kernel does not tell."""
    with suppress(OSError):
        return len(os.listdir("/proc/self/fd"))
    return 0
