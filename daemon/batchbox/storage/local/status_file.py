"""How things are, as the daemon put it down last: for those who look, who believe no word of it blindly.

The file may be missing, half written or of another version; what cannot be read is nothing.
"""

import json
import os
from pathlib import Path

from batchbox.reports.health import (
    Health,
)
from batchbox.storage.local import durable


def write_health(path: Path, facts: dict[str, object]) -> None:
    """Replace what stands in *path*, without waiting for the disk."""
    text = json.dumps(facts, indent=1, ensure_ascii=False)
    replace_loosely(path, text.encode(errors="replace"))  # half a character would make all of it unreadable


def replace_loosely(path: Path, data: bytes, mode: int | None = None) -> None:
    """Have *path* hold *data*, whole or not at all, without waiting for the disk."""
    durable.make_folder(path.parent)
    temp = path.with_name(f".{path.name}.tmp")
    with open(temp, "wb") as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        file.write(data)
    os.replace(temp, path)


def read_health(path: Path) -> Health:
    """Return what stands in *path*, as far as it can be read at all."""
    try:
        return Health.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return Health()
