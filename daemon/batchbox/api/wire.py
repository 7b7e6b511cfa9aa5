"""What the API says, as values of ours. Unknown fields are ignored, nullable ones may be absent."""

import msgspec

from batchbox.core.errors import TryLater
from batchbox.core.storage import Batch, Page


class _Counts(msgspec.Struct):
    processing: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0


class _Batch(msgspec.Struct):
    id: str
    processing_status: str
    created_at: str
    request_counts: _Counts
    ended_at: str | None = None
    archived_at: str | None = None
    results_url: str | None = None


class _Page(msgspec.Struct):
    data: list[_Batch]
    has_more: bool = False


_batch = msgspec.json.Decoder(_Batch)
_page = msgspec.json.Decoder(_Page)


def read_batch(body: bytes) -> Batch:
    """Return the batch that *body* describes. Raise `TryLater` if it does not describe one."""
    try:
        return _convert(_batch.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TryLater(f"the API's answer is not a batch: {error}", shared=True) from None


def read_page(body: bytes, date: str) -> Page:
    """Return the page that *body* describes. Raise `TryLater` if it does not describe one."""
    try:
        page = _page.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TryLater(f"the API's answer is not a list of batches: {error}", shared=True) from None
    return Page(tuple(_convert(batch) for batch in page.data), page.has_more and bool(page.data), date)


def _convert(batch: _Batch) -> Batch:
    counts = batch.request_counts
    total = counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired
    return Batch(
        id=batch.id,
        ended=batch.processing_status == "ended",
        total=total,
        created_at=batch.created_at,
        ended_at=batch.ended_at,
        archived_at=batch.archived_at,
        results_url=batch.results_url,
    )
