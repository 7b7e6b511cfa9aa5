"""Completion: which jobs the shell offers after a command. It only looks, and never fails."""

import re
from contextlib import suppress
from pathlib import Path

import typer

from batchbox.domain.errors import BatchboxError
from batchbox.readmodel.survey import list_jobs

OFFERED = 100  # of thousands nobody could choose
HELD = ("hold",)
PLACES = {"release": HELD, "adopt": HELD, "resubmit": HELD, "show": ("work", "hold", "done")}
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]*")  # a name that a shell takes as it is


def complete_jobs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return names of files, and ids of their jobs, that begin so and that the command can mean."""
    spool = ctx.params.get("spool")
    places = PLACES.get(ctx.info_name or "", ("work", "hold"))
    with suppress(OSError, BatchboxError):
        jobs = list_jobs(Path(spool), places, OFFERED) if spool else []
        texts = [text for job in jobs for text in (job.source.name, job.job) if PLAIN.fullmatch(text)]
        return [text for text in dict.fromkeys(texts) if text.startswith(incomplete)]
    return []
