"""`cancel`, `hold`, `release`, `retry`, `adopt`, `resubmit`: what a person decides about one job."""

from pathlib import Path
from typing import Annotated

import typer

from batchbox.cli.completion import complete_jobs
from batchbox.cli.control.retry_finished import retry_finished
from batchbox.cli.control.send_command import find_job, refuse_unknown, send_command, strip_place
from batchbox.cli.options import JsonOption, SpoolOption, require_spool
from batchbox.cli.text_layout import print_json, print_wrapped
from batchbox.domain.errors import BAD_SETTINGS, Stop
from batchbox.domain.job import Manifest
from batchbox.domain.operator_commands import Command, Verb
from batchbox.domain.states import HELD, PartState
from batchbox.readmodel.survey import find_failure, find_jobs, is_hidden
from batchbox.storage.local.layout import JOB_NAME, Layout
from batchbox.storage.local.lock import is_held

JobArgument = Annotated[
    str,
    typer.Argument(help="A file's name, or a job's id or its beginning.", autocompletion=complete_jobs),
]


def cancel(job: JobArgument, spool: SpoolOption = None, as_json: JsonOption = False) -> None:
    """End a file early; its receipt follows.

    What was not sent stays unsent, what runs is canceled, what was answered by then is published.
    """
    _ask(spool, job, Verb.CANCEL, ("work", "hold"), "is to be canceled", as_json)


def hold(job: JobArgument, spool: SpoolOption = None, as_json: JsonOption = False) -> None:
    """Put a running file on hold, as it is.

    Nothing of it is sent or fetched until it is released. What runs at the API goes on there, is paid for
    once, and its results are kept for 29 days.
    """
    _ask(spool, job, Verb.HOLD, ("work",), "is to be held", as_json)


def release(job: JobArgument, spool: SpoolOption = None, as_json: JsonOption = False) -> None:
    """Release a held file and check it again.

    What is undecided is looked for, and sent again if it is not found; what is gone is fetched once more.
    """
    _ask(spool, job, Verb.RELEASE, ("hold",), "is to be released", as_json)


def adopt(
    job: JobArgument,
    batch: Annotated[str, typer.Argument(help="The id of the batch that may be it.")],
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Name the batch that an undecided file was submitted as. Its rows have to prove it once it has ended."""
    root = require_spool(spool)
    found = find_job(root, job, ("hold",))
    command = Command(Verb.ADOPT, found.job, batch)
    if not any(part.state is PartState.UNDECIDED for part in found.parts):
        raise Stop(f"nothing in {found.source.name} is undecided", "see batchbox status", code=BAD_SETTINGS)
    if not command.is_sound:
        raise Stop(f'"{batch}" is no batch id', "it looks like msgbatch_01...", code=BAD_SETTINGS)
    send_command(root, command, found.source.name, f"is to adopt {batch}", as_json)


def resubmit(
    job: JobArgument,
    pay_again: Annotated[
        bool, typer.Option("--pay-again", help="Yes, even if it was paid for already.")
    ] = False,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Submit again what is undecided or gone, and pay again. It may be paid for twice."""
    root = require_spool(spool)
    found = find_job(root, job, ("hold",))
    if not any(part.state in HELD for part in found.parts):
        fix = f"batchbox release {found.job} goes on with it where it was"
        raise Stop(f"nothing in {found.source.name} is undecided or gone", fix, code=BAD_SETTINGS)
    if not pay_again:
        problem = f"{found.source.name} may have been paid for already, and would be paid for again"
        raise Stop(problem, "if that is what you want, say --pay-again", code=BAD_SETTINGS)
    send_command(root, Command(Verb.RESUBMIT, found.job), found.source.name, "is to be sent again", as_json)


def retry(job: JobArgument, spool: SpoolOption = None, as_json: JsonOption = False) -> None:
    """Retry a waiting file now, or ask again what failed.

    Under way: what waits after a failure is tried at once. Held: as release. Finished: what was not answered
    is dropped into its queue again, as a file of its own.
    """
    root = require_spool(spool)
    text = strip_place(job)
    everywhere = find_jobs(root, text)
    places = [place for place, _ in everywhere]
    if "work" in places or "hold" in places or not everywhere:
        _retry_under_way(root, text, as_json)
    else:
        retry_finished(root, find_job(root, text, ("done",)), as_json)


def _retry_under_way(root: Path, text: str, as_json: bool) -> None:
    found = find_job(root, text, ("work", "hold")) if not _is_blind(root, text) else None
    if found and not find_jobs(root, found.job, ("hold",)) and find_failure(root, found) is None:
        _tell_idle(root, found, as_json)
        return
    _leave(root, text, found, Verb.RETRY, "is to be tried again now", as_json)


def _tell_idle(root: Path, found: Manifest, as_json: bool) -> None:
    running = is_held(Layout(root))
    problem = "waits after no failure: there is nothing to try again"
    if as_json:
        facts = {"command": Verb.RETRY.value, "job": found.job, "file": found.source.name}
        print_json(facts | {"left": None, "problem": problem, "running": running})
        return
    print_wrapped(f"{found.source.name} {problem}", "")
    if running:
        print_wrapped(f"batchbox show {found.job} tells what it waits for")
    else:
        print_wrapped(
            f"batchbox is not running; its start tries everything at once: batchbox run --spool {root}"
        )


def _ask(
    spool: Path | None, text: str, verb: Verb, places: tuple[str, ...], what: str, as_json: bool
) -> None:
    root, text = require_spool(spool), strip_place(text)
    found = None if _is_blind(root, text) else find_job(root, text, places)
    _leave(root, text, found, verb, what, as_json)


def _leave(root: Path, text: str, found: Manifest | None, verb: Verb, what: str, as_json: bool) -> None:
    job = found.job if found else text
    send_command(root, Command(verb, job), found.source.name if found else job, what, as_json)


def _is_blind(root: Path, text: str) -> bool:
    """Say whether *text* is a job's whole id, and the jobs are not ours to see: the daemon knows better."""
    if not JOB_NAME.fullmatch(text) or find_jobs(root, text):
        return False
    if is_hidden(root):
        return True
    raise refuse_unknown(root, text)
