"""The settings, for the commands that need them; the others need not wait for their import."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from batchbox.domain.errors import BAD_SETTINGS, Stop
from batchbox.settings.model import Settings
from batchbox.settings.sources import load_settings
from batchbox.storage.local.layout import SETTINGS

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="BATCHBOX_CONFIG",
        help="Settings; batchbox.toml in the spool if not given.",
        show_default=False,
    ),
]


def read_settings(spool: Path | None, config: Path | None, **flags: Any) -> Settings:
    """Return the settings that hold for *spool*."""
    if config and not config.exists():
        raise Stop(f"{config} does not exist", "name an existing batchbox.toml", code=BAD_SETTINGS)
    path = config or (spool / SETTINGS if spool else None)
    return load_settings(path, os.environ, **flags)
