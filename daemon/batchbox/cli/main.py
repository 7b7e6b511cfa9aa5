"""The command line: `batchbox`."""

import sys
from typing import Annotated

import typer

from batchbox import __version__
from batchbox.cli import check, demo, drop, run, show, status
from batchbox.core.errors import BatchboxError, Stop

EPILOG = (
    "Exit codes: 0 all well; 1 a file has mistakes or not every request was answered; "
    "2 wrong use or settings; 3 the spool cannot be used; 4 no API key; 5 a bug."
)
BUG = 5

app = typer.Typer(
    name="batchbox",
    help="A drop folder for the Message Batches API: drop NAME.jsonl into inbox/, "
    "and the complete answers lie in outbox/, at half the price.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    rich_markup_mode=None,
)
app.command("init")(run.init)
app.command("run")(run.run)
app.command("check")(check.check)
app.command("drop")(drop.drop)
app.command("status")(status.status)
app.command("show")(show.show)
app.command("demo")(demo.demo)
app.command("sandbox")(run.sandbox)


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
    try:
        app()
    except BatchboxError as error:
        typer.echo(f"batchbox: {error.problem}", err=True)
        if error.fix:
            typer.echo(f"  what to do: {error.fix}", err=True)
        sys.exit(error.code if isinstance(error, Stop) else BUG)
    except OSError as error:
        typer.echo(f"batchbox: {error}", err=True)
        sys.exit(3)
