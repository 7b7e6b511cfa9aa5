"""The rows of a second try take the places of the first's, and no row is lost or invented."""

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchbox.domain.errors import Stop
from batchbox.formats.merge_rows import Merged, MergeRows, TryFiles, merge


def result(custom_id: str, kind: str = "succeeded", note: str = "") -> dict[str, Any]:
    return {"custom_id": custom_id, "result": {"type": kind, "note": note}}


def answer(custom_id: str | None, line: int, status: str = "succeeded", note: str = "") -> dict[str, Any]:
    return {"custom_id": custom_id, "line": line, "status": status, "text": note}


def lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def put_together(first: bytes, *later: bytes, add: bool = False) -> tuple[list[dict[str, Any]], Merged]:
    """Return the rows that were written, and what was told."""
    out = io.BytesIO()
    tries = TryFiles([MergeRows(io.BytesIO(data), f"later-{turn}") for turn, data in enumerate(later)])
    merged = merge(MergeRows(io.BytesIO(first), "first"), tries, out, add)
    return [json.loads(line) for line in out.getvalue().splitlines()], merged


def refused(first: bytes, *later: bytes, add: bool = False) -> Stop:
    with pytest.raises(Stop) as caught:
        put_together(first, *later, add=add)
    assert caught.value.fix
    return caught.value


def test_a_row_that_succeeded_takes_the_place_of_any() -> None:
    """In the order of the first, whatever that of the second is."""
    first = lines([result("a"), result("b", "errored"), result("c"), result("d", "expired")])
    second = lines([result("d", note="new"), result("c", note="new"), result("b", "errored", "new")])
    rows, merged = put_together(first, second)
    assert [row["custom_id"] for row in rows] == ["a", "b", "c", "d"]
    assert [row["result"]["note"] for row in rows] == ["", "new", "new", "new"]
    assert merged == Merged(rows=4, replaced=3, answered_twice=1, added=0, unanswered=1)


def test_a_row_that_failed_takes_the_place_of_a_failed_one_alone() -> None:
    """What was answered stays."""
    first = lines([result("a"), result("b", "errored")])
    rows, merged = put_together(first, lines([result("a", "expired"), result("b", "expired")]))
    assert [row["result"]["type"] for row in rows] == ["succeeded", "expired"]
    assert (merged.replaced, merged.unanswered) == (1, 1)


def test_of_several_tries_the_last_that_succeeded_counts() -> None:
    """One that failed later takes nothing away."""
    first = lines([result("a", "errored"), result("b", "errored"), result("c", "errored")])
    tries = [[result("a", note="2"), result("b", note="2"), result("c", "expired", "2")]]
    tries += [[result("a", "expired", "3"), result("b", note="3"), result("c", "errored", "3")]]
    rows, _ = put_together(first, *map(lines, tries))
    assert [row["result"]["note"] for row in rows] == ["2", "3", "3"]


def test_rows_that_nobody_asked_for_are_refused_by_name() -> None:
    """It may be the second try of another file."""
    first, second = lines([result("a")]), lines([result(f"x{number}") for number in range(12)])
    problem = refused(first, second).problem
    assert "12 rows" in problem
    assert "x0, x1, " in problem
    assert problem.endswith("x9, …")
    rows, merged = put_together(first, second, add=True)
    assert [row["custom_id"] for row in rows] == ["a", *(f"x{number}" for number in range(12))]
    assert (merged.rows, merged.added, merged.replaced) == (13, 12, 0)


def test_answers_keep_the_line_of_the_first() -> None:
    """That of the second is one of another file."""
    first = lines([answer("a", 1), answer("b", 20, "errored")])
    rows, _ = put_together(first, lines([answer("b", 1, note="new")]))
    assert rows == [answer("a", 1), answer("b", 20, note="new")]


def test_a_line_that_was_left_out_finds_its_place() -> None:
    """It has no id of its own: its number stands for it."""
    first = lines([answer("a", 1), answer(None, 2, "skipped"), answer(None, 3, "skipped")])
    rows, merged = put_together(first, lines([answer(None, 1, "skipped"), answer("line-000003", 2)]))
    assert rows == [answer("a", 1), answer(None, 2, "skipped"), answer("line-000003", 3)]
    assert (merged.replaced, merged.unanswered) == (1, 1)


def test_bytes_stay_as_they_came() -> None:
    """Also where they are not strict JSON, and where a last newline is missing."""
    odd = rb'{"custom_id": "a","result": {"type":"succeeded","text":"\ud83d", "n": NaN}}'
    out = io.BytesIO()
    later = TryFiles([MergeRows(io.BytesIO(odd), "later")])
    merge(MergeRows(io.BytesIO(lines([result("a", "errored"), result("b")])), "first"), later, out, False)
    assert out.getvalue() == odd + b"\n" + lines([result("b")])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"nonsense\n", "line 1: this is no row"),
        (lines([result("a")]) + b"\n[]\n", "line 3: this is no row"),
        (lines([result("a")])[:-4], "line 1: this is no row"),
        (b'{"custom_id":"a"}\n', "line 1: this is no row"),
        (b"[" * 5000 + b"\n", "line 1: this is no row"),
        (
            lines([{"line": 1, "custom_id": "a", "reason": {"outcome": "errored"}, "request": 1}]),
            "errors file",
        ),
        (lines([answer("a", 1)]), "answers and results cannot"),
        (lines([result("a"), answer("a", 1)]), "line 2: a row of answers among results"),
    ],
    ids=["text", "list", "cut", "half", "deep", "errors", "answers", "both"],
)
def test_what_is_no_try_is_refused(data: bytes, told: str) -> None:
    """With its line, and in words."""
    assert told in refused(lines([result("a")]), data).problem


def test_a_first_file_that_is_none_is_refused() -> None:
    """Empty, or with an id twice that the second has."""
    assert "no row" in refused(b"\n", lines([result("a")]), add=True).problem
    assert "two rows" in refused(lines([result("a"), result("a")]), lines([result("a")])).problem


ROWS = st.dictionaries(st.text(max_size=4), st.sampled_from(["succeeded", "errored", "expired"]), max_size=8)


@settings(max_examples=40, deadline=None)
@given(st.lists(ROWS, min_size=2, max_size=4))
def test_it_is_what_reading_all_into_memory_gives(tries: list[dict[str, str]]) -> None:
    """Held against the plainest way to say it."""
    wanted = dict(tries[0]) | {"never-asked-again": "errored"}
    expected = dict.fromkeys(wanted, 0)
    best: dict[str, tuple[str, int]] = {}
    for turn, one in enumerate(tries[1:], start=1):
        for key, kind in one.items():
            if kind == "succeeded" or best.get(key, ("", 0))[0] != "succeeded":
                best[key] = kind, turn
    for key, (kind, turn) in best.items():
        if kind == "succeeded" or wanted.get(key) != "succeeded":
            expected[key] = turn
        else:
            expected.setdefault(key, turn)
    files = [lines([result(key, kind, "0") for key, kind in wanted.items()])]
    for turn, one in enumerate(tries[1:], start=1):
        files.append(lines([result(key, kind, str(turn)) for key, kind in one.items()]))
    rows, _ = put_together(*files, add=True)
    assert [(row["custom_id"], int(row["result"]["note"])) for row in rows] == list(expected.items())
