"""`status`: what is running, waiting and held, why, since when, and what to do."""

from datetime import datetime
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from batchbox.cli.options import JsonOption, SpoolOption, require_spool
from batchbox.cli.status.job_words import describe
from batchbox.cli.status.queue_table import count_queues
from batchbox.cli.status.render import SHOWN, count_waiting, find_trouble, name_held, write_overview
from batchbox.cli.status.retention_view import describe_kept
from batchbox.cli.text_layout import print_json, print_line
from batchbox.domain.timestamps import format_time
from batchbox.ports.clock import SystemClock
from batchbox.readmodel.survey import Survey, survey
from batchbox.storage.local.command_files import Note

PART_FACTS = {"number", "generation", "state", "requests", "attempt", "batch_id", "submitted_at", "doubt"}
PART_FACTS |= {"prepared_at", "doubted_at"}


CheckOption = Annotated[
    bool, typer.Option("--check", help="One line for a monitoring system; exits with 0, 1, 2 or 3.")
]


WatchOption = Annotated[bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C.")]


def status(
    spool: SpoolOption = None,
    as_json: JsonOption = False,
    check: CheckOption = False,
    watch: WatchOption = False,
) -> None:
    """Show waiting, running and held files, and why."""
    if check:
        from batchbox.cli.status.nagios import check_health  # noqa: PLC0415  for those who ask for it

        check_health(spool, as_json)
    if watch:
        from batchbox.cli.status import watch as screen  # noqa: PLC0415

        screen.watch(require_spool(spool))
        return
    found = survey(require_spool(spool), None if as_json else SHOWN)
    now = SystemClock().now()
    if as_json:
        print_json(_as_data(found, now))
        return
    for line in write_overview(found, now):
        print_line(line)


def _as_data(found: Survey, now: datetime) -> dict[str, Any]:
    return {
        "spool": str(found.root),
        "running": found.running,
        "sending": _dump(found.health.sending),
        "asking": _dump(found.health.asking),
        "crowded": _dump(found.health.crowded),
        "flags": [flag.name for flag in found.flags],
        "flags_since": [_dump_note(flag) for flag in found.flags],
        "commands": [
            _dump_note(asked.note) | {"problem": asked.problem, "fix": asked.fix} for asked in found.commands
        ],
        "waiting": [_dump(waiting) for waiting in found.waiting],
        "waiting_total": count_waiting(found),
        "queues": count_queues(found),
        "jobs": [
            {"job": job.job, "file": job.source.name, "queue": job.source.queue, "state": describe(job, now)}
            | {"taken_at": job.taken_at}
            | {"parts": [part.model_dump(mode="json", include=PART_FACTS) for part in job.parts]}
            | {"transfer": _dump(found.health.transfers.get(job.job))}
            | {"problem": find_trouble(found, job).problem or None}
            for job in found.jobs
        ],
        "held": [
            {"job": held.job, "file": name_held(held), "problem": held.problem, "fix": held.fix}
            | {"since": held.since}
            for held in found.held
        ],
        "spent": [_dump(one) for one in found.health.spent],
        **describe_kept(found, now),
        "finished": found.finished,
    }


def _dump(told: BaseModel | None) -> dict[str, Any] | None:
    return told.model_dump() if told else None


def _dump_note(note: Note) -> dict[str, Any]:
    return {"name": note.name, "since": format_time(note.since), "by": note.by}
