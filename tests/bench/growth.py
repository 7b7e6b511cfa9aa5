"""Growth: what a file costs by its size, up to 2 GB in eight parts. Worse than linear is a defect."""

from math import log
from statistics import linear_regression

from tests.bench.data import write_requests
from tests.bench.figures import Curve, Figure, Findings, Scale
from tests.bench.region import MB, Cost
from tests.bench.transfers import lay_warm_up, running_box, running_sink

NAME = "growth"
COUNTS = (4_000, 12_000, 40_000, 120_000, 400_000, 800_000)
QUICK_COUNTS = (4_000, 12_000, 40_000, 120_000)
LARGE = 90.0  # MB: what is smaller shows the fixed cost rather than the growth
STEEPEST = 1.1
PEAKS = {"submit": 120, "results": 130}

Points = list[tuple[float, Cost]]


def measure(scale: Scale) -> Findings:
    """Send files of 10 MB to 2 GB and fetch their answers."""
    found: dict[str, Points] = {"submit": [], "results": []}
    parts = [_measure_one(scale, count, found) for count in (QUICK_COUNTS if scale.quick else COUNTS)]
    figures = [figure for what, points in found.items() for figure in _judge(what, points)]
    title = f"files of {found['submit'][0][0]:.0f} to {found['submit'][-1][0]:,.0f} MB in {parts[-1]} parts"
    return Findings(title=title, figures=figures, curves=_draw(found))


def _measure_one(scale: Scale, count: int, found: dict[str, Points]) -> int:
    """Send one file and fetch its answers; return in how many parts it went."""
    path = scale.folder / "growing.jsonl"
    write_requests(path, count)
    with running_sink(scale.folder / "sink") as sink:
        lay_warm_up(scale.folder, sink)
        with running_box(scale.folder, sink, keeps=True) as box:
            found["submit"].append((path.stat().st_size / MB, box.submit(path)))
            path.unlink()
            parts = len(list(sink.folder.glob("*.body")))
            size = sink.answer() / MB
            found["results"].append((size, box.collect()))
    return parts


def _judge(what: str, points: Points) -> list[Figure]:
    large = [(log(size), log(cost.cpu)) for size, cost in points if size > LARGE]
    steepness = linear_regression(*zip(*large, strict=True)).slope
    size, cost = points[-1]
    return [
        Figure(
            f"{what}: CPU grows with size to the power of",
            steepness,
            "",
            f"<= {STEEPEST}",
            steepness <= STEEPEST,
        ),
        Figure(
            f"{what}: peak memory at {size:,.0f} MB",
            cost.peak,
            "MB",
            f"< {PEAKS[what]}",
            cost.peak < PEAKS[what],
        ),
        Figure(f"{what}: CPU at {size:,.0f} MB", cost.cpu, "s"),
        Figure(f"{what}: wall time at {size:,.0f} MB", cost.wall, "s"),
    ]


def _draw(found: dict[str, Points]) -> list[Curve]:
    cpu = {what: [(size, cost.cpu) for size, cost in points] for what, points in found.items()}
    peak = {what: [(size, cost.peak) for size, cost in points] for what, points in found.items()}
    return [
        Curve("CPU by file size", "file size, MB", "CPU, s", cpu, log=True),
        Curve("Peak memory by file size", "file size, MB", "peak resident memory, MB", peak, log=True),
    ]
