"""Tables of what the program can log and measure."""

from collections.abc import Iterator

from batchbox.telemetry.log_events import EVENTS
from batchbox.telemetry.metric_names import MEASURES


def list_events() -> Iterator[str]:
    """Yield the lines of the table of events."""
    yield from _head("event", "level", "keys", "what it says")
    for name, event in EVENTS.items():
        pauses = "" if event.repeats is None else ", with pauses"
        yield _row(f"`{name}`", " or ".join(event.levels) + pauses, ", ".join(event.keys), event.meaning)


def list_metrics() -> Iterator[str]:
    """Yield the lines of the table of metrics."""
    yield from _head("metric", "kind", "labels", "what it is")
    for name, measure in MEASURES.items():
        samples = ", ".join(f"`{one}`" for one in measure.samples(name))
        yield _row(samples, measure.kind, ", ".join(measure.labels), measure.meaning)


def _head(*names: str) -> Iterator[str]:
    yield _row(*names)
    yield _row(*("---" for _ in names))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
