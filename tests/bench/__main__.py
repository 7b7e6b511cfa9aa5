"""The benchmark: `python -m tests.bench`, at the root of the checkout."""

import argparse
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from tests.bench.figures import Findings, Scale
from tests.bench.report import write_figures, write_table

NAMES = ("submit", "results", "images", "growth", "arrivals", "idle", "batches", "startup", "stalls")
ROUNDS = 5
QUICK_ROUNDS = 3
SCRATCH = "/var/tmp"  # on a disk, where /tmp may be memory


def main() -> None:
    """Measure what is asked for, and tell."""
    asked = _read_arguments()
    rounds = min(asked.rounds, QUICK_ROUNDS) if asked.quick else asked.rounds
    found = {}
    for name in asked.names or NAMES:
        found[name] = _measure(name, rounds, asked.quick, asked.folder)
        sys.stdout.write("\n".join(write_table(name, found[name])) + "\n")
        sys.stdout.flush()
    if asked.out:
        _write(asked.out, found)


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all if none is named"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is done (%(default)s)")
    parser.add_argument("--quick", action="store_true", help=f"smaller, and {QUICK_ROUNDS} rounds at most")
    parser.add_argument("--out", type=Path, metavar="DIR", help="put figures (JSON) and plots (SVG) there")
    parser.add_argument("--folder", default=SCRATCH, help="where to work; needs 16 GB (%(default)s)")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(NAMES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(NAMES)}")
    return asked


def _measure(name: str, rounds: int, quick: bool, folder: str) -> Findings:
    with tempfile.TemporaryDirectory(prefix="batchbox-bench-", dir=folder) as scratch:
        found: Findings = import_module(f"tests.bench.{name}").measure(Scale(rounds, quick, Path(scratch)))
        return found


def _write(out: Path, found: dict[str, Findings]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    write_figures(out / "figures.json", found)
    try:
        plots = import_module("tests.bench.plots")
    except ModuleNotFoundError as error:
        sys.stderr.write(f"no plots: {error.name} is missing; pip install '.[bench]'\n")
        return
    plots.draw(out, found)


if __name__ == "__main__":
    main()
