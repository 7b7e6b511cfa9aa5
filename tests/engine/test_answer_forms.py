"""Whatever a model wrote, a table and lines of JSON give it back as it was."""

import csv
import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from batchbox.engine.steps.answer_columns import Columns
from batchbox.engine.steps.write_answers import LinesForm, TableForm
from batchbox.formats.answer_text import Answer
from batchbox.formats.csv_writer import guard

ODD = st.text(st.sampled_from("a\"',;\t\r\n\0=+-@ \u2028\ufeff😀"), max_size=12)
ANSWERS = st.lists(
    st.builds(
        Answer,
        custom_id=ODD,
        line=st.integers(1, 9),
        status=st.sampled_from(["succeeded", "errored"]),
        text=ODD,
        error=ODD,
    ),
    max_size=4,
)


@settings(max_examples=100, deadline=None)
@given(ANSWERS)
def test_a_table_gives_back_what_was_put_in(answers: list[Answer]) -> None:
    """Each answer is one row, read as strictly as can be, and formulas alone are guarded."""
    form = TableForm(Columns())
    data = b"".join(map(form.write, answers)).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(data, newline=""), strict=True))
    assert rows[1:] == [
        [one.custom_id, str(one.line), one.status, guard(one.text or ""), "", guard(one.error or "")]
        for one in answers
    ]
    assert data.endswith("\n") or not answers


@settings(max_examples=50, deadline=None)
@given(ANSWERS)
def test_lines_give_back_what_was_put_in(answers: list[Answer]) -> None:
    """Each answer is one line."""
    data = b"".join(map(LinesForm().write, answers))
    rows = [json.loads(line) for line in data.split(b"\n")[:-1]]
    assert [(row["custom_id"], row["text"]) for row in rows] == [(one.custom_id, one.text) for one in answers]
