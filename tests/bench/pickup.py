"""How long a dropped file lies in the inbox before it is taken."""

import random
import shutil
import sys
from pathlib import Path
from statistics import median

from tests.bench.daemon import PROGRAM, Daemon, pause
from tests.bench.figures import Figure, Scale
from tests.bench.standin import FOREVER, one_line, standin

UNWATCHED = (sys.executable, "-m", "tests.bench.unwatched")
QUIET = 0.2  # seconds that a file has to lie unchanged in any case
DEADLINE = 60.0
PICKUP_NOTE = f"Times until a file is taken are without the {QUIET} s for which it has to lie unchanged."


def time_drop(daemon: Daemon, name: str) -> float:
    """Drop a small file; return the seconds until it was taken, less those it has to lie unchanged."""
    dropped = daemon.drop(f"{name}.jsonl", one_line(name))
    return float(daemon.wait("job.taken", DEADLINE, file=f"{name}.jsonl")["at"]) - dropped - QUIET


def measure_pickup(scale: Scale) -> list[Figure]:
    """Drop single files at random moments, with the watcher and by the scan alone."""
    drops = 20 if scale.quick else 50
    watched = _time_drops(scale.folder / "pickup", PROGRAM, drops)
    alone = _time_drops(scale.folder / "alone", UNWATCHED, drops)
    return [
        _tell("single drop taken: median", median(watched), 50, watched),
        _tell("single drop taken: slowest", max(watched), None, watched),
        _tell("the same without the watcher: median", median(alone), 1000, alone),
        _tell("the same without the watcher: slowest", max(alone), 1000, alone),
    ]


def _tell(what: str, seconds: float, goal: float | None, seen: list[float]) -> Figure:
    value, spread = seconds * 1000, (min(seen) * 1000, max(seen) * 1000)
    if goal is None:
        return Figure(what, value, "ms", spread=spread)
    return Figure(what, value, "ms", f"< {goal:.0f} ms", value < goal, spread)


def _time_drops(root: Path, program: tuple[str, ...], drops: int) -> list[float]:
    phases = random.Random(1)
    with standin(FOREVER) as box, Daemon(root, box.url, program) as daemon:
        seen = []
        for number in range(drops):
            pause(phases.uniform(0.2, 1.2))
            seen.append(time_drop(daemon, f"drop-{number}"))
    shutil.rmtree(root)
    return seen
