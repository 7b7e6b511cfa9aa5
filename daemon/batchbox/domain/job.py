"""The sidecar manifest: the only truth about a job.

Frozen values. A change is a new manifest, replaced whole on disk by the spool; a record only ever
names bytes that are already durable. Times are RFC 3339 in UTC and for people: no decision compares
them with this host's clock, except that results are given up 29 days after the batch was created.
"""

import base64
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from batchbox.domain.file_types import FORMS, Form, form_of
from batchbox.domain.priorities import Priority
from batchbox.domain.states import Event, JobState, PartState, follow

SCHEMA = 1

JobId = str


class FrozenModel(BaseModel):
    """A frozen value that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class SourceFile(FrozenModel):
    """The file as the producer dropped it."""

    name: str  # for people; bytes that are not UTF-8 are percent-encoded
    name_b64: str  # the exact bytes
    queue: str
    size: int
    inode: int
    mtime_ns: int

    @property
    def exact_name(self) -> bytes:
        """The bytes of its name."""
        return base64.b64decode(self.name_b64)

    @property
    def place(self) -> str:
        """Where it lay in the inbox: QUEUE/NAME, or its name where it was in no queue of its own."""
        return self.name if self.queue == "default" else f"{self.queue}/{self.name}"

    @property
    def form(self) -> Form:
        """What its name says of what is in it; lines of JSON where it says nothing."""
        return form_of(self.exact_name) or FORMS[0]


class OkMarker(FrozenModel):
    """What a marker beside a dropped file, NAME.ok, said of it when it was taken.

    name_b64, inode, ctime_ns: which marker; size, mtime_ns: of the file as it was then; problem: why the
    marker could not be understood.
    """

    name_b64: str
    inode: int
    ctime_ns: int
    size: int
    mtime_ns: int
    lines: int | None = None
    bytes: int | None = None
    sha256: str | None = None
    problem: str = ""


class Input(FrozenModel):
    """What the check of the whole file found; *lines* is None where it could not be read as such."""

    lines: int | None = None
    requests: int
    skipped: int = 0
    bytes: int
    sha256: str


class Problem(FrozenModel):
    """One complaint, as it is told to the producer. *line* is None where it is about the whole file."""

    line: int | None = None
    column: int | None = None
    problem: str
    fix: str

    @property
    def place(self) -> str:
        """Say where it is."""
        if self.line is None:
            return "the file"
        return f"line {self.line}" + (f", column {self.column}" if self.column else "")


class Intent(FrozenModel):
    """What was known of the workspace just before a part was sent.

    cursor: the newest batch id known, None if there was none; date: when that was created, by the server.
    """

    cursor: str | None
    date: str


class Refusal(FrozenModel):
    """The API's definite no to a part."""

    problem: str
    fix: str
    error: dict[str, object]
    request_id: str | None = None


