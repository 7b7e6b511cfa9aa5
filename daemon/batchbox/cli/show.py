"""`show`: the whole story of one file."""

from pathlib import Path
from textwrap import fill
from typing import Annotated

import typer

from batchbox.cli.options import JsonOption, SpoolOption, require_spool
from batchbox.core.errors import BAD_SETTINGS, Stop
from batchbox.core.manifest import Manifest, Part
from batchbox.spool.survey import find_jobs, read_reason

WIDTH = 80
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
        typer.echo(
            f"\n{len(found) - 1} older of that name: {others}{', …' if len(found) > OTHERS + 1 else ''}"
        )


def _tell(root: Path, place: str, job: Manifest) -> None:
    typer.echo(f"{job.source.name}  (queue {job.source.queue})")
    typer.echo(f"job {job.job}, in {place}/, {job.status or job.state}\n")
    typer.echo(f"  {job.taken_at}  taken, {job.source.size:,} bytes")
    if job.checked_at and job.input:
        found = f"{job.mistakes_total:,} mistakes" if job.mistakes_total else "no mistakes"
        typer.echo(f"  {job.checked_at}  checked, {job.input.requests:,} requests, {found}")
    for mistake in job.mistakes:
        typer.echo(f"      line {mistake.line}: {mistake.problem}")
        typer.echo(f"        {mistake.fix}")
    for part in job.parts:
        _tell_part(part)
    if place == "hold":
        problem, fix = read_reason(root, job.job)
        is_told = any(part.doubt == problem for part in job.parts)
        for text in (fix,) if is_told else (problem, fix):
            typer.echo(fill(text, WIDTH, initial_indent="  ", subsequent_indent="    "))
    if job.published_at:
        typer.echo(f"  {job.published_at}  published")
        for output in job.outputs:
            folder = "" if job.source.queue == "default" else f"{job.source.queue}/"
            typer.echo(f"      {root}/{output.folder}/{folder}{output.name}  ({output.size:,} bytes)")


def _tell_part(part: Part) -> None:
    label = f"part {part.number}" + (f", again ({part.generation})" if part.generation > 1 else "")
    batch = f", batch {part.batch_id}" if part.batch_id else ""
    blank = " " * 20
    when = part.submitted_at or blank
    tries = f" at attempt {part.attempt}" if part.attempt > 1 else ""
    typer.echo(f"  {when}  {label}: {part.requests:,} requests, {part.state}{tries}{batch}")
    if part.doubt:
        typer.echo(fill(f"in doubt: {part.doubt}", WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 8))
    if part.refusal:
        typer.echo(f"      {part.refusal.problem}; {part.refusal.fix}")
    if part.collected_at:
        rows = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(part.outcomes.items()))
        again = f", {part.again:,} out again" if part.again else ""
        typer.echo(f"  {part.collected_at}  {label}: fetched{': ' + rows if rows else ''}{again}")
    elif part.ended_at:
        typer.echo(f"  {part.ended_at}  {label}: ended")
