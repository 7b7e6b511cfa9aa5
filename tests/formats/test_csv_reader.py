"""Tables are read as spreadsheets write them, and what is wrong is told with its line."""

import csv
import io
import tracemalloc
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchbox.domain.errors import InvalidFile
from batchbox.formats import csv_reader
from batchbox.formats.csv_reader import Table, TableProblem, TableRecord

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=6)


def read(
    data: bytes, kind: Literal["csv", "tsv"] = "csv"
) -> tuple[tuple[str, ...], list[TableRecord | TableProblem]]:
    table = Table(io.BytesIO(data), kind)
    return table.columns, list(table.records())


@settings(max_examples=60, deadline=None)
@given(
    rows=ROWS,
    delimiter=st.sampled_from([",", ";", "\t"]),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_a_spreadsheet_wrote_is_read_as_it_was(
    rows: list[tuple[str, str, str]], delimiter: str, end: str, encoding: str
) -> None:
    """Whatever stands in the cells: every row comes back, under the line on which it begins."""
    out = io.StringIO(newline="")
    quoted = end == "\n"  # without that the writer forgets a lone CR
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(["id", "text", "note"])
    begins, wanted = [], []
    for row in rows:
        written = io.StringIO(out.getvalue(), newline="")
        begins.append(len(list(written)) + 1)
        writer.writerow(row)
        wanted.append(list(row))
    columns, found = read(out.getvalue().encode(encoding))
    assert columns == ("id", "text", "note")
    told = [(line, row) for line, row in zip(begins, wanted, strict=True) if any(c.strip() for c in row)]
    assert [(one.line, one.cells) for one in found if isinstance(one, TableRecord)] == told
    assert len(found) == len(told)


@pytest.mark.parametrize(
    ("data", "columns", "cells"),
    [
        (b"a;b\n1;2,5\n", ("a", "b"), ["1", "2,5"]),
        (b"a\tb\n1\t2\n", ("a", "b"), ["1", "2"]),
        (b'"a,b,c";d\n1;2\n', ("a,b,c", "d"), ["1", "2"]),
        (b"sep=;\r\na;b\r\n1;2\r\n", ("a", "b"), ["1", "2"]),
        (b"prompt\nhello, you\n", ("prompt",), None),
        (b" id , text \n1, 2 \n", ("id", "text"), ["1", " 2 "]),
        (b"a,b\r1,2\r", ("a", "b"), ["1", "2"]),
        (b"a,b\n=1+1,@SUM(A1)\n", ("a", "b"), ["=1+1", "@SUM(A1)"]),
    ],
)
def test_the_delimiter_is_told_by_the_header(
    data: bytes, columns: tuple[str, ...], cells: list[str] | None
) -> None:
    """Commas, semicolons or tabs, as many countries have it; cells stay as they are."""
    found_columns, (found,) = read(data)
    assert found_columns == columns
    assert found.cells == cells if isinstance(found, TableRecord) else cells is None


def test_a_tsv_has_tabs_whatever_else_its_header_has() -> None:
    """Its name says so."""
    columns, (found,) = read(b"a,b,c\td\n1\t2\n", "tsv")
    assert columns == ("a,b,c", "d")
    assert isinstance(found, TableRecord)


@pytest.mark.parametrize(
    ("data", "fix"),
    [
        (b',a\n0,"x"\n', "pandas: index=False"),
        (b"a,,\n1,,\n", "remove what is empty to the right"),
        (b'[{"prompt": "x"}\n', "name end in .jsonl"),
    ],
)
def test_what_to_do_fits_what_was_done(data: bytes, fix: str) -> None:
    """Row names that nobody asked for, empty columns, and lines of JSON called a table."""
    with pytest.raises(InvalidFile) as raised:
        read(data)
    assert fix in raised.value.fix


def test_rows_of_a_database_are_not_taken_for_one() -> None:
    """Where nobody quotes, a quote that happens to close rows below would swallow them silently."""
    data = b'id\tprompt\n1\tx\n2\t"hello\n3\tb\n4\tworld"\n5\t"two\nlines"\n6\ty\n'
    _, (first, flaw, *rest) = read(data, "tsv")
    assert isinstance(first, TableRecord)
    assert isinstance(flaw, TableProblem)
    assert (flaw.line, flaw.raw) == (3, '2\t"hello\n3\tb\n4\tworld"\n')
    assert "each line of it would be a whole row" in flaw.problem
    assert [(one.line, one.cells) for one in rest if isinstance(one, TableRecord)] == [
        (6, ["5", "two\nlines"]),
        (8, ["6", "y"]),
    ]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (b"1", "this row has 1 cells and the header 2"),
        (b"1,2,3", "this row has 3 cells and the header 2"),
        (b'1,"x"y', "something stands behind a closing quote, before the next cell"),
        (b'1,"two\nlines"y', "something stands behind a closing quote, before the next cell"),
        (b"1,\0", "a NUL byte stands in this row"),
    ],
)
def test_a_bad_row_is_told_and_the_next_one_is_read(row: bytes, problem: str) -> None:
    """One mistake costs one row; it is named by the line on which it begins."""
    _, (before, flaw, after) = read(b"a,b\n0,0\n" + row + b"\n8,9\n")
    assert isinstance(before, TableRecord)
    assert isinstance(flaw, TableProblem)
    assert isinstance(after, TableRecord)
    assert (flaw.line, flaw.problem, flaw.raw) == (3, problem, row.decode() + "\n")
    assert flaw.fix
    assert (after.line, after.cells) == (4 + row.count(b"\n"), ["8", "9"])


