"""`python -m tests.bench.bare`: a typer program that does nothing, to hold `batchbox status` against."""

import typer

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def nothing() -> None:
    """Do nothing."""


if __name__ == "__main__":
    app()
