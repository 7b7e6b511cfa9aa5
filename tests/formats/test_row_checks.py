"""Rows: what each says, and that none is missing, doubled or foreign."""

import json

import pytest

from batchbox.domain.errors import TryLater
from batchbox.domain.wire_ids import mark
from batchbox.formats.row_checks import RETRIED_ERRORS, ResultRow, RowChecks, read_row
from tests.support.values import NONCE


def row(result: object) -> ResultRow:
    return read_row(json.dumps({"custom_id": "a-x", "result": result}).encode())


def succeeded(usage: object) -> ResultRow:
    return row({"type": "succeeded", "message": {"model": "m", "usage": usage}})


def errored(error: object) -> ResultRow:
    return row({"type": "errored", "error": error})


def test_the_result_is_kept_byte_for_byte() -> None:
    """What the API sent is what the producer gets: spacing, numbers, escapes and order."""
    result = '{ "type" :"succeeded", "message":{"model":"m","x":1.0e3,"t":"\\u00e9 \u2028","usage":null} }'
    line = f'{{"custom_id":"a-x", "result": {result} ,"new":1}}\n'.encode()
    assert read_row(line).result == result.encode()


@pytest.mark.parametrize(
    ("result", "outcome", "again", "reason"),
    [
        ({"type": "succeeded", "message": {}}, "succeeded", False, None),
        ({"type": "expired"}, "expired", True, "expired before"),
        ({"type": "canceled"}, "canceled", False, "canceled before"),
        ({"type": "pondered", "new": 1}, "pondered", False, '"pondered"'),
        ({"type": "errored"}, "errored", False, "no reason was given"),
        ({"type": "errored", "error": None}, "errored", False, "no reason was given"),
    ],
    ids=["succeeded", "expired", "canceled", "unknown", "no-error", "null-error"],
)
def test_each_type_of_row_is_told(result: object, outcome: str, again: bool, reason: str | None) -> None:
    """A row's outcome is its type, known or not; only what expired is worth another try."""
    found = row(result)
    assert (found.wire_id, found.outcome, found.again) == ("a-x", outcome, again)
    assert reason is None or reason in found.reason


@pytest.mark.parametrize("kind", sorted(RETRIED_ERRORS))
def test_the_services_own_failures_go_out_again(kind: str) -> None:
    """An error of the service is worth another try, wrapped as usual or bare."""
    bare = {"type": kind, "message": "busy"}
    for error in (bare, {"type": "error", "error": bare, "request_id": "r"}):
        found = errored(error)
        assert (found.again, found.reason) == (True, f"{kind}: busy")


@pytest.mark.parametrize(
    "kind",
    ["invalid_request_error", "not_found_error", "permission_error", "billing_error", "brand_new_error"],
)
def test_the_requests_own_failures_do_not(kind: str) -> None:
    """An error of the request is final, and so is one of a kind that is not known."""
    bare = {"type": kind, "message": "no"}
    for error in (bare, {"type": "error", "error": bare}):
        found = errored(error)
        assert (found.again, found.reason) == (False, f"{kind}: no")


@pytest.mark.parametrize("usage", [5, "many", [], {"input_tokens": "3"}, {"output_tokens": 1.5}])
def test_usage_that_cannot_be_read_keeps_no_row_back(usage: object) -> None:
    """Odd usage leaves the row an answer, and its model known."""
    found = succeeded(usage)
    assert (found.outcome, found.model, found.usage) == ("succeeded", "m", None)


@pytest.mark.parametrize("usage", [None, "absent"])
def test_a_row_without_usage_has_none(usage: object) -> None:
    """No usage is none, rather than zeros."""
    message = {"model": "m"} | ({} if usage == "absent" else {"usage": usage})
    assert row({"type": "succeeded", "message": message}).usage is None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"null",
        b"[1]",
        b'{"custom_id":"a-x"}',
        b'{"result":{"type":"expired"}}',
        b'{"custom_id":5,"result":{"type":"expired"}}',
        b'{"custom_id":"a-x","result":null}',
        b'{"custom_id":"a-x","result":{}}',
        b'{"custom_id":"a-x","result":{"type":7}}',
        b'{"custom_id":"a-x","result":{"type":"expi',
        b'{"custom_id":"a-x","result":{"type":"expired"}}{"custom_id"',
        b"<html>502 Bad Gateway</html>",
        b'{"custom_id":"a-x","result":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=[
        "empty",
        "newline",
        "null",
        "list",
        "no-result",
        "no-id",
        "number-id",
        "null-result",
        "no-type",
        "number-type",
        "cut",
        "glued",
        "html",
        "deep",
    ],
)
def test_what_is_not_a_row_is_fetched_again(line: bytes) -> None:
    """A damaged line means a damaged stream: fetch it again, publish nothing of it."""
    with pytest.raises(TryLater, match="is not a row"):
        read_row(line)


