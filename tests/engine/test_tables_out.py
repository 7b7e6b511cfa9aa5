"""A table for a table: every row comes back, with its answer beside it."""

import csv
import io
from typing import Any

import pytest

from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.promises import check_paid_once
from tests.engine.spreadsheet import read_table
from tests.support.engine import Engine

PROMPT = {"prompt": "Friendly? {text}", "id_column": "nr", "bad_lines": "skip"}


def work(start: Start, name: str, content: bytes, **settings: Any) -> Engine:
    engine = start(**(PROMPT | settings))
    engine.drop(name, content)
    engine.run_to_end()
    return engine


@pytest.mark.parametrize(
    ("ending", "delimiter"),
    [("csv", ","), ("csv", ";"), ("csv", "\t"), ("tsv", "\t")],
    ids=["commas", "semicolons", "tabs", "tsv"],
)
def test_every_row_comes_back_with_its_answer(start: Start, ending: str, delimiter: str) -> None:
    """Its own cells unchanged, whatever stands in them; between them what stood there."""
    rows = [["nr", "text", "stars"], ["007", 'a,b;c\t"d"\r\ne', "5"], ["8", "=1+1", ""], ["9", "Nöö", "1"]]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    engine = work(start, f"a.{ending}", text.getvalue().encode())
    head, *table = read_table(engine.path("a", f"answers.{ending}"), delimiter)
    assert head == ["nr", "text", "stars", "status", "answer_text", "stop_reason", "error"]
    assert [row[:3] for row in table] == rows[1:]
    assert [row[3] for row in table] == ["succeeded"] * 3
    texts = [row["result"]["message"]["content"][0]["text"] for row in engine.rows("a")]
    assert [row[4] for row in table] == texts
    assert [row["custom_id"] for row in engine.rows("a")] == ["007", "8", "9"]


def test_a_row_without_an_answer_says_why(start: Start, sandbox: Sandbox) -> None:
    """In its place, whether it was left out or not answered."""
    sandbox.outcome("bad", "errored", error_type="invalid_request_error", message="no")
    content = b"nr,text\n1,good\n2\n3,bad\n\n4,\n5,good too\n"
    engine = work(start, "a.csv", content, output=["csv", "answers"])
    _, *table = read_table(engine.path("a", "answers.csv"), ",")
    statuses = [(row[0], row[2]) for row in table]
    assert statuses[:3] == [("1", "succeeded"), ("2", "skipped"), ("3", "errored")]
    assert statuses[-1] == ("5", "succeeded")
    assert all(row[5] for row in table if row[2] != "succeeded")
    assert [row["line"] for row in engine.rows("a", "answers")] == [2, 3, 4, 6, 7]
    check_paid_once(engine, sandbox)


def test_a_table_of_answers_can_be_dropped_again(start: Start) -> None:
    """Its columns are columns like any other, and ours give way."""
    engine = work(start, "a.csv", b"nr,text\n1,one\n2,two\n")
    engine.drop("b.csv", engine.path("a", "answers.csv").read_bytes())
    engine.run_to_end()
    head, *table = read_table(engine.path("b", "answers.csv"), ",")
    ours = ["answer_status", "answer_text_2", "answer_stop_reason", "answer_error"]
    assert head == ["nr", "text", "status", "answer_text", "stop_reason", "error", *ours]
    assert [row[:2] for row in table] == [["1", "one"], ["2", "two"]]


def test_a_table_as_excel_writes_unicode_comes_back_in_utf8(start: Start) -> None:
    """Whatever the encoding was."""
    engine = work(start, "a.csv", "nr\ttext\r\n1\tÜber\r\n".encode("utf-16"))
    assert read_table(engine.path("a", "answers.csv"), "\t")[1][:2] == ["1", "Über"]


@pytest.mark.parametrize("ending", ["txt", "md"])
def test_a_text_for_a_text(start: Start, ending: str) -> None:
    """Beside the rows, under the ending that was dropped."""
    engine = start()
    engine.drop(f"a.{ending}", b"Why?\n")
    engine.run_to_end()
    assert engine.path("a", f"answers.{ending}").read_bytes().startswith(b'Sandbox answer to "Why?"')
    names = [output["name"] for output in engine.receipt("a")["outputs"]]
    assert names == ["a.results.jsonl", f"a.answers.{ending}"]
