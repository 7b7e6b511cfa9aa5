"""The status that the daemon writes about itself."""

from pydantic import AwareDatetime, BaseModel, Field


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
