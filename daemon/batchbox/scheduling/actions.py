"""Actions: what the plan can find due, as data."""

from dataclasses import dataclass

from batchbox.cost.limits import LimitExceeded
from batchbox.domain.batch import Batch
from batchbox.domain.job import JobId

PartKey = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Ingest:
    """Check a file and write its parts."""

    job: JobId


@dataclass(frozen=True, slots=True)
class Submit:
    """Send a part."""

    job: JobId
    part: PartKey


@dataclass(frozen=True, slots=True)
class Recover:
    """Put a part that nobody is sending into the state that a restart would find it in."""

    job: JobId
    part: PartKey


@dataclass(frozen=True, slots=True)
class Look:
    """List what the workspace holds since a part in doubt was sent; *final* if it is the second look."""

    job: JobId
    part: PartKey
    final: bool


@dataclass(frozen=True, slots=True)
class Prove:
    """Read the rows of each candidate that has ended, until one proves to be ours."""

    job: JobId
    part: PartKey
    batches: tuple[Batch, ...]


@dataclass(frozen=True, slots=True)
class LoseSight:
    """Give up on a candidate that was deleted before it could be read."""

    job: JobId
    part: PartKey
    batch_id: str


@dataclass(frozen=True, slots=True)
class Collect:
    """Fetch the rows of a batch that has ended."""

    job: JobId
    part: PartKey
    batch: Batch


@dataclass(frozen=True, slots=True)
class Publish:
    """Write the outputs of a job, or go on where that was broken off."""

    job: JobId


@dataclass(frozen=True, slots=True)
class Park:
    """Move a job aside that only a person can decide."""

    job: JobId


@dataclass(frozen=True, slots=True)
class Withhold:
    """Put a job aside before any of it was sent: it would exceed what may be spent."""

    job: JobId
    excess: tuple[LimitExceeded, ...]


@dataclass(frozen=True, slots=True)
class CallOff:
    """End what a person canceled and is not at the API."""

    job: JobId


@dataclass(frozen=True, slots=True)
class CancelBatch:
    """Ask the API to end a batch that a person canceled."""

    job: JobId
    part: PartKey
    batch: Batch


@dataclass(frozen=True, slots=True)
class Poll:
    """Ask for the state of all these batches at once."""

    batch_ids: frozenset[str]


JobAction = (
    Ingest
    | Submit
    | Recover
    | Look
    | Prove
    | LoseSight
    | CallOff
    | CancelBatch
    | Collect
    | Publish
    | Park
    | Withhold
)
# what depends on a file's or an answer's content, and so may always end the process in the same way
Risky = Ingest | Collect | Publish
Action = JobAction | Poll
