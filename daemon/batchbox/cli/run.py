"""`init`, `run` and `sandbox`: the commands that make and work a spool."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from batchbox.cli.options import ConfigOption, SpoolOption, read_settings, require_spool
from batchbox.service.logs import set_up_logs
from batchbox.service.privacy import forbid_dumps
from batchbox.settings import KeyRing, read_key
from batchbox.spool.layout import SETTINGS
from batchbox.spool.marker import make_spool
from batchbox.spool.takeover import take_over

STARTER = """\
# Settings of this spool; every line can also be set as BATCHBOX_NAME in the environment.
# model = "claude-sonnet-5-5"     # of lines that name none
# max_tokens = 4096
# bad_lines = "reject"            # or "skip": send the good lines of a file with mistakes

# [queue.nightly]                 # files dropped into inbox/nightly/
# model = "claude-haiku-5-5"
# system = "Answer in one sentence."
"""


def init(
    spool: Annotated[Path, typer.Argument(help="The folder to make.", show_default=False)],
    takes_over: Annotated[
        bool, typer.Option("--take-over", help="Go on with a copied or restored spool; the other is gone.")
    ] = False,
) -> None:
    """Make a spool: inbox/, outbox/ and what lies between."""
    root = spool.absolute()
    if takes_over:
        _take_over(root)
    make_spool(root)
    settings = root / SETTINGS
    if not settings.exists():
        settings.write_text(STARTER)
    typer.echo(f"{root} is a spool.")
    typer.echo(f"  drop files into   {root}/inbox/")
    typer.echo(f"  find answers in   {root}/outbox/")
    typer.echo(f"  settings are in   {settings}")
    typer.echo(f"Start it with:      batchbox run --spool {spool}")


def _take_over(root: Path) -> None:
    found = take_over(root)
    typer.echo(f"{root} was taken over.")
    typer.echo(f"  {found.doubted} files in work/ are looked for at the API before anything is sent again")
    typer.echo(f"  {found.held} files wait in hold/ for you: batchbox status tells")
    typer.echo("  what lies in inbox/ will be sent: take away what the other spool has sent already")


def run(
    spool: SpoolOption = None,
    config: ConfigOption = None,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Work off what is there, then exit (for cron).")
    ] = False,
) -> None:
    """Work a spool, in the foreground."""
    # imported here: the SDK takes longer to import than any other command takes in all
    from batchbox.app import run_daemon  # noqa: PLC0415

    root = require_spool(spool)
    settings = read_settings(root, config)
    set_up_logs(settings.log_format)
    forbid_dumps()
    read_key(settings, os.environ)  # told now rather than at the first file
    run_daemon(root, settings, KeyRing(settings, os.environ), until_idle)


def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8080,
    work_seconds: Annotated[float, typer.Option(min=0, help="Seconds until a batch has ended.")] = 2.0,
) -> None:
    """Run a stand-in for the API: nothing to pay."""
    # imported here: no other command needs an HTTP server
    from batchbox.sandbox.server import serve  # noqa: PLC0415
    from batchbox.sandbox.settings import SandboxSettings  # noqa: PLC0415

    def ready(url: str) -> None:
        typer.echo(url)
        if sys.stdout.isatty():
            typer.echo("  try it, in another terminal:")
            typer.echo(f"  ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY=sandbox batchbox run --spool DIR")
        sys.stdout.flush()

    serve(SandboxSettings(host=host, port=port, work_seconds=work_seconds), ready)
