"""How things are, as the daemon put it down last: for those who look, who believe no word of it blindly.

The file may be missing, half written or of another version; what cannot be read is nothing.
"""

import json
import os
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, Field

from batchbox.spool import durable


class Trouble(BaseModel):
    """What stands in the way, and what to do."""

    problem: str
    fix: str = ""


class WaitingFile(Trouble):
    """A file that stays in the inbox for now."""

    file: str
    queue: str
    bytes: int


class Progress(BaseModel):
    """How far a transfer is, in bytes; *total* is None where it is not known. *rate*: bytes a second."""

    doing: str
    part: str | None
    bytes: int
    total: int | None
    rate: int


class ArchiveSize(BaseModel):
    """How much there is in done/ or rejected/, and since when."""

    count: int
    bytes: int
    oldest: str | None


class AtRisk(Trouble):
    """A file whose answers the API deletes at that time, and that are not here."""

    job: str
    file: str
    queue: str
    batch: str | None
    at: AwareDatetime
    urgent: bool


class SpentToday(BaseModel):
    """What was spent, or is promised, of what may be in a day (UTC), by a queue or over all."""

    day: str
    queue: str | None
    cost_usd: float
    max_cost_usd: float | None
    requests: int
    max_requests: int | None


class Health(BaseModel):
    """All of it."""

    time: AwareDatetime | None = None
    pid: int | None = None
    host: str | None = None
    flags: list[str] = Field(default_factory=list)
    sending: Trouble | None = None
    asking: Trouble | None = None
    crowded: Trouble | None = None
    waiting: list[WaitingFile] = Field(default_factory=list)
    waiting_total: int = 0
    waiting_by_queue: dict[str, int] = Field(default_factory=dict)
    waiting_since: AwareDatetime | None = None
    deadlines: list[AtRisk] = Field(default_factory=list)
    jobs: dict[str, Trouble | None] = Field(default_factory=dict)
    commands: dict[str, Trouble] = Field(default_factory=dict)
    transfers: dict[str, Progress] = Field(default_factory=dict)
    spent: list[SpentToday] = Field(default_factory=list)
    archives: dict[str, ArchiveSize] = Field(default_factory=dict)


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
