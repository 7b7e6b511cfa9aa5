"""How a wish is left and told: which job is meant, what is put into control/, and whether anyone is there."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from batchbox.cli.text_layout import print_json, print_wrapped
from batchbox.domain.errors import BAD_SETTINGS, NO_SPOOL, Stop
from batchbox.domain.job import Manifest
from batchbox.domain.operator_commands import Command
from batchbox.readmodel.survey import ID_BEGINNING, find_jobs, is_hidden
from batchbox.storage.local.command_files import leave_command
from batchbox.storage.local.layout import Layout
from batchbox.storage.local.lock import is_held, name_network

FIXES = {  # where control/ cannot be written for another reason than its owner
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room on the disk",
    errno.EROFS: "the disk is read-only: see the kernel's log for why",
    errno.ELOOP: "a link lies there in its place: remove it",
    errno.ENXIO: "something that is no file lies there in its place: remove it",
    errno.EISDIR: "a folder lies there in its place: remove it",
    errno.ENOTDIR: "control is no folder: move it away",
}
WHY_NOT = {
    "work": "is under way: it does not wait for a person",
    "hold": "is held already",
    "done": "has its receipt already",
}


def find_job(root: Path, text: str, places: tuple[str, ...]) -> Manifest:
    """Return the one job that *text* means. Raise `Stop` if that is none or several."""
    text = strip_place(text)
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
    raise refuse_unknown(root, text)


def strip_place(text: str) -> str:
    """Return what is meant by what `status` shows: hold/JOB is JOB; QUEUE/NAME says whose file it is."""
    whole = text.rstrip("/")
    last = whole.rpartition("/")[2]
    return last if ID_BEGINNING.fullmatch(last) else whole.removeprefix("inbox/")


def refuse_unknown(root: Path, text: str) -> Stop:
    """Return why nothing that *text* means can be found."""
    if text and os.access(root / "inbox" / text, os.F_OK):
        fix = "batchbox status says why; to keep it from being taken, move it out of inbox/"
        return Stop(f"{text} was not taken yet", fix, code=BAD_SETTINGS)
    if is_hidden(root):
        fix = "give the whole id of its job, as its receipt or the log has it, or ask as the spool's user"
        return Stop(f'whether a job is called "{text}" is not yours to see', fix, code=BAD_SETTINGS)
    return Stop(f'no job is called "{text}"', "batchbox status lists what there is", code=BAD_SETTINGS)


def send_command(root: Path, command: Command, file: str, what: str, as_json: bool) -> None:
    """Leave *command* for the daemon and tell that *what* is to be done with *file*."""
    with explaining(root):
        leave_command(root, command)
    facts = {"command": command.verb.value, "job": command.job, "file": file}
    print_sent(root, f"{file} {what}", facts | {"left": f"control/{command.name}"}, as_json)


@contextmanager
def explaining(root: Path) -> Iterator[None]:
    """Raise `Stop` with what to do where control/ cannot be written."""
    try:
        yield
    except OSError as error:
        found = Layout(root).control
        todo = FIXES.get(error.errno or 0, f"ask as a user who may write there: ls -ld {found}")
        fix = f"nothing was changed; {todo}"
        raise Stop(f"{found} cannot be written: {error.strerror}", fix, code=NO_SPOOL) from None


def print_sent(root: Path, sentence: str, facts: dict[str, Any], as_json: bool) -> None:
    """Tell what was asked for, and whether a daemon is there to hear of it."""
    running = is_held(Layout(root))
    if as_json:
        print_json(facts | {"running": running})
        return
    print_wrapped(sentence, "")
    print_daemon_state(root, running)


def print_daemon_state(root: Path, running: bool) -> None:
    """Say when what was left in control/ will be done."""
    remote = name_network(root)
    if running:
        print_wrapped("batchbox is running: it is done within moments")
    elif remote:
        print_wrapped(
            f"the spool is seen over the network ({remote}): it is done where batchbox runs, if it does"
        )
    else:
        print_wrapped(f"batchbox is not running; it is done once it is: batchbox run --spool {root}")
