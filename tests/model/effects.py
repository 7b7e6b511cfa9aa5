"""What a step asks of the world, one thing at a time, and how it can end."""

from dataclasses import dataclass

DONE = "done"
FAILED = "failed"  # the disk refused, and nothing was written
FAILED_AFTER = "failed after"  # the disk refused when all was written
DOWN = 0  # in the place of a status: no answer at all
EXPIRED = "expired"


@dataclass(frozen=True)
class Save:
    """Replace the manifest; *manifest* is the number of the new one."""

    manifest: int


@dataclass(frozen=True)
class Leave:
    """Move the job's folder to hold/."""


@dataclass(frozen=True)
class Connect:
    """Connect and send all of a body but its last byte."""


@dataclass(frozen=True)
class LastByte:
    """Let the last byte of a body go."""


@dataclass(frozen=True)
class Answer:
    """Wait for the answer to a create."""


@dataclass(frozen=True)
class Ask:
    """Ask for a page of the list."""

    after: str | None
    limit: int


@dataclass(frozen=True)
class Fetch:
    """Fetch the rows of a batch."""

    batch_id: str


@dataclass(frozen=True)
class Cancel:
    """Ask for an end of a batch."""

    batch_id: str


@dataclass(frozen=True)
class End:
    """The step has returned or raised: the new manifest, what a look found, or what went wrong."""

    manifest: int | None = None
    found: frozenset[str] | None = None
    error: Exception | None = None


Effect = Save | Leave | Connect | LastByte | Answer | Ask | Fetch | Cancel
