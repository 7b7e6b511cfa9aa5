"""What a second try came to is put beside the questions of a table."""

import io
import json
from typing import Any

import pytest

from batchbox.domain.errors import Stop
from batchbox.formats.csv_reader import Table
from batchbox.formats.merge_rows import Merged, MergeRows, TryFiles
from batchbox.formats.merge_tables import merge_table

FIRST = (
    '\ufeffnr;text;status;answer_text;stop_reason;error\n01;"a;\r\nb";succeeded;yes;end_turn;\n'
    '02;=c;errored;;;no\n"03;broken";;skipped;;;cells\n'
).encode()
MESSAGE = {"content": [{"type": "text", "text": "- new"}], "stop_reason": "max_tokens"}


def succeeded(custom_id: str) -> dict[str, Any]:
    return {"custom_id": custom_id, "result": {"type": "succeeded", "message": MESSAGE}}


def put_together(
    first: bytes, *rows: dict[str, Any], id_column: str | None = "nr", add: bool = False
) -> tuple[list[str], Merged]:
    """Return the lines that were written, and what was told."""
    out = io.BytesIO()
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    tries = TryFiles([MergeRows(io.BytesIO(data), "later")])
    merged = merge_table(Table(io.BytesIO(first), "csv"), id_column, tries, out, add)
    return out.getvalue().decode().split("\n"), merged


def refused(first: bytes, *rows: dict[str, Any], id_column: str | None = "nr") -> Stop:
    with pytest.raises(Stop) as caught:
        put_together(first, *rows, id_column=id_column)
    assert caught.value.fix
    return caught.value


def test_the_rest_of_the_table_stays_as_it_was() -> None:
    """Byte for byte, where nothing takes a place: it was written by the same hand."""
    lines, merged = put_together(FIRST)
    assert "\n".join(lines).encode() == FIRST
    assert merged == Merged(rows=3, unanswered=2)


def test_results_take_their_places_in_the_last_columns() -> None:
    """Guarded as any; what was asked stays, and an answer is not taken for a worse one."""
    expired = {"custom_id": "01", "result": {"type": "expired"}}
    lines, merged = put_together(FIRST, succeeded("02"), expired)
    assert lines[1:4] == ['01;"a;\r', 'b";succeeded;yes;end_turn;', "02;=c;succeeded;'- new;max_tokens;"]
    assert merged == Merged(rows=3, replaced=1, unanswered=1)


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        ({"custom_id": "02", "line": 1, "status": "succeeded", "text": "yes", "stop_reason": "x"}, "yes;x;"),
        (
            {"custom_id": "02", "line": 1, "status": "succeeded", "text": "", "usage": {"input_tokens": 9}},
            ";;",
        ),
        ({"custom_id": "02", "line": 1, "status": "expired", "error": "late"}, ";;late"),
        ({"custom_id": "02", "result": {"type": "expired"}}, ";;the batch expired before"),
        (succeeded("02") | {"result": {"type": "succeeded", "message": {"content": "\ud83d"}}}, ";;"),
    ],
    ids=["answer", "with-usage", "no-answer", "failed", "odd"],
)
def test_rows_of_either_kind_are_read(row: dict[str, Any], cells: str) -> None:
    """Of answers, and of results."""
    lines, _ = put_together(FIRST, row)
    status = row["status"] if "status" in row else row["result"]["type"]
    assert lines[3].startswith(f"02;=c;{status};{cells}")


@pytest.mark.parametrize("id_column", ["NR", "nR", "nr"])
def test_the_column_of_the_ids_is_found_in_any_letters(id_column: str) -> None:
    """As it is where the table is dropped."""
    for header in (b"Nr;", b"nr;"):
        _, merged = put_together(FIRST.replace(b"nr;", header), succeeded("02"), id_column=id_column)
        assert merged.replaced == 1
    _, merged = put_together(FIRST.replace(b"nr;", b"Custom_ID;"), succeeded("02"), id_column=None)
    assert merged.replaced == 1


UNREADABLE = [
    ("0019;It works;and more", "nr;text"),
    ("0019", "nr;text"),
    ("It works;0019 ;and more", "text;nr"),
    ('0019;It ""works"";"and more', "nr;text"),
    ('0019;"It" works\n', "nr;text"),
    ('a\u2028b;0019;"never\nclosed\n0020;c\n', "text;nr;more"),
]


@pytest.mark.parametrize(("raw", "header"), UNREADABLE)
def test_a_row_that_could_not_be_read_is_found_by_its_id(raw: str, header: str) -> None:
    """It stands whole in the first column; corrected under its id, its answer is put beside it."""
    quoted = '"' + raw.replace('"', '""') + '"'
    empty = ";" * header.count(";")
    table = f"{header};status;answer_text;stop_reason;error\n{quoted}{empty};skipped;;;cells\n".encode()
    failed = {"custom_id": "0019", "result": {"type": "expired"}}
    for rows in ([failed], [failed, succeeded("0019")]):
        lines, merged = put_together(table, *rows)
        assert (merged.rows, merged.replaced, merged.added) == (1, 1, 0)
        table = "\n".join(lines).encode()
    assert table.decode().endswith(f"{empty};succeeded;'- new;max_tokens;\n")
    assert raw[:4] in table.decode()


def test_a_row_is_never_taken_for_another_that_could_not_be_read() -> None:
    """A cell too many may stand where the id does; then nothing is written."""
    table = FIRST.replace(b'"03;broken";', b'"02;b;c";')
    assert "02" in refused(table, succeeded("02")).problem
    assert "does not know: b" in refused(table, succeeded("b")).problem


def test_a_row_that_has_no_place_is_refused_or_added() -> None:
    """With nothing but its id: what was asked is not known."""
    assert "does not know: 04" in refused(FIRST, succeeded("04")).problem
    lines, merged = put_together(FIRST, succeeded("04"), add=True)
    assert lines[-2] == "04;;succeeded;'- new;max_tokens;"
    assert (merged.rows, merged.added) == (4, 1)


def test_what_cannot_be_merged_is_told() -> None:
    """No table of answers, no ids, no such column, no row."""
    assert "no table of answers" in refused(b"nr,text\n1,x\n").problem
    no_ids = refused(FIRST, id_column=None)
    assert "custom_id or id" in no_ids.problem
    assert "(nr, text)" in no_ids.fix
    assert '"number"' in refused(FIRST, id_column="number").problem
    assert "no row" in refused(FIRST.split(b"\n")[0] + b"\n").problem
    assert "line 2: this row has 1 cells" in refused(FIRST.split(b"\n")[0] + b"\n1\n").problem
