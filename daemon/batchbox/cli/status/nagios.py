"""`status --check`: one line for a monitoring system, by the convention of its plug-ins.

0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; the worst first, what to do, then the figures
(https://www.monitoring-plugins.org/doc/guidelines.html).
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import IntEnum
from pathlib import Path

import typer

from batchbox.cli.options import require_spool
from batchbox.domain.errors import BAD_SETTINGS, BatchboxError, Stop, needs_person
from batchbox.ports.clock import SystemClock
from batchbox.readmodel.survey import Survey, survey

MINUTE, HOUR, DAY = 60, 3600, 86400
HEARTBEAT = (MINUTE, 5 * MINUTE)  # written every 15 s at the latest
OLDEST = (26 * HOUR, 27 * DAY)  # a batch ends within 24 h; its results are kept for 29 days
WAITING = 15 * MINUTE
SEE_STATUS = "batchbox status says why and what to do"
SEE_LOG = "see its log (journalctl -u batchbox -p err), then restart it"
READ_FIX = "let the one who checks read the spool"
MUCH = 300  # characters: more is cut off on a pager


class Severity(IntEnum):
    """How bad it is, as the exit code that says so."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """Something that is not as it should be."""

    severity: Severity
    problem: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class PerformanceFigure:
    """A number for the graphs, in its unit; above *warning* or *critical* it is bad."""

    name: str
    value: int
    unit: str = ""
    warning: int | None = None
    critical: int | None = None

    def judge(self, problem: str, fix: str) -> Iterator[CheckFinding]:
        """Yield *problem* if the number is bad."""
        if self.critical is not None and self.value > self.critical:
            yield CheckFinding(Severity.CRITICAL, problem, fix)
        elif self.warning is not None and self.value > self.warning:
            yield CheckFinding(Severity.WARNING, problem, fix)

    @property
    def spelled(self) -> str:
        """The number as performance data."""
        bounds = ["" if bound is None else str(bound) for bound in (self.warning, self.critical)]
        return f"{self.name}={self.value}{self.unit};{';'.join(bounds)};0"


def check_health(spool: Path | None, as_json: bool) -> None:
    """Print the line, and exit with its code."""
    findings, figures = _look(spool)
    worst = max((one.severity for one in findings), default=Severity.OK)
    if as_json:
        told = {"status": worst.name, "code": int(worst)}
        told |= {"problems": [asdict(one) | {"severity": one.severity.name} for one in findings]}
        typer.echo(json.dumps(told | {"figures": {one.name: one.value for one in figures}}, indent=2))
    else:
        typer.echo(_spell(worst, findings, figures))
    raise typer.Exit(worst)


def _look(spool: Path | None) -> tuple[list[CheckFinding], list[PerformanceFigure]]:
    try:
        found = survey(require_spool(spool), in_full=1)
        figures = _measure(found, SystemClock().now())
        findings = [*_judge_daemon(found, figures), *_judge_files(found, figures)]
    except (BatchboxError, OSError) as error:
        return [_explain(error, spool)], []
    except Exception as error:  # noqa: BLE001  a traceback's exit code would be taken for a warning
        problem = f"a bug in batchbox: {type(error).__name__}"
        return [CheckFinding(Severity.UNKNOWN, problem, "please report it")], []
    return sorted(findings, key=lambda one: -one.severity), list(figures.values())


def _explain(error: BatchboxError | OSError, spool: Path | None) -> CheckFinding:
    """Say why nothing can be seen; a spool that has gone is bad, one that is not for our eyes is unknown."""
    if isinstance(error, OSError) or isinstance(error.__context__, PermissionError):
        return CheckFinding(Severity.UNKNOWN, str(error), getattr(error, "fix", READ_FIX))
    if isinstance(error, Stop) and error.code == BAD_SETTINGS:
        return CheckFinding(Severity.UNKNOWN, error.problem, error.fix)
    if isinstance(error.__context__, FileNotFoundError):
        return CheckFinding(Severity.CRITICAL, error.problem, f"see whether the disk of {spool} is mounted")
    return CheckFinding(Severity.CRITICAL, error.problem, error.fix)


def _measure(found: Survey, now: datetime) -> dict[str, PerformanceFigure]:
    def age(moment: datetime | None) -> int:
        return max(0, int((now - moment).total_seconds())) if moment else 0

    taken_at = datetime.fromisoformat(found.jobs[0].taken_at) if found.jobs else None
    waiting = max(len(found.waiting), found.health.waiting_total)
    since = found.health.waiting_since if waiting else None
    figures = (
        PerformanceFigure("jobs", len(found.jobs) + len(found.others)),
        PerformanceFigure("oldest", age(taken_at), "s", *OLDEST),
        PerformanceFigure("waiting", waiting),
        PerformanceFigure("waiting_oldest", age(since), "s", WAITING),
        PerformanceFigure("held", len(found.held) + found.others_held, "", 0),
        PerformanceFigure("at_risk", len(found.health.deadlines), "", critical=0),
        PerformanceFigure("heartbeat", age(found.health.time), "s", *HEARTBEAT),
    )
    return {figure.name: figure for figure in figures}


def _judge_daemon(found: Survey, figures: dict[str, PerformanceFigure]) -> Iterator[CheckFinding]:
    health, heartbeat = found.health, figures["heartbeat"]
    if not found.running:
        fix = f"systemctl start batchbox, or batchbox run --spool {found.root}"
        yield CheckFinding(Severity.CRITICAL, "batchbox is not running", fix)
        return
    if health.time is None:
        yield CheckFinding(Severity.WARNING, "it runs, and has not said yet how it is", SEE_LOG)
    silence = f"its last word is {_spell_age(heartbeat.value)} old: it hangs, or cannot write to the spool"
    yield from heartbeat.judge(silence, SEE_LOG)
    for what, trouble in (("sending", health.sending), ("asking", health.asking)):
        if trouble:
            severity = Severity.CRITICAL if needs_person(trouble.fix) else Severity.WARNING
            yield CheckFinding(severity, f"{what} waits: {trouble.problem}", trouble.fix)
    for flag in health.flags:
        yield CheckFinding(Severity.WARNING, f"control/{flag} stands", "remove that file to go on")


def _judge_files(found: Survey, figures: dict[str, PerformanceFigure]) -> Iterator[CheckFinding]:
    held, oldest, waiting = figures["held"], figures["oldest"], figures["waiting_oldest"]
    yield from held.judge(f"{held.value} held for a person", SEE_STATUS)
    at_risk = figures["at_risk"]
    files = "1 file" if at_risk.value == 1 else f"{at_risk.value:,} files"
    yield from at_risk.judge(f"answers of {files} will be deleted soon by the API", SEE_STATUS)
    yield from oldest.judge(f"the oldest file is under way for {_spell_age(oldest.value)}", SEE_STATUS)
    if found.health.flags:
        return
    first = found.waiting[0] if found.waiting else None
    why = f" ({first.file} {first.problem})" if first else ""
    fix = first.fix if first and first.fix else SEE_STATUS
    problem = f"the inbox holds a file for {_spell_age(waiting.value)} that is not taken{why}"
    yield from waiting.judge(problem, fix)


def _spell_age(seconds: int) -> str:
    if seconds < 2 * MINUTE:
        return f"{seconds} s"
    return f"{seconds // MINUTE} min" if seconds < 2 * HOUR else f"{seconds // HOUR} h"


def _spell(worst: Severity, findings: list[CheckFinding], figures: list[PerformanceFigure]) -> str:
    """Return the line; in the text, no sign that ends it or begins the figures."""
    told = [f"{one.problem} -> {one.fix}" if one.fix else one.problem for one in findings]
    counts = ", ".join(f"{one.value} {one.name}" for one in figures if not one.unit)
    text = "; ".join(told) or f"running, {counts}"
    plain = "".join(char if char.isprintable() and char != "|" else " " for char in text)
    short = plain if len(plain) <= MUCH else plain[: MUCH - 1] + "…"
    data = " ".join(one.spelled for one in figures)
    return f"{worst.name} - {short}" + (f" | {data}" if data else "")
