"""The records of a manifest: frozen values, checked when they are made.

Times are RFC 3339 in UTC and for people.
"""

import base64
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from batchbox.domain.file_types import FORMS, Form, form_of


class FrozenModel(BaseModel):
    """A frozen value that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def _changed(self, **facts: object) -> Self:
        """Return a copy with *facts*, checked like what is read; only for methods that name what changed."""
        return self.model_validate(self.__dict__ | facts)


class SourceFile(FrozenModel):
    """The file as the producer dropped it."""

    name: str  # for people; bytes that are not UTF-8 are percent-encoded
    name_b64: str  # the exact bytes
    queue: str
    size: int
    inode: int
    mtime_ns: int

    def seen_as(self, inode: int, size: int, mtime_ns: int) -> Self:
        """Return the same name with another file behind it."""
        return self._changed(inode=inode, size=size, mtime_ns=mtime_ns)

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

    def of_file(self, size: int, sha256: str) -> Self:
        """Return the same counts for a file of that size and digest."""
        return self._changed(bytes=size, sha256=sha256)


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


OutputFolder = Literal["outbox", "rejected"]


class Output(FrozenModel):
    """A file to publish: written, synced and digested under *source* in the job's folder."""

    folder: OutputFolder
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
