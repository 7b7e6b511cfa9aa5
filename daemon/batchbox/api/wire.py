"""What the API says, as values of ours.

Unknown fields are ignored and every field but the id may be absent or null: in a list that holds
strangers' batches too, one odd entry must not hide the others. What cannot be known of a batch counts
as possible: without a count it may be ours.
"""

import re

import msgspec

from batchbox.domain.batch import Batch, Page
from batchbox.domain.errors import TryLater

ID = re.compile(r"[A-Za-z0-9_.:-]{1,256}")


class _Counts(msgspec.Struct):
    processing: int
    succeeded: int
    errored: int
    canceled: int
    expired: int


class _Batch(msgspec.Struct):
    id: str
    processing_status: str | None = None
    created_at: str | None = None
    request_counts: msgspec.Raw = msgspec.Raw(b"null")
    ended_at: str | None = None
    archived_at: str | None = None
    results_url: str | None = None


class _Id(msgspec.Struct):
    id: str


class _Page(msgspec.Struct):
    data: list[msgspec.Raw]
    has_more: bool | None = None


_batch = msgspec.json.Decoder(_Batch)
_counts = msgspec.json.Decoder(_Counts)
_id = msgspec.json.Decoder(_Id)
_page = msgspec.json.Decoder(_Page)


def read_batch(body: bytes) -> Batch:
    """Return the batch that *body* describes. Raise `TryLater` if it does not describe one."""
    try:
        batch = _batch.decode(body)
        if not ID.fullmatch(batch.id):
            raise TryLater("the API's answer is not a batch: its id is none", shared=True)
        return _convert(batch)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TryLater(f"the API's answer is not a batch: {error}", shared=True) from None


def read_page(body: bytes) -> Page:
    """Return the page that *body* describes. Raise `TryLater` if it does not describe one."""
    try:
        page = _page.decode(body)
        batches = tuple(batch for entry in page.data if (batch := _read_entry(entry)))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TryLater(f"the API's answer is not a list of batches: {error}", shared=True) from None
    has_more = bool(batches) if page.has_more is None else page.has_more
    return Page(batches, has_more)


def _read_entry(entry: msgspec.Raw) -> Batch | None:
    """Return an entry of a list; None if it has no id, for then it can be none of ours."""
    try:
        return _convert(_batch.decode(entry))
    except msgspec.ValidationError:
        pass
    try:
        return Batch(id=_id.decode(entry).id, ended=False, total=None, created_at="")
    except msgspec.ValidationError:
        return None


def _convert(batch: _Batch) -> Batch:
    return Batch(
        id=batch.id,
        ended=batch.processing_status == "ended",
        total=_count(batch.request_counts),
        created_at=batch.created_at or "",
        ended_at=batch.ended_at,
        archived_at=batch.archived_at,
        results_url=batch.results_url,
        canceling=batch.processing_status == "canceling",
    )


def _count(raw: msgspec.Raw) -> int | None:
    try:
        counts = _counts.decode(raw)
    except msgspec.ValidationError:
        return None
    return counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired
