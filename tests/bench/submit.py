"""Submit: from the drop of a file until the API has accepted it."""

from pathlib import Path

from tests.bench.data import write_images, write_requests
from tests.bench.figures import Findings, Scale
from tests.bench.region import MB, Cost, run_region
from tests.bench.transfers import Goals, compare, lay_warm_up, running_box, running_sink, take_rounds

NAME = "submit"
GOALS = Goals(ratio=12, peak=120)
IMAGE_GOALS = Goals(ratio=3, peak=120)


def measure(scale: Scale) -> Findings:
    """Send 100,000 requests of 249 MB."""
    path, count = scale.folder / "requests.jsonl", 25_000 if scale.quick else 100_000
    write_requests(path, count)
    return _send(scale, path, f"{count:,} requests", GOALS)


def measure_images(scale: Scale) -> Findings:
    """Send 200 requests with an image of 1 MB each."""
    path, count = scale.folder / "images.jsonl", 50 if scale.quick else 200
    write_images(path, count)
    return _send(scale, path, f"{count:,} requests with an image each", IMAGE_GOALS)


def _send(scale: Scale, path: Path, what: str, goals: Goals) -> Findings:
    size = path.stat().st_size
    with running_sink(scale.folder / "sink") as sink:
        lay_warm_up(scale.folder, sink)

        def batchbox() -> Cost:
            with running_box(scale.folder, sink) as box:
                return box.submit(path)

        subjects = {
            "cookbook": lambda: run_region("cookbook", "submit", sink.url, path),
            "batchbox": batchbox,
            "floor": lambda: run_region("floor", "submit", sink.url, path),
        }
        rows = compare(take_rounds(scale.rounds, subjects), size, goals)
    path.unlink()
    return Findings(title=f"{what}, {size / MB:.0f} MB", rows=rows)
