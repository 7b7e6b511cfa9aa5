"""What a stretch of a program costs: CPU, wall time, peak memory. Imports stay outside."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.memory import touch_memory

MB = 1_000_000
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds (user and system), wall seconds, and the peak of resident memory in MB."""

    cpu: float
    wall: float
    peak: float


@contextmanager
def region() -> Iterator[None]:
    """Print, as JSON, what the block has cost this process."""
    Path("/proc/self/clear_refs").write_text("5")
    wall, cpu = time.perf_counter(), _cpu()
    yield
    cost = Cost(_cpu() - cpu, time.perf_counter() - wall, _peak())
    sys.stdout.write(json.dumps(asdict(cost)) + "\n")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kilobytes) * 1024 / MB


def run_region(module: str, *arguments: object) -> Cost:
    """Run a module of the benchmark in a process of its own; return what its region has cost."""
    command = [sys.executable, "-m", f"tests.bench.{module}", *map(str, arguments)]
    touch_memory()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return Cost(**json.loads(done.stdout))
