"""The tables of docs/observe.md, of what the program knows; `python -m tests.service.tables` writes them."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from batchbox.service.events import EVENTS
from batchbox.service.measures import MEASURES

PAGE = Path(__file__).parents[2] / "docs" / "observe.md"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _events() -> str:
    rows = [
        (
            f"`{name}`",
            " or ".join(event.levels) + ("" if event.repeats is None else ", with pauses"),
            ", ".join(event.keys),
            event.meaning,
        )
        for name, event in EVENTS.items()
    ]
    return _table(("event", "level", "keys", "what it says"), rows)


def _metrics() -> str:
    rows = [
        (
            ", ".join(f"`{one}`" for one in measure.samples(name)),
            measure.kind,
            ", ".join(measure.labels),
            measure.meaning,
        )
        for name, measure in MEASURES.items()
    ]
    return _table(("metric", "kind", "labels", "what it is"), rows)


TABLES: dict[str, Callable[[], str]] = {"events": _events, "metrics": _metrics}


def fill(page: str) -> str:
    """Return *page* with its tables as they ought to be."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        table = f"{begin}\n{make()}\n{end}"
        page, count = pattern.subn(lambda _, table=table: table, page)  # type: ignore[misc]
        assert count == 1, f"{PAGE} has no place for the table of {name}"
    return page


if __name__ == "__main__":
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