def test_a_line_separator_within_a_text_ends_no_row() -> None:
    """U+2028 and U+0085 are letters like any other."""
    line = '{"custom_id":"a-x","result":{"type":"t","t":"\u2028\u0085"}}'.encode()
    assert read_row(line).result == '{"type":"t","t":"\u2028\u0085"}'.encode()


BASES = ("a", "b-b", "3")


def enter_all(ledger: RowChecks, bases: tuple[str, ...], nonce: str = NONCE) -> list[int]:
    return [ledger.enter(mark(base, nonce)) for base in bases]


def test_a_ledger_closes_once_every_row_is_in() -> None:
    """Every request has had its row, in whatever order, and each gave its number back."""
    ledger = RowChecks(NONCE, BASES)
    assert enter_all(ledger, BASES[::-1]) == [2, 1, 0]
    ledger.close()


@pytest.mark.parametrize("left_out", BASES)
def test_a_missing_row_is_named(left_out: str) -> None:
    """A ledger with a row too few does not close, and says which."""
    ledger = RowChecks(NONCE, BASES)
    enter_all(ledger, tuple(base for base in BASES if base != left_out))
    with pytest.raises(TryLater, match=f"^1 of 3 rows are missing from the results: {left_out}$"):
        ledger.close()


def test_many_missing_rows_are_counted_and_a_few_named() -> None:
    """A complaint about thousands of rows stays a sentence."""
    ledger = RowChecks(NONCE, (f"id-{number:04d}" for number in range(5000)))
    with pytest.raises(TryLater, match=r"^5000 of 5000 rows .*: id-0000, id-0001, id-0002, …$"):
        ledger.close()


def test_a_row_that_comes_twice_is_refused() -> None:
    """A row too many is as wrong as one too few."""
    ledger = RowChecks(NONCE, BASES)
    enter_all(ledger, ("a",))
    with pytest.raises(TryLater, match=f'the row "a-{NONCE}" twice'):
        enter_all(ledger, ("a",))


@pytest.mark.parametrize(
    "wire_id",
    ["a", "a-zzzzzzzzzzzz", f"c-{NONCE}", f"-{NONCE}", "", f"A-{NONCE}", f"a-{NONCE}-{NONCE}"],
)
def test_a_row_that_was_never_asked_for_is_refused(wire_id: str) -> None:
    """A stranger's row, or one of another part of ours, is no answer; nothing is counted for it."""
    ledger = RowChecks(NONCE, BASES)
    with pytest.raises(TryLater, match="never asked for"):
        ledger.enter(wire_id)
    with pytest.raises(TryLater, match=r"^3 of 3 rows are missing"):
        ledger.close()


@pytest.mark.parametrize(
    "result",
    [
        b'{"type":"errored","error":"a plain word"}',
        b'{"type":"succeeded","message":{"model":null,"usage":{"input_tokens":1}}}',
    ],
    ids=["error-is-a-string", "model-is-null"],
)
def test_an_odd_detail_is_no_reason_to_keep_a_row_back(result: bytes) -> None:
    """A row that has an id and a type is a row, whatever its details look like."""
    row = read_row(b'{"custom_id":"a-nonce","result":' + result + b"}")
    assert row.result == result
    assert row.wire_id == "a-nonce"


HEAD = b'{"custom_id":"a-nonce","result":{"type":"succeeded","message":{"model":"m","content":[{"text":"'
NOT_STRICT = {
    "half-a-character": HEAD + b'\\ud83d"}]}}}\n',
    "not-utf8": HEAD + b'\xff"}]}}}\n',
    "nan": HEAD + b'"}],"score":NaN}}}\n',
}


@pytest.mark.parametrize("name", NOT_STRICT)
def test_a_whole_row_that_is_not_strict_json_is_kept(name: str) -> None:
    """It was paid for: its result goes out byte for byte, and holds back no other row."""
    row = read_row(NOT_STRICT[name])
    assert (row.wire_id, row.outcome, row.again) == ("a-nonce", "succeeded", False)
    assert NOT_STRICT[name] == b'{"custom_id":"a-nonce","result":' + row.result + b"}\n"
    assert read_row(NOT_STRICT[name].rstrip(b"\n")) == row


WHOLE_ROW = HEAD + b'"}],"n":1}}}'


def test_a_row_that_was_cut_or_glued_is_never_kept() -> None:
    """Half a row before a whole one, or an odd row cut short, was damaged on the way: it is fetched again."""
    odd = NOT_STRICT["half-a-character"].rstrip(b"\n")
    damaged = [WHOLE_ROW[:cut] + WHOLE_ROW for cut in range(1, len(WHOLE_ROW) + 1)]
    damaged += [odd[:cut] + end for cut in range(len(odd)) for end in (b"", b"\n", b"}\n")]
    kept = [line for line in damaged if line.strip() != odd and not is_refused(line)]
    assert kept == []


def is_refused(line: bytes) -> bool:
    try:
        read_row(line)
    except TryLater:
        return True
    return False
