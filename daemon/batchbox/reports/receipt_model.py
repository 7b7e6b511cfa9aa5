"""The shape of a receipt, for those who read it with a program. `reports.receipt` composes it."""

from typing import Literal

from pydantic import Field

from batchbox.domain.priorities import Priority
from batchbox.domain.records import FrozenModel, Problem, Tokens


class Counts(FrozenModel):
    """How the requests ended; those of a refused file never began."""

    succeeded: int
    errored: int
    canceled: int
    expired: int
    skipped: int = Field(description="lines with mistakes that were left out (bad_lines = skip)")


class Times(FrozenModel):
    """When things happened: RFC 3339, in UTC; null for what never did."""

    taken: str
    checked: str | None
    submitted: str | None = Field(description="when its first batch was created")
    ended: str | None = Field(description="when its last batch had ended")
    published: str | None


class DroppedFile(FrozenModel):
    """The file as it was dropped."""

    name: str = Field(description="bytes that are not UTF-8 are percent-encoded")
    name_b64: str = Field(description="its exact bytes, in base64")
    lines: int | None = None
    size: int | None = Field(None, description="bytes")
    sha256: str | None = None


class Published(FrozenModel):
    """A file that was published before the receipt."""

    folder: Literal["outbox", "rejected"]
    name: str
    size: int = Field(description="bytes")
    sha256: str


class Estimated(FrozenModel):
    """What the requests might have used and cost, as it was reckoned before they were sent."""

    input_tokens: int
    output_tokens: int = Field(description="at most, as max_tokens allows")
    cost_usd: float | None = Field(description="at most; null where a price is not known")
    unbatched_usd: float | None = Field(description="at most, without batching")
    models: tuple[str, ...]
    how: str = Field(description="how it was made")
    actual_by_estimated_input: float | None = Field(
        None,
        description="input tokens that were used for each that was estimated, of what was answered",
    )


class Approval(FrozenModel):
    """Why the file was put aside before anything was sent, and who said to send it all the same."""

    reason: str = Field(description="what it would have exceeded, with figures")
    approved_at: str | None = Field(description="null if nobody did: it fitted later, or was canceled")
    approved_by: str | None = Field(description="null if that is not known")


class Receipt(FrozenModel):
    """What the producer of a file gets last, as NAME.receipt.json."""

    schema_number: Literal[1] = Field(alias="schema", description="of this shape; it grows when a field goes")
    status: Literal["succeeded", "partial", "failed", "rejected", "canceled"]
    message: str = Field(description="the status in a sentence, and what to do")
    file: str
    queue: str
    job: str
    priority: Priority = Field(Priority.NORMAL, description="as which it went out")
    priority_asked: Priority | None = Field(None, description="what its name asked for; null if nothing")
    requests: int = Field(description="rows that were published; 0 if the file was refused")
    counts: Counts
    usage: dict[str, Tokens] = Field(description="by model")
    cost: str = Field(description="what it cost, and would have cost without batching, in words")
    cost_usd: float | None = Field(description="null where a price is not known")
    unbatched_usd: float | None = Field(
        description="what it would have cost without batching; null if unknown"
    )
    estimate: Estimated | None = Field(None, description="what was reckoned before")
    held: Approval | None = Field(None, description="only if it was held for what it might cost")
    batches: tuple[str, ...] = Field(description="ids at the API")
    times: Times
    input: DroppedFile
    outputs: tuple[Published, ...]
    mistakes_total: int | None = None
    mistakes: tuple[Problem, ...] = Field((), description="the first of them")
    refusals: tuple[str, ...] = Field((), description="what the API said to parts that it refused")


class Exceeded(FrozenModel):
    """A limit that the file would exceed; sums in US dollars, or requests, as the setting says."""

    setting: str
    queue: str | None = Field(description="whose limit it is; null where it is not one queue's")
    limit: float
    spent: float = Field(description="on that day (UTC), before")
    wanted: float | None = Field(description="what the file may add at most; null where that is not known")


class HeldNotice(FrozenModel):
    """What the producer of a file gets, as NAME.held.json, while somebody has to approve of its cost."""

    schema_number: Literal[1] = Field(alias="schema", description="of this shape; it grows when a field goes")
    kind: Literal["held"]
    message: str
    reason: str = Field(description="what it would exceed, with figures, in words")
    what_to_do: str
    file: str
    queue: str
    job: str
    requests: int
    estimate: Estimated | None = Field(
        description="what it may use and cost; null if that was never reckoned"
    )
    exceeded: tuple[Exceeded, ...]
    held_at: str
    input: DroppedFile
    receipt: str = Field(description="the name of the receipt that comes in the end")
