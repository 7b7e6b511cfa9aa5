"""The findings as a table of 80 columns, and as JSON."""

import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from textwrap import wrap

from tests.bench.figures import Figure, Findings, Row

WIDTH = 80
SUBJECTS = ("cookbook", "batchbox", "floor")
PACKAGES = ("anthropic", "httpx2", "msgspec")


def write_table(name: str, findings: Findings) -> Iterator[str]:
    """Yield the lines that tell *findings*."""
    yield f"{f'{name.upper()}: {findings.title} '.replace(':  ', ' '):-<{WIDTH}}"
    if findings.rows:
        heads = "".join(f"{subject:>9}" for subject in SUBJECTS)
        yield f"{'':20}{heads}  {'ratio (rounds)':<18}goal"
        yield from map(_write_row, findings.rows)
    yield from map(_write_figure, findings.figures)
    for note in findings.notes:
        yield from wrap(note, WIDTH, initial_indent="  ", subsequent_indent="  ")
    yield ""


def _write_row(row: Row) -> str:
    what = f"{row.what}, {row.unit}" if row.unit else row.what
    values = "".join(f"{_spell(row.values[name]) if name in row.values else '':>9}" for name in SUBJECTS)
    ratio = "" if row.ratio is None else f"{_spell(row.ratio)}{_spell_spread(row.spread)}"
    return f"{what:<20}{values}  {ratio:<18}{_judge(row.goal, row.met)}".rstrip()


def _write_figure(figure: Figure) -> str:
    value = f"{_spell(figure.value)} {figure.unit}".rstrip() + _spell_spread(figure.spread)
    return f"{figure.what:<43}  {value:<20}{_judge(figure.goal, figure.met)}".rstrip()


def _judge(goal: str, met: bool | None) -> str:
    return goal + {True: " met", False: " MISSED", None: ""}[met]


def _spell_spread(spread: tuple[float, float] | None) -> str:
    return f" ({_spell(spread[0])}-{_spell(spread[1])})" if spread else ""


def _spell(value: float) -> str:
    """Return *value* with three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def write_figures(path: Path, found: Mapping[str, Findings]) -> None:
    """Write everything as JSON, with what it was measured on."""
    host = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }
    content = {"host": host, "found": {name: asdict(findings) for name, findings in found.items()}}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
