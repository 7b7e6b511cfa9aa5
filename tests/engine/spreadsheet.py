"""A table as a spreadsheet would read it."""

import csv
import io
from pathlib import Path

BOM = b"\xef\xbb\xbf"


def read_table(path: Path, delimiter: str = ",") -> list[list[str]]:
    """Return the cells of a table, which has to begin with a byte order mark."""
    data = path.read_bytes()
    assert data.startswith(BOM)
    text = io.StringIO(data.decode("utf-8-sig"), newline="")
    return list(csv.reader(text, delimiter=delimiter, strict=True))
