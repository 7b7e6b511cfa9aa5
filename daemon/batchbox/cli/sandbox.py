"""`sandbox`: the stand-in for the API."""

import sys
from typing import Annotated

import typer

from batchbox_sandbox.server import serve
from batchbox_sandbox.settings import SandboxSettings


def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8080,
    work_seconds: Annotated[float, typer.Option(min=0, help="Seconds until a batch has ended.")] = 2.0,
) -> None:
    """Run a stand-in for the API: nothing to pay."""

    def ready(url: str) -> None:
        typer.echo(url)
        if sys.stdout.isatty():
            typer.echo("  try it, in another terminal:")
            typer.echo(f"  ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY=sandbox batchbox run --spool DIR")
        sys.stdout.flush()

    serve(SandboxSettings(host=host, port=port, work_seconds=work_seconds), ready)
