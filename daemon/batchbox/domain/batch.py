"""A batch as the API shows it, and a page of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # commands that only look have no use for the decoder
    pass


@dataclass(frozen=True, slots=True)
class Batch:
    """What the API says of a batch. *total* is None where it does not say how many requests it has."""

    id: str
    ended: bool
    total: int | None
    created_at: str
    ended_at: str | None = None
    archived_at: str | None = None
    results_url: str | None = None
    canceling: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list of batches, newest first."""

    batches: tuple[Batch, ...]
    has_more: bool
