"""`init`: make a spool, or take over a copied one."""

from pathlib import Path
from typing import Annotated

import typer

from batchbox.domain.errors import NO_SPOOL, Stop
from batchbox.storage.local.layout import DEFAULT_QUEUE, SETTINGS, Layout
from batchbox.storage.local.lock import make_spool
from batchbox.storage.local.manifest_files import refuse_newer
from batchbox.storage.local.queue_folders import make_queues
from batchbox.storage.local.takeover import take_over

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
    """Create a spool: inbox/, outbox/ and the folders between."""
    root = spool.absolute()
    if takes_over:
        _take_over(root)
    refuse_newer(Layout(root))
    make_spool(root)
    settings = root / SETTINGS
    queues = _make_queues(root) if settings.exists() else []
    if not settings.exists():
        settings.write_text(STARTER)
    typer.echo(f"{root} is a spool.")
    typer.echo(f"  drop files into   {root}/inbox/")
    for queue in queues:
        typer.echo(f"                    {root}/inbox/{queue}/")
    typer.echo(f"  find answers in   {root}/outbox/")
    typer.echo(f"  settings are in   {settings}")
    typer.echo(f"Start it with:      batchbox run --spool {spool}")


def _make_queues(root: Path) -> list[str]:
    """Make the folders of the queues that the settings declare; return their names."""
    # imported here: a new spool declares none
    from batchbox.cli.configuration import read_settings  # noqa: PLC0415

    queues = read_settings(root, None).queue
    for queue, error in make_queues(Layout(root), queues):
        fix = "make it yourself, or see who may write there"
        raise Stop(f"inbox/{queue} cannot be made: {error.strerror}", fix, code=NO_SPOOL)
    return sorted(set(queues) - {DEFAULT_QUEUE})


def _take_over(root: Path) -> None:
    found = take_over(root)
    typer.echo(f"{root} was taken over.")
    typer.echo(f"  {found.doubted} files in work/ are looked for at the API before anything is sent again")
    typer.echo(f"  {found.held} files wait in hold/ for you: batchbox status tells")
    typer.echo("  what lies in inbox/ will be sent: take away what the other spool has sent already")
