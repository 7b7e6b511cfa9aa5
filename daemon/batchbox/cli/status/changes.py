"""Changes: what is different from one look at a spool to the next, a sentence for each."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from batchbox.cli.status.job_words import describe
from batchbox.cli.status.render import find_trouble, name_held
from batchbox.domain.errors import BatchboxError
from batchbox.domain.operator_commands import FLAGS
from batchbox.readmodel.survey import Survey, find_finished
from batchbox.reports.health import Trouble

Facts = Mapping[tuple[str, str], str]
RUNNING = "batchbox is running"
REQUEST_ID = re.compile(r" \(request \S+\)")
OVER = {
    "sending": "sending goes on",
    "asking": "asking goes on",
    "crowded": "there is room at the API again",
    "flag": "control/{name} was taken down",
    "command": "{name}: was carried out or withdrawn",
}


def gather(found: Survey) -> Facts:
    """Return what is to be said of each thing in the spool: the same for as long as the thing is."""
    facts = {("daemon", ""): _tell_daemon(found)}
    for flag in found.flags:
        facts["flag", flag.name] = f"control/{flag.name} stands: {FLAGS[flag.name]}"
    for what, trouble in (("sending", found.health.sending), ("asking", found.health.asking)):
        if trouble:
            facts[what, ""] = _join(f"{what} waits", trouble)
    if found.health.crowded:
        facts["crowded", ""] = (
            "sending waits until there is room at the API"  # the figures change all the time
        )
    for asked in found.commands:
        facts["command", asked.note.name] = f"{asked.note.name}: {asked.problem}"
    for waiting in found.waiting:
        name = f"{waiting.queue}/{waiting.file}"
        facts["file", name] = _join(f"inbox/{waiting.file}", waiting)
    for held in found.held:
        facts["job", held.job] = _join(
            f"{name_held(held)}: held", Trouble(problem=held.problem, fix=held.fix)
        )
    for job in found.jobs:
        trouble = find_trouble(found, job)
        doing = f"{job.source.name}: {describe(job)}"
        facts["job", job.job] = _join(doing, trouble) if trouble.problem else doing
    return facts


def _tell_daemon(found: Survey) -> str:
    if found.running:
        return f"{RUNNING} on {found.root}"
    return "" if found.remote else f"batchbox is not running: batchbox run --spool {found.root}"


def _join(lead: str, trouble: Trouble) -> str:
    problem = REQUEST_ID.sub("", trouble.problem)  # another at each try, and yet no news
    return f"{lead}: {problem}" + (f"; {trouble.fix}" if trouble.fix else "")


def print_changes(before: Facts, after: Facts) -> Iterator[str]:
    """Yield what is new, what has changed, and what is over. Jobs that have finished: see `FinishedJob`."""
    for key, sentence in after.items():
        if before.get(key) != sentence and sentence:
            yield sentence
    is_told = RUNNING in after["daemon", ""]  # what a daemon that has died last told is not over
    for kind, name in before.keys() - after.keys():
        if kind in OVER and is_told:
            yield OVER[kind].format(name=name)


class FinishedJob:
    """Tells which jobs have finished since it was last asked, those that came and went between as well."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: set[str] | None = None

    def tell(self) -> Iterator[str]:
        """Yield a sentence for each, oldest first; none at the first time."""
        try:
            found = find_finished(self._root, self._known)
        except (BatchboxError, OSError):
            return
        for job in found.values() if self._known is not None else ():
            if job:
                yield f"{job.source.name}: published, {job.status}"
        self._known = (self._known or set()) | found.keys()
