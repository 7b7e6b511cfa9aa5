"""`show`: the whole story of one file."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from batchbox.cli.completion import complete_jobs
from batchbox.cli.control.send_command import refuse_unknown, strip_place
from batchbox.cli.options import JsonOption, SpoolOption, require_spool
from batchbox.cli.status.timeline import TimelineEntry, print_now, print_timeline
from batchbox.cli.text_layout import flow, print_json, print_line, print_wrapped
from batchbox.domain.job import Manifest
from batchbox.readmodel.survey import explain_hold, find_failure, find_jobs
from batchbox.storage.local.layout import Layout

STAMP = len("2026-01-02T03:04:05Z")
OTHERS = 3  # older jobs of the same name that are mentioned


def show(
    job: Annotated[
        str,
        typer.Argument(help="A file's name, or a job's id or its beginning.", autocompletion=complete_jobs),
    ],
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the history of one file."""
    root = require_spool(spool)
    found = find_jobs(root, strip_place(job))
    if not found:
        raise refuse_unknown(root, strip_place(job))
    place, manifest = found[0]
    history = print_timeline(manifest, explain_hold(root, manifest.job) if place == "hold" else None)
    if as_json:
        print_json(manifest.model_dump(mode="json", by_alias=True) | _as_data(root, place, manifest, history))
        return
    _tell(root, place, manifest, history)
    if len(found) > 1:
        others = ", ".join(other.job for _, other in found[1 : OTHERS + 1])
        more = ", …" if len(found) > OTHERS + 1 else ""
        print_line()
        print_wrapped(f"{len(found) - 1} older of that name: {others}{more}", "")


def _as_data(root: Path, place: str, job: Manifest, history: list[TimelineEntry]) -> dict[str, Any]:
    story = [{"at": one.at, "text": one.text, "more": list(one.more)} for one in history]
    files = [{"path": str(path), "is_there": is_there} for path, is_there in _find_outputs(root, job)]
    return {"place": place, "now": print_now(place, job) or None, "story": story, "files": files}


def _tell(root: Path, place: str, job: Manifest, history: list[TimelineEntry]) -> None:
    print_wrapped(f"{job.source.name}  (queue {job.source.queue})", "")
    print_line(f"job {job.job}, in {place}/, {job.status or job.state}")
    print_line()
    for one in history:
        print_wrapped(one.text, f"  {one.at or '':{STAMP}}  ")
        for text in one.more:
            print_wrapped(text, " " * 6)
    now = print_now(place, job)
    if now:
        print_wrapped(now, f"  {'now':{STAMP}}  ")
        _tell_trouble(root, job)
    sizes = {output.name: output.size for output in job.outputs}
    for path, is_there in _find_outputs(root, job):
        print_line(f"      {path}  ({sizes[path.name]:,} bytes{'' if is_there else ', taken away since'})")


def _tell_trouble(root: Path, job: Manifest) -> None:
    trouble = find_failure(root, job)
    for text in (trouble.problem, trouble.fix) if trouble else ():
        for line in flow(text, " " * 6):
            print_line(line)


def _find_outputs(root: Path, job: Manifest) -> list[tuple[Path, bool]]:
    """Return where the outputs were published, and whether each is still there, as far as can be seen."""
    if not job.published_at:
        return []
    paths = [Layout(root).queue(output.folder, job.source.queue) / output.name for output in job.outputs]
    return [(path, os.path.lexists(path)) for path in paths]
