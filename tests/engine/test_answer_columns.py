"""What stands before the answers in a table: the dropped table's own rows, or whose answer it is."""

import io

import pytest

from batchbox.domain.errors import Damaged
from batchbox.engine.steps.answer_columns import Columns, DroppedColumns
from batchbox.formats.answer_text import Answer
from batchbox.formats.csv_reader import Table

DROPPED = b'nr;text\r\n01;"a;\r\nb"\r\n\r\ntoo few\r\n03;"c ""d"""\r\n'


def dropped() -> DroppedColumns:
    return DroppedColumns(Table(io.BytesIO(DROPPED), "csv"))


def test_a_dropped_table_keeps_its_columns_and_cells() -> None:
    """A row that could not be read as such is there as it is, in the first of them."""
    columns = dropped()
    assert (columns.names, columns.delimiter) == (("nr", "text"), ";")
    cells = [columns.cells(Answer(None, line, "skipped")) for line in (2, 5, 6)]
    assert cells == [["01", "a;\r\nb"], ["too few", ""], ["03", 'c "d"']]


@pytest.mark.parametrize("line", [1, 3, 7])
def test_a_row_that_is_there_no_more_is_a_damage(line: int) -> None:
    """An answer is never put beside another question."""
    with pytest.raises(Damaged, match=f"line {line} "):
        dropped().cells(Answer("a", line, "succeeded"))


def test_other_files_tell_whose_answer_it_is() -> None:
    """By id and line; a line that was left out has no id."""
    assert Columns().cells(Answer("a", 7, "succeeded")) == ["a", "7"]
    assert Columns().cells(Answer(None, 8, "skipped")) == ["", "8"]
