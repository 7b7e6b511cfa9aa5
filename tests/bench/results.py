"""Results: from the end of a batch until its answers lie there in the order of the requests."""

from tests.bench.data import write_requests, write_rows
from tests.bench.figures import Findings, Scale
from tests.bench.region import MB, Cost, run_region
from tests.bench.transfers import Goals, compare, lay_warm_up, running_box, running_sink, take_rounds

NAME = "results"
GOALS = Goals(ratio=10, peak=130)
PLAIN = "plain"  # the batch of those who send the ids as they are


def measure(scale: Scale) -> Findings:
    """Fetch 100,000 answers of 300 MB, which come in an order of their own."""
    path, count = scale.folder / "requests.jsonl", 25_000 if scale.quick else 100_000
    out = scale.folder / "answers.jsonl"
    write_requests(path, count)
    with running_sink(scale.folder / "sink") as sink:
        lay_warm_up(scale.folder, sink)
        rows = sink.folder / f"{PLAIN}.rows"
        write_rows(path, rows)

        def batchbox() -> Cost:
            with running_box(scale.folder, sink, keeps=True) as box:
                box.submit(path)
                sink.answer()
                cost = box.collect()
            sink.forget()
            return cost

        subjects = {
            "cookbook": lambda: run_region("cookbook", "results", sink.url, path, PLAIN, out),
            "batchbox": batchbox,
            "floor": lambda: run_region("floor", "results", sink.url, PLAIN, out),
        }
        size = rows.stat().st_size
        table = compare(take_rounds(scale.rounds, subjects), size, GOALS)
    path.unlink()
    out.unlink()
    return Findings(title=f"{count:,} rows, {size / MB:.0f} MB", rows=table)
