"""What the engine asks of the API."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO, Protocol

from batchbox.domain.batch import Batch, Page

if TYPE_CHECKING:  # commands that only look have no use for the decoder
    from batchbox.domain.usage import PricedUsage


@dataclass(frozen=True, slots=True)
class Body:
    """The exact bytes of a part. *open* gives them from the start; *note* hears how many are on their way.

    *betas*: the beta features of the API that the batch is made with.
    """

    open: Callable[[], BinaryIO]
    size: int
    crc32: int
    note: Callable[[int], None] = lambda _count: None
    betas: tuple[str, ...] = ()


class Api(Protocol):
    """The Message Batches API, one call a method, never repeated by itself."""

    def create(self, body: Body, commit: Callable[[], None]) -> Batch:
        """Send *body*; call *commit* when all but its last byte is out. Return the batch.

        Raise `Refused` or `TryLater` only when the API definitely created nothing, or *commit* was not
        called; `InDoubt` whenever it might have. Raise `Damaged`, before *commit*, if what was read is not
        what the checksum says.
        """

    def page(self, after: str | None = None, limit: int = 1000) -> Page:
        """Return the newest batches, or those older than *after*. Raise `TryLater`."""

    def retrieve(self, batch_id: str) -> Batch | None:
        """Return one batch; None while the API says that there is none. Raise `TryLater`."""

    def cancel(self, batch_id: str) -> bool:
        """Ask for an end of the batch; False if there is nothing to cancel (yet). Raise `TryLater`."""

    def rows(self, batch: Batch) -> AbstractContextManager[Iterator[bytes]]:
        """Stream the results as raw bytes. Raise `TryLater`, or `Gone` once they are archived."""

    def tiers(self, model: str, at: datetime) -> tuple[int, ...]:
        """Return the numbers of input tokens beyond which a request costs another rate, in order."""

    def price(self, model: str, spent: "PricedUsage", at: datetime, in_batch: bool = True) -> float | None:
        """Return US dollars for what rows of one tier and place used, in a batch or not; None if unknown."""
