"""The commands: where each is, and its line in the help.

A command's module is loaded when that command is run, and no other: what `run` needs takes longer to
import than `status` takes in all. So `--help` has to know the lines by heart.
"""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

COMMANDS = {  # name: (module, the first line of its docstring), in the order of the help
    "init": ("init", "Create a spool: inbox/, outbox/ and the folders between."),
    "run": ("run", "Run the daemon in the foreground."),
    "check": ("check", "Show what would be submitted, its maximum cost, or mistakes."),
    "drop": ("drop", "Submit a file safely."),
    "compose": ("compose.command", "Create requests from a prompt and many files, rows or images."),
    "status": ("status.command", "Show waiting, running and held files, and why."),
    "show": ("status.show", "Show the history of one file."),
    "merge": ("merge", "Merge the rows of a second try into the first's."),
    "cancel": ("control.job_commands", "End a file early; its receipt follows."),
    "hold": ("control.job_commands", "Put a running file on hold, as it is."),
    "release": ("control.job_commands", "Release a held file and check it again."),
    "retry": ("control.job_commands", "Retry a waiting file now, or ask again what failed."),
    "adopt": ("control.job_commands", "Name the batch that an undecided file was submitted as."),
    "resubmit": (
        "control.job_commands",
        "Submit again what is undecided or gone, and pay again.",
    ),
    "pause": ("control.spool_flags", "Stop taking and submitting files until resume."),
    "drain": ("control.spool_flags", "Take no new files until resume; finish the rest."),
    "resume": ("control.spool_flags", "Resume after pause or drain."),
    "doctor": ("doctor", "Find problems."),
    "schema": ("schema", "Print the JSON Schema of a kind of file."),
    "demo": ("demo", "Show a file's whole way through batchbox; needs no key."),
    "sandbox": ("sandbox", "Run a stand-in for the API: nothing to pay."),
}


USUAL = "Exit codes: 0 done; 2 wrong use, or no such file; 3 the spool cannot be used."
EXITS = {
    "init": "Exit codes: 0 done; 2 wrong use; 3 the folder cannot be a spool.",
    "run": "Exit codes: 0 ended as asked; 2 wrong use or settings; 3 the spool cannot be used, or another "
    "daemon holds it; 4 no API key; 5 a bug.",
    "check": "Exit codes: 0 no mistakes; 1 a file has mistakes; 2 wrong use or settings.",
    "drop": "Exit codes: 0 dropped or, with --wait, all answered; 1 with --wait, not all answered; 2 wrong "
    "use, or it cannot be dropped; 3 the spool cannot be used.",
    "compose": "Exit codes: 0 shown, written, dropped or, with --wait, all answered; 1 something cannot be "
    "sent, there is nothing or, with --wait, not all answered; 2 wrong use; 3 the spool cannot be used.",
    "merge": "Exit codes: 0 every row is answered; 1 merged, not all are; 2 wrong use, or nothing was "
    "written; 3 the file cannot be written.",
    "demo": "Exit codes: 0 all went as it should; 1 not all did; 3 the folder cannot be used.",
    "sandbox": "Exit codes: 0 ended as asked; 2 wrong use.",
}


class Commands(TyperGroup):
    """All commands, as far as the help shows them; the one that is run is loaded first."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the name of the command that *args* begin with, the command, and the rest of them."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name else None, rest


def add_commands(app: typer.Typer) -> None:
    """Let *app*, whose class is `Commands`, know them all."""
    for name, (_, line) in COMMANDS.items():
        app.command(name, help=line)(_stand_in)


def _stand_in() -> None:
    """Stand where a command is that was not loaded."""


def load_command(name: str) -> Any:
    """Import the command of that name."""
    module, _ = COMMANDS[name]
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name, epilog=EXITS.get(name, USUAL))(getattr(import_module(f"batchbox.cli.{module}"), name))
    return get_command(alone)
