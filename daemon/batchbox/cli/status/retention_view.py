"""What `status` says of time: answers that the API deletes soon, and how much is kept of the past."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from batchbox.cli.text_layout import flow
from batchbox.domain.timestamps import format_time
from batchbox.readmodel.survey import Survey
from batchbox.scheduling.deadlines import Deadline, find_deadlines

MEGA = 1e6
SHOWN = 5


def describe_kept(found: Survey, now: datetime) -> dict[str, Any]:
    """Return it for programs."""
    deadlines = [
        {"job": one.job, "file": one.file, "at": format_time(one.at), "problem": one.problem, "fix": one.fix}
        for one in _find(found, now)
    ]
    archives = {name: size.model_dump() for name, size in found.health.archives.items()}
    return {"deadlines": deadlines, "archives": archives}


def write_deadlines(found: Survey, now: datetime) -> Iterator[str]:
    """Yield lines on the answers that are about to be lost, if there are any."""
    deadlines = _find(found, now)
    if not deadlines:
        return
    yield (f"Answers about to be lost: {len(deadlines):,}")
    for one in deadlines[:SHOWN]:
        yield from flow(one.problem)
        yield from flow(one.fix, "    ")
    if len(deadlines) > SHOWN:
        yield (f"  and {len(deadlines) - SHOWN:,} more")
    yield ""


def write_archives(found: Survey) -> Iterator[str]:
    """Yield how much lies in what is kept for a time only."""
    for name, size in found.health.archives.items():
        since = f", since {size.oldest}" if size.oldest else ""
        kept = f"{size.count:,} kept, {size.bytes / MEGA:,.1f} MB"
        yield (f"  {name}/, at the last hourly look: {kept}{since}")


def _find(found: Survey, now: datetime) -> list[Deadline]:
    """Look at the manifests themselves, so that it is told while no daemon runs, too."""
    return find_deadlines(found.jobs, [one.manifest for one in found.held if one.manifest], now)
