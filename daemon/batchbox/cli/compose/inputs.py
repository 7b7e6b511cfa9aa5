"""Wishes: what the options of `compose` say is asked, and of what."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from batchbox.cli.compose.globbing import Matching
from batchbox.cli.compose.request_file import RequestInput
from batchbox.cli.compose.sources import IMAGES, PDFS, TEXT_BYTES, Supply, read_files, read_rows, read_texts
from batchbox.domain.errors import BAD_SETTINGS, Stop
from batchbox.formats.csv_reader import Table
from batchbox.formats.prompt_template import Template
from batchbox.formats.row_prompts import find_column

# a text that looks like this was meant to name a file: a slip in the name must not be sent a thousand times
LIKE_A_PATH = re.compile(r"[^\s{}]*(/[^\s{}]*|\.[A-Za-z0-9]{1,8})")
OURS = ("custom_id", "prompt", "messages", "params")


@dataclass(frozen=True, slots=True)
class InputChoice:
    """What the requests are about: one of these."""

    files: list[str]
    files_from: str | None
    csv: Path | None
    images: Path | None
    pdfs: Path | None
    excluded: list[str]
    id_column: str | None
    max_bytes: int | None


@dataclass(frozen=True, slots=True)
class Words:
    """What is asked. *prompt*, *system*: a text, or the file that it is in. *fields*: what else is said."""

    prompt: str
    system: str | None
    fields: dict[str, Any]


@dataclass(slots=True)
class InputSource:
    """Where the pieces come from. *places*: what a prompt may name. *noun*: what one piece is."""

    supply: Supply
    places: tuple[str, ...]
    noun: str
    is_listed: bool = False  # somebody said what it is to be, and that may be nothing
    matching: Matching = field(default_factory=lambda: Matching([]))
    table: Table | None = None  # kept, for its file is closed with it


def find_source(choice: InputChoice, stack: ExitStack) -> InputSource:
    """Return what *choice* stands for, open as long as *stack*; only the header of a table is read yet."""
    chosen = (choice.files or choice.files_from, choice.csv, choice.images, choice.pdfs)
    if sum(map(bool, chosen)) != 1:
        problem = "say what the requests are about: files, rows, images or PDFs, and one of them only"
        fix = "give --files PATTERN, --files-from LIST, --csv FILE, --images DIR or --pdfs DIR"
        raise Stop(problem, fix, code=BAD_SETTINGS)
    if choice.csv:
        return _find_rows(choice.csv, choice.id_column, stack)
    if choice.id_column:
        raise Stop("--id-column goes with --csv", "leave it out: ids are made of paths", code=BAD_SETTINGS)
    matching = Matching(choice.excluded)
    names = ("path", "name")
    if choice.images:
        paths = _find_kind(matching, choice.images, IMAGES)
        pieces = read_files(paths, choice.max_bytes, "image")
        return InputSource(pieces, names, "image", matching=matching)
    if choice.pdfs:
        paths = _find_kind(matching, choice.pdfs, PDFS)
        pieces = read_files(paths, choice.max_bytes, "document")
        return InputSource(pieces, names, "PDF", matching=matching)
    listed = _read_list(choice.files_from) if choice.files_from else []
    paths = chain(*map(matching.find, choice.files), matching.find_listed(listed))
    pieces = read_texts(paths, choice.max_bytes or TEXT_BYTES)
    return InputSource(pieces, ("text", *names), "file", not choice.files, matching)


def _find_kind(matching: Matching, folder: Path, endings: tuple[str, ...]) -> Iterator[str]:
    if not folder.is_dir():
        raise Stop(f"{folder} is not a folder", "name the folder that they are in", code=BAD_SETTINGS)
    for path in matching.find(os.path.join(_spell(folder), "**", "*")):
        if path.lower().endswith(endings):
            yield path


def _spell(folder: Path) -> str:
    """Return *folder* as a pattern that means just that."""
    return re.sub(r"([*?[])", r"[\1]", str(folder))


def _find_rows(path: Path, id_column: str | None, stack: ExitStack) -> InputSource:
    try:
        file = stack.enter_context(path.open("rb"))
    except OSError as error:
        raise Stop(f"{path} cannot be read: {error.strerror}", "name a CSV file", code=BAD_SETTINGS) from None
    table = Table(file, "tsv" if path.suffix.lower() == ".tsv" else "csv")
    return InputSource(read_rows(table, id_column), table.columns, "row", table=table)


def _read_list(name: str) -> list[str]:
    """Return the paths in a list: one on each line, or with a NUL after each."""
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise Stop(f"{name} cannot be read: {error.strerror}", "name a list", code=BAD_SETTINGS) from None
    parts = content.split(b"\0") if b"\0" in content else content.splitlines()
    return [os.fsdecode(part) for part in parts if part]


def read_input(words: Words, source: InputSource) -> RequestInput:
    """Return what is asked of what *source* gives."""
    template = _read_template(_read_words(words.prompt, "prompt"))
    places = {name: _find_place(name, source.places) for name in template.names}
    system = {"system": _read_words(words.system, "system")} if words.system else {}
    follows = "text" not in places.values() if source.noun == "file" else not places
    given = {name: value for name, value in words.fields.items() if value is not None}
    return RequestInput(template, places, follows, system | given)


def _read_template(text: str) -> Template:
    try:
        return Template(text)
    except ValueError as error:
        told, _, fix = str(error).partition(": ")
        raise Stop(f"the prompt cannot be used: {told}", fix, code=BAD_SETTINGS) from None


def _find_place(name: str, places: tuple[str, ...]) -> str:
    """Return which of *places* is meant, in small letters or large, as in the prompt of a queue."""
    at = find_column(places, (name,))
    if at is None:
        named = ", ".join(f"{{{one}}}" for one in places)
        fix = f"there are: {named}; write {{{{ and }}}} for braces that are meant"
        raise Stop(f"the prompt has {{{name}}}, and nothing is called so", fix, code=BAD_SETTINGS)
    return places[at]


def _read_words(given: str, what: str) -> str:
    if os.path.isfile(given):
        try:
            given = Path(given).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            fix = f"--{what} takes a text, or a file in UTF-8"
            raise Stop(f"{given} cannot be read: {error}", fix, code=BAD_SETTINGS) from None
    elif LIKE_A_PATH.fullmatch(given):
        fix = f"--{what} takes the name of a file that is there, or a text of more than one word"
        raise Stop(f"there is no file {given}", fix, code=BAD_SETTINGS)
    if not given.strip():
        raise Stop(f"the {what} is empty", f"write what is asked into --{what}", code=BAD_SETTINGS)
    if not given.isascii() and not _is_text(given):
        raise Stop(
            f"the {what} is not UTF-8", "write it into a file in UTF-8, and name that", code=BAD_SETTINGS
        )
    return given


def _is_text(given: str) -> bool:
    try:
        given.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_params(text: str | None) -> dict[str, Any]:
    """Return what `--params` adds to each request, each value as it was typed."""
    try:
        found = msgspec.json.decode(text or "{}", type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        problem = f"--params is no JSON object: {error}"
        raise Stop(
            problem, """write it as in --params '{"stop_sequences": ["END"]}'""", code=BAD_SETTINGS
        ) from None
    wrong = next((name for name in OURS if name in found), None)
    if wrong:
        raise Stop(f'--params may not have "{wrong}"', "that is made for each request", code=BAD_SETTINGS)
    return dict(found)
