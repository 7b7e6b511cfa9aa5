"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from batchbox.domain.errors import BAD_SETTINGS, Stop

SpoolOption = Annotated[
    Path | None,
    typer.Option(
        "--spool",
        envvar="BATCHBOX_SPOOL",
        help="The spool's folder.",
        show_default=False,
        readable=False,  # not for each who may drop into it
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


def require_spool(spool: Path | None) -> Path:
    """Return the spool's folder. Raise `Stop` if none was named."""
    if spool is None:
        raise Stop("no spool was named", "give --spool DIR, or set BATCHBOX_SPOOL", code=BAD_SETTINGS)
    return spool.absolute()
