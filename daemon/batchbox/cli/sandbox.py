"""`sandbox`: the stand-in for the API."""

import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from batchbox.domain.errors import BAD_SETTINGS, Stop


def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8080,
    work_seconds: Annotated[float, typer.Option(min=0, help="Seconds until a batch has ended.")] = 2.0,
) -> None:
    """Run a stand-in for the API: nothing to pay."""
    require_sandbox()
    from batchbox_sandbox.server import serve  # noqa: PLC0415  only where the extra is installed
    from batchbox_sandbox.settings import SandboxSettings  # noqa: PLC0415

    def ready(url: str) -> None:
        typer.echo(url)
        if sys.stdout.isatty():
            typer.echo("  try it, in another terminal:")
            typer.echo(f"  ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY=sandbox batchbox run --spool DIR")
        sys.stdout.flush()

    serve(SandboxSettings(host=host, port=port, work_seconds=work_seconds), ready)


def require_sandbox() -> None:
    """Raise `Stop` with the command to run, if the extra that the stand-in needs is not installed."""
    if not find_spec("aiohttp"):
        fix = "python -m pip install 'batchbox[demo]'"
        raise Stop("the stand-in for the API is not installed", fix, code=BAD_SETTINGS)
