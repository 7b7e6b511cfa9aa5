"""Columns: what stands in a table of answers before the answers themselves."""

from batchbox.domain.errors import Damaged, InvalidFile
from batchbox.engine.steps.request_index import DISK_FIX
from batchbox.formats.answer_text import Answer
from batchbox.formats.csv_reader import Table, TableRecord


class Columns:
    """Those of a file that was no table: whose answer it is."""

    delimiter = ","
    names: tuple[str, ...] = ("custom_id", "line")

    def cells(self, answer: Answer) -> list[str]:
        """Return what stands in them beside *answer*; answers come in the order of their lines."""
        return [answer.custom_id or "", str(answer.line)]


class DroppedColumns(Columns):
    """Those of the table that was dropped, as they were."""

    def __init__(self, table: Table) -> None:
        self.delimiter = table.delimiter
        self.names = table.columns
        self._records = table.records()

    def cells(self, answer: Answer) -> list[str]:
        """Return the row of the dropped file; one that could not be read as such as a whole, in its first."""
        try:
            found = next(record for record in self._records if record.line == answer.line)
        except (StopIteration, InvalidFile):
            raise Damaged(f"line {answer.line} of the dropped file is not what was read", DISK_FIX) from None
        if isinstance(found, TableRecord):
            return found.cells
        return [found.raw.rstrip("\r\n"), *[""] * (len(self.names) - 1)]
