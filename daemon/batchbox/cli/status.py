"""`status`: what is running, waiting and held, why, since when, and what to do."""

import json
import textwrap
from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from batchbox.cli.kept import describe_kept, tell_archives, tell_deadlines
from batchbox.cli.options import JsonOption, SpoolOption, require_spool
from batchbox.cli.page import WIDTH, tell
from batchbox.clock import SystemClock
from batchbox.core.condition import DOING, name_stage
from batchbox.core.manifest import Manifest, Part
from batchbox.core.states import JobState, PartState
from batchbox.spool.health import Progress, Trouble
from batchbox.spool.survey import Glance, HeldJob, Survey, survey

MINUTE, HOUR = 60, 3600
MEGA = 1e6
NAME_WIDTH = 28
SHOWN = 20


CheckOption = Annotated[
    bool, typer.Option("--check", help="One line for a monitoring system; exits with 0, 1, 2 or 3.")
]


def status(spool: SpoolOption = None, as_json: JsonOption = False, check: CheckOption = False) -> None:
    """Tell what waits, runs and is held, and why."""
    if check:
        from batchbox.cli.health_check import check_health  # noqa: PLC0415  for those who ask for it

        check_health(spool, as_json)
    found = survey(require_spool(spool), None if as_json else SHOWN)
    now = SystemClock().now()
    if as_json:
        typer.echo(json.dumps(_as_data(found, now), indent=2, ensure_ascii=False))
        return
    _tell_daemon(found, now)
    _tell_inbox(found)
    _tell_jobs(found, now)
    _tell_held(found)
    tell_deadlines(found, now)
    typer.echo(f"Finished: {found.finished:,}, in done/; their answers are in outbox/")
    tell_archives(found)


def _as_data(found: Survey, now: datetime) -> dict[str, Any]:
    return {
        "spool": str(found.root),
        "running": found.running,
        "sending": _dump(found.health.sending),
        "asking": _dump(found.health.asking),
        "flags": found.health.flags,
        "waiting": [_dump(waiting) for waiting in found.waiting],
        "waiting_total": _waiting_total(found),
        "jobs": [
            {"job": job.job, "file": job.source.name, "queue": job.source.queue, "state": _doing(job, now)}
            | {"parts": [part.model_dump(mode="json", include=PART_FACTS) for part in job.parts]}
            | {"transfer": _dump(found.health.transfers.get(job.job))}
            | {"problem": _trouble(found, job).problem or None}
            for job in found.jobs
        ],
        "held": [
            {"job": held.job, "file": _file(held), "problem": held.problem, "fix": held.fix}
            for held in found.held
        ],
        **describe_kept(found, now),
        "finished": found.finished,
    }


def _dump(told: BaseModel | None) -> dict[str, Any] | None:
    return told.model_dump() if told else None


PART_FACTS = {"number", "generation", "state", "requests", "attempt", "batch_id", "submitted_at", "doubt"}


def _tell_daemon(found: Survey, now: datetime) -> None:
    health = found.health
    if not found.running:
        typer.echo(f"{found.root}: batchbox is not running")
        typer.echo(f"  start it: batchbox run --spool {found.root}")
    else:
        typer.echo(f"{found.root}: running (pid {health.pid or '?'}, {_ago(health.time, now)})")
        for flag in health.flags:
            meaning = FLAG_MEANS.get(flag, "batchbox status does not know it")
            typer.echo(f"  control/{flag} stands: {meaning}; remove that file to go on")
        for what, trouble in (("sending", health.sending), ("asking", health.asking)):
            if trouble:
                tell(f"{what} waits: {trouble.problem}")
                tell(trouble.fix)
    typer.echo("")


FLAG_MEANS = {"PAUSE": "nothing is taken or sent", "DRAIN": "nothing new is taken"}


def _tell_inbox(found: Survey) -> None:
    total = _waiting_total(found)
    if not total:
        return
    typer.echo(f"Waiting in the inbox: {total:,}")
    for waiting in found.waiting[:SHOWN]:
        queue = "" if waiting.queue == "default" else f"{waiting.queue}/"
        _tell_row(f"{queue}{waiting.file}", waiting.problem, waiting.fix)
    _tell_rest(total, min(SHOWN, len(found.waiting)))