def test_a_quote_that_is_never_closed_takes_all_that_follows() -> None:
    """Nothing behind it is guessed."""
    _, (good, flaw) = read(b'a,b\n1,2\n3,"open\n4,5\n')
    assert isinstance(good, TableRecord)
    assert isinstance(flaw, TableProblem)
    assert flaw.line == 3
    assert "never closed" in flaw.problem
    assert flaw.raw == '3,"open\n4,5\n'


@pytest.mark.parametrize(
    ("data", "line", "problem"),
    [
        (b"", 1, "the file has no header"),
        (b"\n1,2\n", 1, "the file has no header"),
        (b",,\n1,2,3\n", 1, "the file has no header"),
        (b"a,,c\n1,2,3\n", 1, "column 2 has no name in the header"),
        (b'"",a\n"1","x"\n', 1, "column 1 has no name in the header"),
        (b'{"custom_id":"a","prompt":"x"}\n', 1, "the file is no table: where the header"),
        (b"a,b, a\n1,2,3\n", 1, 'two columns are called "a"'),
        (b"nr,TEXT,Text\n1,2,3\n", 1, 'two columns are called "Text"'),
        (b'"a"b,c\n', 1, "the header cannot be read"),
        (b'sep="\n"a""b"\n"1""2"\n', 1, "sep= names no character"),
        (b"sep=\r\na,b\r\n1,2\r\n", 1, "sep= names no character"),
        (b"a,b\n1,2\n3,caf\xe9\n", 3, "byte 0xe9 is not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16-le"), 1, "not text, or not in UTF-8"),
        ("a,b\n1,2\n".encode("utf-16")[:-1], 2, "the file is UTF-16, and damaged or cut off"),
        (
            "\ufeffa,b\n\u010d,\u0a0a\n1,\udc00\n".encode("utf-16-le", "surrogatepass"),
            3,
            "damaged or cut off",
        ),
    ],
)
def test_what_makes_the_whole_file_unfit(data: bytes, line: int, problem: str) -> None:
    """It is named with its line and what to do."""
    with pytest.raises(InvalidFile) as raised:
        read(data)
    assert problem in raised.value.problem
    assert raised.value.line == line
    assert raised.value.fix


def test_no_cell_without_an_end_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quote that is never closed is found out long before the file is read."""
    monkeypatch.setattr(csv_reader, "RECORD_LIMIT", 100_000)
    with pytest.raises(InvalidFile, match="more than 100,000 characters") as raised:
        read(b'a,b\n1,2\n3,"open\n' + b"4,5\n" * 1_000_000)
    assert raised.value.line == 3


def test_memory_does_not_grow_with_the_file() -> None:
    """A row is forgotten once the next is read."""
    table = Table(io.BytesIO(b"id,text\n" + b'7,"two\nlines"\n' * 40_000), "csv")
    tracemalloc.start()
    count = sum(1 for _ in table.records())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 40_000
    assert peak < 1 << 19


def test_a_header_that_is_none_is_looked_at_in_no_time() -> None:
    """Without one, a table's first row may be anything; what is shown of it is short."""
    columns, _ = read(",".join(str(number) for number in range(200_000)).encode())
    assert len(columns) == 200_000
    with pytest.raises(InvalidFile) as raised:
        read(b"long" * 1000 + b"," + b"long" * 1000 + b"\n")
    assert len(raised.value.problem) < 100
