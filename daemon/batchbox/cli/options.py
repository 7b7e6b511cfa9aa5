"""Options that several commands share."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from batchbox.core.errors import Stop
from batchbox.settings import BAD_SETTINGS, Settings, load_settings
from batchbox.spool.layout import SETTINGS

SpoolOption = Annotated[
    Path | None,
    typer.Option("--spool", envvar="BATCHBOX_SPOOL", help="The spool's folder.", show_default=False),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="BATCHBOX_CONFIG",
        help="Settings; batchbox.toml in the spool if not given.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


def require_spool(spool: Path | None) -> Path:
    """Return the spool's folder. Raise `Stop` if none was named."""
    if spool is None:
        raise Stop("no spool was named", "give --spool DIR, or set BATCHBOX_SPOOL", code=BAD_SETTINGS)
    return spool.absolute()


def read_settings(spool: Path | None, config: Path | None, **flags: Any) -> Settings:
    """Return the settings that hold for *spool*."""
    if config and not config.exists():
        raise Stop(f"{config} does not exist", "name an existing batchbox.toml", code=BAD_SETTINGS)
    path = config or (spool / SETTINGS if spool else None)
    return load_settings(path, os.environ, **flags)
