"""What the API says, however oddly: one entry never hides the others, and doubt counts as possible."""

import json
from typing import Any

import pytest

from batchbox.api.wire import read_batch, read_page
from batchbox.domain.errors import TryLater

COUNTS = {"processing": 0, "succeeded": 2, "errored": 1, "canceled": 0, "expired": 0}
WHOLE = {
    "id": "b-1",
    "type": "message_batch",
    "processing_status": "ended",
    "created_at": "2026-11-01T10:00:00Z",
    "request_counts": COUNTS,
    "new_field": [1, 2],
}
ODD: dict[str, dict[str, Any]] = {
    "counts-null": {"request_counts": None},
    "count-null": {"request_counts": COUNTS | {"errored": None}},
    "counts-absent": {"request_counts": ...},
    "created-number": {"created_at": 5},
    "status-number": {"processing_status": 5},
}


def change(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (WHOLE | fields).items() if value is not ...}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_batch_hides_no_other(name: str) -> None:
    """It is kept, as one that may have any number of requests; the others are as they are."""
    page = json.dumps({"data": [change(ODD[name]), WHOLE | {"id": "b-2"}], "has_more": None}).encode()
    odd, whole = read_page(page).batches
    assert odd.id == "b-1"
    assert odd.total is None or odd.total == 3
    assert odd.total is None or "counts" not in name
    assert (whole.id, whole.ended, whole.total) == ("b-2", True, 3)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"<html>", b'{"data":null}'])
def test_what_is_no_list_is_asked_for_again(body: bytes) -> None:
    """A list that cannot be read is never taken for one without our batch."""
    with pytest.raises(TryLater):
        read_page(body)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"id":null}', b"\xff"])
def test_what_is_no_batch_is_told(body: bytes) -> None:
    """An answer without an id is not an acceptance."""
    with pytest.raises(TryLater):
        read_batch(body)


@pytest.mark.parametrize("entry", [{"id": 5}, {"id": None}, {}, {"processing_status": "ended"}])
def test_an_entry_without_an_id_hides_no_other(entry: dict[str, Any]) -> None:
    """It cannot be one of ours, and is passed over."""
    page = read_page(json.dumps({"data": [entry, WHOLE], "has_more": False}).encode())
    assert [batch.id for batch in page.batches] == ["b-1"]


@pytest.mark.parametrize(
    ("data", "said", "has_more"),
    [([], True, True), ([], None, False), ([WHOLE], None, True), ([WHOLE], False, False)],
)
def test_a_list_is_never_taken_to_end_before_it_says_so(
    data: list[Any], said: bool | None, has_more: bool
) -> None:
    """Our batch may be on the next page."""
    assert read_page(json.dumps({"data": data, "has_more": said}).encode()).has_more is has_more