class Tokens(FrozenModel):
    """What one model used and what it cost, in US dollars; None where the price is not known."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    cost_usd: float | None = 0.0
    unbatched_usd: float | None = None  # what it would have cost outside of a batch; not known of long ago

    def plus(self, other: "Tokens") -> "Tokens":
        """Return the sum; a price that is not known on either side is not known in the sum."""
        mine, theirs = self.model_dump(), other.model_dump()
        return Tokens(**{name: _add(mine[name], theirs[name]) for name in mine})


def _add(one: Any, other: Any) -> Any:
    return None if one is None or other is None else one + other


class Estimate(FrozenModel):
    """What requests may use and cost, as it was reckoned before they were sent.

    *output_tokens*: at most, as `max_tokens` allows; *cost_usd*: at most, None where a price is not known;
    *known_usd*: then, what those may cost whose price is.
    """

    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    known_usd: float = 0.0
    unbatched_usd: float | None = None  # at most, outside of a batch
    models: tuple[str, ...] = ()
    unpriced: tuple[str, ...] = ()  # those of them whose price is not known

    @property
    def least_usd(self) -> float:
        """What is known of the cost: all of it, or that of the models that have a price."""
        return self.known_usd if self.cost_usd is None else self.cost_usd


class Part(FrozenModel):
    """A slice of a job that goes out as one batch."""

    number: int
    generation: int = 1
    state: PartState = PartState.READY
    nonce: str
    requests: int
    bytes: int
    crc32: int  # of the body: it guards against a disk that errs, and nobody else can write there
    index_crc32: int = 0  # of the list of its requests
    places_crc32: int = 0  # of the table that says where their results lie
    attempt: int = 0
    intent: Intent | None = None
    candidates: tuple[str, ...] = ()
    struck: tuple[str, ...] = ()
    adopting: bool = False  # the candidate is a person's: if it is not ours, the part is undecided still
    abandoned: tuple[str, ...] = ()  # batches paid for, and given up for another attempt by a person
    given_up: tuple[str, ...] = ()  # when each attempt began of which it will never be known what it cost
    batch_id: str | None = None
    prepared_at: str | None = None  # when the last attempt began
    doubted_at: str | None = None
    refused_at: str | None = None
    submitted_at: str | None = None
    ended_at: str | None = None
    collected_at: str | None = None
    last: bool = False  # its rows go out no more: the spool was copied, another may have sent them again
    refusal: Refusal | None = None
    doubt: str | None = None  # why the last attempt is, or was, in doubt
    outcomes: dict[str, int] = Field(default_factory=dict)
    again: int = 0  # rows that went out again in the next generation
    usage: dict[str, Tokens] = Field(default_factory=dict)
    estimate: Estimate | None = None

    @property
    def key(self) -> tuple[int, int]:
        """Number and generation: unique in its job."""
        return (self.number, self.generation)

    @property
    def label(self) -> str:
        """The stem of this part's files in the job's folder."""
        again = f"-g{self.generation}" if self.generation > 1 else ""
        return f"part-{self.number:03d}{again}"

    def after(self, event: Event, **facts: object) -> Self:
        """Return the part as it is after *event*, with *facts* that became known by it."""
        return self.model_copy(update={"state": follow(self.state, event), **facts})


class Output(FrozenModel):
    """A file to publish: written, synced and digested under *source* in the job's folder."""

    folder: Literal["outbox", "rejected"]
    name: str
    source: str
    size: int
    sha256: str


class Decision(FrozenModel):
    """What a person made of a job that was held: for its story, nothing is decided by it.

    problem, held_at: why and since when it was held, as far as that was written down; by: a user's name.
    """

    verb: str
    at: str
    by: str = ""
    batch_id: str | None = None
    problem: str = ""
    held_at: str | None = None


class HoldNotice(FrozenModel):
    """The last notice that the job was held for what it may cost: its name in the outbox, and its number.

    stem: which it told; what it told else stands in the job's `excess`.
    """

    name: str
    number: int
    stem: str


class Owner(FrozenModel):
    """The process that last wrote the manifest."""

    host: str
    boot_id: str
    pid: int


class Manifest(FrozenModel):
    """Everything that is known of one job."""

    schema_number: int = Field(default=SCHEMA, alias="schema")
    spool_id: str
    epoch: int
    revision: int = 0
    owner: Owner
    job: JobId
    state: JobState = JobState.TAKEN
    source: SourceFile
    voucher: OkMarker | None = None
    stem: str
    input: Input | None = None
    mistakes: tuple[Problem, ...] = ()
    mistakes_total: int = 0
    parts: tuple[Part, ...] = ()
    outputs: tuple[Output, ...] = ()
    status: str | None = None
    cancel_asked_at: str | None = None
    cancel_asked_by: str = ""  # the file that asked for it; empty if a command did
    priority: Priority = Priority.NORMAL
    priority_asked: Priority | None = None  # by the file's name, whether its queue allows that or not
    betas: tuple[str, ...] = ()  # beta features of the API that its batches are made with
    estimated_by: str = ""  # how, in words
    excess: str = ""  # what it would have exceeded, with figures: it was put aside for that
    told: HoldNotice | None = None
    approved_at: str | None = None  # a person says: send it all the same
    decisions: tuple[Decision, ...] = ()
    taken_at: str
    checked_at: str | None = None
    published_at: str | None = None

    def after(self, event: Event, **facts: object) -> Self:
        """Return the job as it is after *event*, with *facts* that became known by it."""
        return self.model_copy(update={"state": follow(self.state, event), **facts})

    def with_part(self, part: Part, *more: Part) -> Self:
        """Return the job with *part* in the place of its former self, and *more* parts added."""
        parts = tuple(part if old.key == part.key else old for old in self.parts)
        return self.model_copy(update={"parts": parts + more})

    def part(self, key: tuple[int, int]) -> Part:
        """Return the part with that number and generation."""
        return next(part for part in self.parts if part.key == key)
