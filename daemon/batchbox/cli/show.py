"""`show`: the whole story of one file."""

from pathlib import Path
from typing import Annotated

import typer

from batchbox.cli.options import JsonOption, SpoolOption, require_spool
from batchbox.cli.page import tell
from batchbox.core.errors import BAD_SETTINGS, Stop
from batchbox.core.manifest import Manifest, Part
from batchbox.spool.survey import explain_hold, find_jobs

STAMP = len("2026-01-02T03:04:05Z")
OTHERS = 3  # older jobs of the same name that are mentioned


def show(
    job: Annotated[str, typer.Argument(help="A file's name, or a job's id or its beginning.")],
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell the whole story of one file."""
    root = require_spool(spool)
    found = find_jobs(root, job)
    if not found:
        raise Stop(f'no job is called "{job}"', "batchbox status lists what is under way", code=BAD_SETTINGS)
    place, manifest = found[0]
    if as_json:
        typer.echo(manifest.model_dump_json(indent=2, by_alias=True))
        return
    _tell(root, place, manifest)
    if len(found) > 1:
        others = ", ".join(other.job for _, other in found[1 : OTHERS + 1])
        more = ", …" if len(found) > OTHERS + 1 else ""
        typer.echo("")
        tell(f"{len(found) - 1} older of that name: {others}{more}", "")


def _tell(root: Path, place: str, job: Manifest) -> None:
    typer.echo(f"{job.source.name}  (queue {job.source.queue})")
    typer.echo(f"job {job.job}, in {place}/, {job.status or job.state}\n")
    _tell_step(job.taken_at, f"taken, {job.source.size:,} bytes")
    if job.checked_at and job.input:
        found = f"{job.mistakes_total:,} mistakes" if job.mistakes_total else "no mistakes"
        _tell_step(job.checked_at, f"checked, {job.input.requests:,} requests, {found}")
    for mistake in job.mistakes:
        tell(f"line {mistake.line}: {mistake.problem}", " " * 6)
        tell(mistake.fix, " " * 8)
    for part in job.parts:
        _tell_part(part)
    if place == "hold":
        reason = explain_hold(root, job.job)
        problem, fix = reason.problem, reason.fix
        is_told = any(part.doubt == problem for part in job.parts)
        for text in (fix,) if is_told else (problem, fix):
            tell(text)
    if job.published_at:
        _tell_step(job.published_at, "published")
        for output in job.outputs:
            folder = "" if job.source.queue == "default" else f"{job.source.queue}/"
            typer.echo(f"      {root}/{output.folder}/{folder}{output.name}  ({output.size:,} bytes)")


def _tell_step(when: str | None, text: str) -> None:
    tell(text, f"  {when or '':{STAMP}}  ")


def _tell_part(part: Part) -> None:
    label = f"part {part.number}" + (f", again ({part.generation})" if part.generation > 1 else "")
    batch = f", batch {part.batch_id}" if part.batch_id else ""
    tries = f" at attempt {part.attempt}" if part.attempt > 1 else ""
    _tell_step(part.submitted_at, f"{label}: {part.requests:,} requests, {part.state}{tries}{batch}")
    if part.doubt:
        tell(f"in doubt: {part.doubt}", " " * 6)
    if part.refusal:
        tell(f"{part.refusal.problem}; {part.refusal.fix}", " " * 6)
    if part.collected_at:
        rows = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(part.outcomes.items()))
        again = f", {part.again:,} out again" if part.again else ""
        _tell_step(part.collected_at, f"{label}: fetched{': ' + rows if rows else ''}{again}")
    elif part.ended_at:
        _tell_step(part.ended_at, f"{label}: ended")
