"""The queues: how much waits, runs and is at the API of each, where there are several."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from batchbox.cli.text_layout import pad
from batchbox.domain.job import Manifest
from batchbox.readmodel.survey import Survey
from batchbox.scheduling.quota import THERE
from batchbox.storage.local.manifest_summary import ManifestSummary

NAME_WIDTH = 28
SHOWN = 20


def count_queues(found: Survey) -> dict[str, dict[str, int]]:
    """Return for each queue its files in the inbox, those under way, and its requests at the API."""
    waiting = Counter(found.health.waiting_by_queue or Counter(one.queue for one in found.waiting))
    jobs, requests = Counter[str](), Counter[str]()
    everyone: list[Manifest | ManifestSummary] = [*found.jobs, *found.others]
    for job in everyone:
        jobs[job.source.queue] += 1
        requests[job.source.queue] += sum(part.requests for part in job.parts if part.state in THERE)
    names = sorted({*waiting, *jobs}, key=lambda name: (-jobs[name], -waiting[name], name))
    return {
        name: {"waiting": waiting[name], "under_way": jobs[name], "requests": requests[name]}
        for name in names
    }


def write_queues(found: Survey) -> Iterator[str]:
    """Yield a table of the queues, nothing if there is but one."""
    queues = count_queues(found)
    if len(queues) <= 1:
        return
    yield f"{pad('Queues', NAME_WIDTH + 2)}  {'in the inbox':>14}  {'under way':>12}  {'requests':>14}"
    for name, facts in list(queues.items())[:SHOWN]:
        yield f"  {pad(name, NAME_WIDTH)}  {_row(facts)}"
    if len(queues) > SHOWN:
        yield f"  and {len(queues) - SHOWN:,} more"
    yield ""


def _row(facts: dict[str, Any]) -> str:
    return f"{facts['waiting']:>14,}  {facts['under_way']:>12,}  {facts['requests']:>14,}"