def _waiting_total(found: Survey) -> int:
    return max(len(found.waiting), found.health.waiting_total)


def _tell_rest(total: int, shown: int = SHOWN) -> None:
    if total > shown:
        typer.echo(f"  and {total - shown:,} more" if shown else "  they are about to be taken")
    typer.echo("")


def _tell_row(name: str, *texts: str) -> None:
    short = name if len(name) <= NAME_WIDTH else name[: NAME_WIDTH - 1] + "…"
    lead = f"  {short:<{NAME_WIDTH}}  "
    for text in filter(None, texts):
        for line in _wrap(text, WIDTH - len(lead)):
            typer.echo(lead + line)
            lead = " " * len(lead)


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width) or [""]


def _tell_jobs(found: Survey, now: datetime) -> None:
    everyone: list[Manifest | Glance] = [*found.jobs, *found.others]
    if not everyone:
        return
    typer.echo(f"Under way: {len(everyone):,}")
    if len(everyone) > SHOWN:
        stages = Counter(name_stage(job.state, (part.state for part in job.parts)) for job in everyone)
        tell(", ".join(f"{count:,} {stage}" for stage, count in stages.most_common()))
    for job in found.jobs[:SHOWN]:
        trouble = _trouble(found, job)
        progress = _tell_progress(found.health.transfers.get(job.job))
        _tell_row(job.source.name, _doing(job, now), progress, trouble.problem, trouble.fix)
    _tell_rest(len(everyone))


def _trouble(found: Survey, job: Manifest) -> Trouble:
    return found.health.jobs.get(job.job) or Trouble(problem="")


def _tell_progress(transfer: Progress | None) -> str:
    if not transfer:
        return ""
    of_all = f" of {transfer.total / MEGA:,.1f}" if transfer.total else ""
    what = " ".join(filter(None, (transfer.doing, transfer.part)))
    return f"{what}: {transfer.bytes / MEGA:,.1f}{of_all} MB, {transfer.rate / MEGA:,.1f} MB/s"


def _tell_held(found: Survey) -> None:
    total = len(found.held) + found.others_held
    if not total:
        return
    typer.echo(f"Held for a person: {total:,}")
    for one in found.held[:SHOWN]:
        typer.echo(f"  {_file(one)}  (hold/{one.job})")
        tell(one.problem, "    ")
        tell(one.fix, "    ")
    _tell_rest(total)


def _file(held: HeldJob) -> str:
    return held.manifest.source.name if held.manifest else held.job


def _doing(job: Manifest, now: datetime) -> str:
    if job.state is not JobState.RUNNING:
        return DOING[job.state]
    lead = "being canceled: " if job.cancel_asked_at else ""
    counts: dict[str, int] = {}
    for part in job.parts:
        counts[_part_doing(part, now)] = counts.get(_part_doing(part, now), 0) + 1
    return lead + "; ".join(
        text if len(job.parts) == 1 else f"{count} {text}" for text, count in counts.items()
    )


def _part_doing(part: Part, now: datetime) -> str:
    match part.state:
        case PartState.READY:
            return "ready to be sent"
        case PartState.PREPARED | PartState.COMMITTED:
            return "being sent"
        case PartState.IN_DOUBT:
            return f"sent, in doubt ({part.doubt}): being looked for"
        case PartState.CANDIDATES:
            return "in doubt: waits until a batch that may be it has ended"
        case PartState.SUBMITTED:
            return f"waiting for its batch, sent {_ago(_moment(part.submitted_at), now)}"
        case PartState.COLLECTED:
            return "fetched"
        case PartState.REFUSED:
            return "refused by the API"
        case PartState.CANCELED:
            return "canceled"
        case _:
            return "waits for a person"


def _moment(stamp: str | None) -> datetime | None:
    return datetime.fromisoformat(stamp) if stamp else None


def _ago(moment: datetime | None, now: datetime) -> str:
    if not moment:
        return "at an unknown time"
    seconds = int((now - moment.astimezone(UTC)).total_seconds())
    if seconds < 2 * MINUTE:
        return f"{max(seconds, 0)} s ago"
    return f"{seconds // MINUTE} min ago" if seconds < 2 * HOUR else f"{seconds // HOUR} h ago"
