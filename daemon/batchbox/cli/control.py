"""`cancel`, `release`, `adopt`, `resubmit`: what a person decides about one job."""

from pathlib import Path
from typing import Annotated

import typer

from batchbox.cli.completion import complete_jobs
from batchbox.cli.options import SpoolOption, require_spool
from batchbox.core.commands import Command, Verb
from batchbox.core.errors import BAD_SETTINGS, Stop
from batchbox.core.manifest import Manifest
from batchbox.core.states import PartState
from batchbox.spool.control import leave_command
from batchbox.spool.layout import Layout
from batchbox.spool.marker import is_held
from batchbox.spool.survey import find_jobs

WHY_NOT = {"work": "is under way: it does not wait for a person", "done": "has its receipt already"}
JobArgument = Annotated[
    str,
    typer.Argument(help="A file's name, or a job's id or its beginning.", autocompletion=complete_jobs),
]


def cancel(job: JobArgument, spool: SpoolOption = None) -> None:
    """End a file early; its receipt follows.

    What was not sent stays unsent, what runs is canceled, what was answered by then is published.
    """
    root = require_spool(spool)
    found = _find(root, job, ("work", "hold"))
    _ask(root, Command(Verb.CANCEL, found.job), f"{found.source.name} is to be canceled")


def release(job: JobArgument, spool: SpoolOption = None) -> None:
    """Take a file back from hold/ and look again.

    What is undecided is looked for, and sent again if it is not found; what is gone is fetched once more.
    """
    root = require_spool(spool)
    found = _find(root, job, ("hold",))
    _ask(root, Command(Verb.RELEASE, found.job), f"{found.source.name} is to be released")


def adopt(
    job: JobArgument,
    batch: Annotated[str, typer.Argument(help="The id of the batch that may be it.")],
    spool: SpoolOption = None,
) -> None:
    """Name the batch that an undecided file was sent as. Its rows have to prove it once it has ended."""
    root = require_spool(spool)
    found = _find(root, job, ("hold",))
    command = Command(Verb.ADOPT, found.job, batch)
    if not any(part.state is PartState.UNDECIDED for part in found.parts):
        raise Stop(f"nothing in {found.source.name} is undecided", "see batchbox status", code=BAD_SETTINGS)
    if not command.is_sound:
        raise Stop(f'"{batch}" is no batch id', "it looks like msgbatch_01...", code=BAD_SETTINGS)
    _ask(root, command, f"{found.source.name} is to adopt {batch}")


def resubmit(
    job: JobArgument,
    pay_again: Annotated[
        bool, typer.Option("--pay-again", help="Yes, even if it was paid for already.")
    ] = False,
    spool: SpoolOption = None,
) -> None:
    """Send again what is undecided or gone in a held file. It may be paid for twice."""
    root = require_spool(spool)
    found = _find(root, job, ("hold",))
    if not pay_again:
        problem = f"{found.source.name} may have been paid for already, and would be paid for again"
        raise Stop(problem, "if that is what you want, say --pay-again", code=BAD_SETTINGS)
    _ask(root, Command(Verb.RESUBMIT, found.job), f"{found.source.name} is to be sent again")


def _find(root: Path, text: str, places: tuple[str, ...]) -> Manifest:
    """Return the one job that *text* means. Raise `Stop` if that is none or several."""
    text = text.rstrip("/").rpartition("/")[2]  # as status shows it: hold/JOB
    found = [job for _, job in find_jobs(root, text, places)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(job.job for job in found)
        raise Stop(f'"{text}" may be any of {ids}', "give the job's id", code=BAD_SETTINGS)
    elsewhere = find_jobs(root, text)
    if elsewhere:
        place, job = elsewhere[0]
        fix = f"batchbox show {job.job} tells its story"
        raise Stop(f"{job.source.name} {WHY_NOT[place]}", fix, code=BAD_SETTINGS)
    if text and (root / "inbox" / text).exists():
        raise Stop(f"{text} was not taken yet", "take it out of inbox/", code=BAD_SETTINGS)
    raise Stop(f'no job is called "{text}"', "batchbox status lists what there is", code=BAD_SETTINGS)


def _ask(root: Path, command: Command, what: str) -> None:
    leave_command(root, command)
    typer.echo(what)
    if not is_held(Layout(root)):
        typer.echo(f"  batchbox is not running; it is done once it is: batchbox run --spool {root}")
