"""The findings as pictures: one SVG for each curve, and one for the transfers side by side."""

import re
from collections.abc import Mapping
from math import ceil, floor, log10
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from tests.bench.figures import Curve, Findings, Row

SUBJECTS = ("cookbook", "batchbox", "floor")
COLOURS = ("#b8b8b8", "#1f6feb", "#57a773", "#d1793f", "#8250df", "#9a6700")
BARS = dict(zip(SUBJECTS, COLOURS, strict=False))
STYLE = {
    "svg.hashsalt": "batchbox",  # the same figures give the same file
    "svg.fonttype": "none",
    "font.size": 10,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
}


def draw(out: Path, found: Mapping[str, Findings]) -> None:
    """Draw everything that can be drawn into the folder *out*."""
    with mpl.rc_context(STYLE):
        transfers = {name: findings for name, findings in found.items() if findings.rows}
        if transfers:
            _save(_draw_transfers(transfers), out / "transfers.svg")
        for findings in found.values():
            for curve in findings.curves:
                name = re.sub(r"[^a-z0-9]+", "-", curve.title.lower()).strip("-")
                _save(_draw_curve(curve), out / f"{name}.svg")


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")


def _draw_transfers(transfers: Mapping[str, Findings]) -> Figure:
    figure = Figure(figsize=(8, 0.4 + 1.5 * len(transfers)), layout="constrained")
    panels = figure.subplots(len(transfers), 1, squeeze=False)[:, 0]
    for axes, (name, findings) in zip(panels, transfers.items(), strict=True):
        axes.set_title(f"{name}: {findings.title}", fontsize=10)
        _draw_bars(axes, findings.rows[0])
    panels[-1].set_xlabel("CPU, s (less is better; each panel has a scale of its own)")
    return figure


def _draw_bars(axes: Axes, row: Row) -> None:
    values = [row.values[name] for name in SUBJECTS]
    bars = axes.barh(SUBJECTS, values, color=[BARS[name] for name in SUBJECTS])
    texts = [f"{value:.2f} s" for value in values]
    if row.ratio:
        texts[1] += f" (cookbook / batchbox = {row.ratio:.1f})"
    axes.bar_label(bars, texts, padding=4)
    axes.invert_yaxis()
    axes.set_xlim(0, max(values) * 1.45)
    axes.tick_params(axis="y", length=0)


def _draw_curve(curve: Curve) -> Figure:
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for (name, points), colour in zip(curve.lines.items(), COLOURS[1:], strict=False):
        xs, ys = zip(*points, strict=True)
        axes.plot(xs, ys, "o-" if len(points) < 40 else "-", color=colour, label=name, markersize=4)
    if curve.log:
        axes.set(xscale="log", yscale="log", ylim=_find_decades(curve))
    else:
        axes.set_ylim(bottom=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.set(title=curve.title, xlabel=curve.x, ylabel=curve.y)
    axes.grid(color="#e6e6e6")
    if len(curve.lines) > 1:
        axes.legend(frameon=False)
    return figure


def _find_decades(curve: Curve) -> tuple[float, float]:
    """Return whole powers of ten around all points, so that what is flat looks flat."""
    values = [log10(y) for points in curve.lines.values() for _, y in points]
    return 10.0 ** floor(min(values)), 10.0 ** ceil(max(values))
