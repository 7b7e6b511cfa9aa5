"""The command line: `batchbox`."""

import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated

import typer

from batchbox import __version__
from batchbox.cli.commands import Commands, add_commands
from batchbox.domain.errors import BUG, EXIT_CODES, NO_SPOOL, BatchboxError, Stop, trace

EPILOG = f"Exit codes: {'; '.join(f'{code} {meaning}' for code, meaning in EXIT_CODES.items())}."

app = typer.Typer(
    name="batchbox",
    cls=Commands,
    help="A drop folder for the Message Batches API: drop NAME.jsonl into inbox/, "
    "and the complete answers lie in outbox/, at half the price.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    rich_markup_mode=None,
)
add_commands(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"batchbox {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which one.")
    ] = False,
) -> None:
    """Options of the program itself."""


def main() -> None:
    """Run a command; tell errors that a person made as sentences, not as tracebacks."""
    gc.freeze()  # what was imported stays: to look through it again and again costs a tenth of a command
    _fill_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name may hold what the terminal cannot show
    try:
        app(prog_name="batchbox")  # also as `python -m batchbox`: completion is asked for by this name
    except BatchboxError as error:
        _tell(f"batchbox: {error.problem}", f"what to do: {error.fix}" if error.fix else "")
        sys.exit(error.code if isinstance(error, Stop) else BUG)
    except OSError as error:
        _tell(f"batchbox: {error}", "")
        sys.exit(NO_SPOOL)
    except Exception as error:  # noqa: BLE001  the exit code is documented; where it was is for us
        _tell("batchbox: " + "\n".join(trace(error)), "this is a bug in batchbox: please report it")
        sys.exit(BUG)


def _fill_standard_streams() -> None:
    """Open what was closed at the start: else the next file opened would get what is meant for a terminal."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _tell(problem: str, fix: str) -> None:
    """Tell an error: in 80 columns on a terminal; elsewhere a sentence is a line, to be searched for."""
    page = import_module("batchbox.cli.text_layout")  # only now: help and version do without
    columns = page.WIDTH if sys.stderr.isatty() else sys.maxsize
    with suppress(OSError):
        for line in problem.splitlines():
            indent = line[: len(line) - len(line.lstrip())]
            typer.echo("\n".join(page.flow(line, indent, f"{indent}  ", columns)), err=True)
        if fix:
            typer.echo("\n".join(page.flow(fix, "  ", None, columns)), err=True)
