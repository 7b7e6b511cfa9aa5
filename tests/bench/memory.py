"""Memory: what a virtual machine has not touched yet is dear.

A guest's page costs its host a fault at the first touch (10 microseconds here), and a host may take it back
once the guest leaves it free. The touch is charged to whoever comes first, as system time: 0.7 s for 300 MB
written into the page cache. Who pays is luck, so all of it is touched beforehand and given back, for every
subject alike.
"""

import subprocess
import sys
from pathlib import Path

GIGABYTE = 1 << 30
ENOUGH = 6  # GB: more than any stretch that is measured needs for its memory and its files


def touch_memory() -> None:
    """Touch free memory in a process of its own, which then ends: at most half of what is available."""
    size = min(ENOUGH * GIGABYTE, _available() // 2)
    subprocess.run([sys.executable, "-c", f"b'1' * {size}"], check=True)


def _available() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("MemAvailable"))
    return int(kilobytes) * 1024
