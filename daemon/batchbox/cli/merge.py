"""`merge`: put the rows of a second try into the first's."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer

from batchbox.cli.options import JsonOption
from batchbox.cli.text_layout import print_json, print_wrapped
from batchbox.domain.errors import BAD_SETTINGS, NOT_ALL_WELL, InvalidFile, Stop
from batchbox.domain.output_names import show
from batchbox.formats.csv_reader import Table
from batchbox.formats.merge_rows import MergeRows, TryFiles
from batchbox.formats.merge_rows import merge as merge_rows
from batchbox.formats.merge_tables import merge_table
from batchbox.reports.check_result import count
from batchbox.storage.local import durable

BUFFER = 1 << 16
ENDINGS = (".results.jsonl", ".answers.jsonl", ".jsonl", ".answers.csv", ".answers.tsv", ".csv", ".tsv")
TABLES: dict[str, Literal["csv", "tsv"]] = {".csv": "csv", ".tsv": "tsv"}


def merge(  # noqa: PLR0913, PLR0917  each is one of the command's own
    first: Annotated[Path, typer.Argument(metavar="FIRST", help="Results or answers of the first try.")],
    second: Annotated[
        list[Path], typer.Argument(metavar="SECOND...", help="Those of later tries, in their order.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="What to write (NAME.merged.results.jsonl beside FIRST).")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write it even if it is there already.")] = False,
    add: Annotated[bool, typer.Option("--add", help="Put rows that FIRST does not know at the end.")] = False,
    id_column: Annotated[
        str | None, typer.Option(help="Where FIRST is a table: the column of its ids (custom_id or id).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Merge the rows of a second try into the first's."""
    target = out or _name_merged(first)
    with ExitStack() as stack:
        beginning = stack.enter_context(_opened(first))
        tries = TryFiles([MergeRows(stack.enter_context(_opened(path)), _name(path)) for path in second])
        file = stack.enter_context(_written(target, replace))
        if first.suffix in TABLES:
            table = stack.enter_context(_understood(beginning, TABLES[first.suffix]))
            merged = merge_table(table, id_column, tries, file, add)
        else:
            merged = merge_rows(MergeRows(beginning, _name(first)), tries, file, add)
    name = _name(target)
    if as_json:
        print_json({"out": name} | asdict(merged))
    else:
        added = f", {merged.added:,} added" if merged.added else ""
        print_wrapped(f"{name}: {count(merged.rows, 'row')}, {merged.replaced:,} replaced{added}", "")
        if merged.answered_twice:
            print_wrapped(
                f"{merged.answered_twice:,} of those had been answered: is it a try of the same file?"
            )
        if merged.unanswered:
            print_wrapped(f"{count(merged.unanswered, 'row')} not answered still")
    if merged.unanswered:
        raise typer.Exit(NOT_ALL_WELL)


def _name(path: Path) -> str:
    return show(os.fsencode(path))


@contextmanager
def _understood(file: BinaryIO, kind: Literal["csv", "tsv"]) -> Iterator[Table]:
    """Give a table; tell what is wrong with it for as long as it is read."""
    try:
        yield Table(file, kind)
    except InvalidFile as unfit:
        raise Stop(f"the first file: {unfit.problem}", unfit.fix, code=BAD_SETTINGS) from None


def _name_merged(first: Path) -> Path:
    ending = next((one for one in ENDINGS if first.name.endswith(one)), "")
    return first.with_name(f"{first.name.removesuffix(ending)}.merged{ending}")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = open(path, "rb", buffering=BUFFER)  # noqa: SIM115  it is: below, where an error is another's
    except OSError as error:
        problem = f"{_name(path)} cannot be read: {error.strerror}"
        raise Stop(problem, "name a file of the outbox, or a copy of one", code=BAD_SETTINGS) from None
    with file:
        yield file


@contextmanager
def _written(target: Path, replace: bool) -> Iterator[BinaryIO]:
    """Give a file that has the name of *target* once the block has ended well, and not before."""
    temp = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        if not replace and durable.is_there(target):
            raise FileExistsError
        with durable.write_whole(temp) as file:
            yield file
        (durable.move if replace else durable.move_onto_free)(temp, target)
    except FileExistsError:
        fix = "--out names another, --replace writes over it"
        raise Stop(f"{_name(target)} is there already", fix, code=BAD_SETTINGS) from None
    finally:
        with suppress(OSError):
            durable.remove(temp)
