"""Shorthand: what a row of a table, or a whole text, asks, as a line of JSON in the short form.

With a template the columns are data: a column called `model` may list cars. Only without one do columns
called `system`, `model` and `max_tokens` say what a line of JSON would say with them.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from batchbox.domain.errors import InvalidFile
from batchbox.formats.csv_reader import TableProblem, TableRecord, shorten
from batchbox.formats.prompt_template import Template

IDS = ("custom_id", "id")
PARAMS = ("system", "model", "max_tokens")
TEXT = "text"  # the name of all that stands in a text
COLUMNS_SHOWN = 20
QUOTED = 20  # characters of a cell, in a complaint
WHOLE_NUMBER = re.compile("[0-9]{1,9}")

_encode = msgspec.json.encode


class RowPrompts:
    """Turns the rows of a table with *columns* into lines. Raises `InvalidFile` if columns are missing.

    *prompt*: the queue's template; *id_column*: the column of the ids; either may be None.
    """

    def __init__(self, columns: Sequence[str], prompt: str | None, id_column: str | None, queue: str) -> None:
        self._columns = columns
        self._template = Template(prompt) if prompt is not None else None
        self._id = self._find_id(id_column)
        self._prompt = find_column(columns, ("prompt",))
        self._params = {} if self._template else {name: find_column(columns, (name,)) for name in PARAMS}
        self._places = self._find_places(self._template) if self._template else {}
        if self._template is None and self._prompt is None:
            raise self._ask_for_prompt(queue)

    def read(self, record: TableRecord) -> bytes | TableProblem:
        """Return the line of JSON that *record* stands for, or what is wrong with it."""
        asked, fields = self._fill(record.cells), self._read_cells(record.cells)
        tokens = str(fields.get("max_tokens", "1"))
        if not asked.strip():
            problem, fix = "there is nothing to ask in this row", "fill it in, or remove it"
            return TableProblem(record.line, problem, fix, record.raw)
        if not WHOLE_NUMBER.fullmatch(tokens):
            problem = f'max_tokens is "{tokens[:QUOTED]}", not a whole number'
            return TableProblem(record.line, problem, "write one such as 1024, or leave it empty", record.raw)
        fields |= {"max_tokens": int(tokens)} if "max_tokens" in fields else {}
        return _encode(fields | {"prompt": asked})

    def _read_cells(self, cells: list[str]) -> dict[str, Any]:
        """Return what is not empty of the id and the params."""
        own_id = {"custom_id": cells[self._id]} if self._id is not None and cells[self._id] else {}
        params = {name: cells[at].strip() for name, at in self._params.items() if at is not None}
        return own_id | {name: value for name, value in params.items() if value}

    def _fill(self, cells: list[str]) -> str:
        """Return the prompt of a row; empty if all is empty that it would be made of."""
        if not self._template:
            return cells[self._prompt or 0]
        values = {name: cells[at] for name, at in self._places.items()}
        return self._template.fill(values) if any(map(str.strip, values.values())) else ""

    def _find_id(self, id_column: str | None) -> int | None:
        if id_column is None:
            return find_column(self._columns, IDS)
        at = find_column(self._columns, (id_column,))
        if at is None:
            problem = f'the ids have to stand in a column "{id_column}", and there is none ({self._listed()})'
            fix = "name a column so, or ask whoever runs batchbox to set id_column otherwise"
            raise self._refuse(problem, fix)
        return at

    def _find_places(self, template: Template) -> dict[str, int]:
        found = {name: find_column(self._columns, (name,)) for name in template.names}
        missing = [name for name, at in found.items() if at is None]
        if missing:
            problem = f'the prompt of this queue asks for a column "{missing[0]}", and there is none'
            fix = "name a column so, or ask whoever runs batchbox to change the prompt"
            raise self._refuse(f"{problem} ({self._listed()})", fix)
        return {name: at for name, at in found.items() if at is not None}

    def _ask_for_prompt(self, queue: str) -> InvalidFile:
        others = [
            name
            for name in self._columns
            if name.lower() not in IDS and shorten(name) == name and not set(name) & set("{}")
        ]
        template = _encode(f"Summarise: {{{others[-1] if others else TEXT}}}").decode()
        where = f"[queue.{queue}] prompt = {template}" if queue != "default" else f"prompt = {template}"
        problem = f'no column is called "prompt", and this queue has no prompt of its own ({self._listed()})'
        fix = 'call the column that is to be asked "prompt"; or, to ask the same of every row, have this put'
        return self._refuse(problem, f"{fix} into batchbox.toml by whoever runs batchbox: {where}")

    def _refuse(self, problem: str, fix: str) -> InvalidFile:
        """Return what to raise where a column is missing; it may be that none is told from the others."""
        name = self._columns[0]
        if len(self._columns) == 1 and set(name) & set(",;\t"):
            problem = f'the header is a single cell, "{shorten(name)}"'
            fix = "in a .tsv tabs part the cells, else name it .csv; and put no quotes around a whole row"
        return InvalidFile(problem, fix, line=1)

    def _listed(self) -> str:
        more = ", …" if len(self._columns) > COLUMNS_SHOWN else ""
        return "columns: " + ", ".join(map(shorten, self._columns[:COLUMNS_SHOWN])) + more


def read_text(text: str, custom_id: str, prompt: str | None) -> bytes:
    """Return the line of JSON that asks *text*, through the queue's template *prompt* if there is one."""
    if not text.strip():
        raise InvalidFile(
            "the file is empty: there is nothing to ask", "write the prompt into it and drop it again"
        )
    if "\0" in text:
        raise InvalidFile(
            "the file is not text, or not in UTF-8: it has NUL bytes", "save it as text in UTF-8"
        )
    if prompt is not None:
        text = _fill_text(text, Template(prompt))
    return _encode({"custom_id": custom_id, "prompt": text})


def _fill_text(text: str, template: Template) -> str:
    missing = [name for name in template.names if name != TEXT]
    if missing:
        problem = f'the prompt of this queue asks for a column "{missing[0]}", and a text has none'
        raise InvalidFile(
            problem, f"drop a table (.csv) with that column, or have the prompt name {{{TEXT}}} alone"
        )
    return template.fill({TEXT: text})


def find_column(columns: Sequence[str], names: Sequence[str]) -> int | None:
    """Return where the first of *names* stands that is a column, in small letters or large."""
    small = [column.lower() for column in columns]
    for name in names:
        if name in columns:
            return columns.index(name)
        if name.lower() in small:
            return small.index(name.lower())
    return None
