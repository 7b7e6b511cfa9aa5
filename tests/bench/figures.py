"""What a measurement is given, and what it gives back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Scale:
    """How much to measure: *quick* means smaller sizes; *folder* is a scratch folder on a real disk."""

    rounds: int
    quick: bool
    folder: Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its *unit*, the *goal* in words, whether it is *met*, and the least and most seen."""

    what: str
    value: float
    unit: str
    goal: str = ""
    met: bool | None = None
    spread: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a comparison: the medians by subject, and the median of the ratios of each round."""

    what: str
    unit: str
    values: Mapping[str, float]
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    goal: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """Lines to be drawn: *x* and *y* name the axes with their units, *lines* has points by name."""

    title: str
    x: str
    y: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    log: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """What one measurement found; *title* says of what."""

    figures: Sequence[Figure] = ()
    curves: Sequence[Curve] = ()
    notes: Sequence[str] = ()
    rows: Sequence[Row] = ()
    title: str = ""


Measure = Callable[[Scale], Findings]
