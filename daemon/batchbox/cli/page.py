"""The page: what people are told fits into 80 columns."""

from textwrap import fill

import typer

WIDTH = 80


def tell(text: str, lead: str = "  ") -> None:
    """Print *text*, if any, after *lead*, on as many lines as it takes. Words stay whole: paths, ids."""
    if not text:
        return
    hang = " " * (len(lead) + 2)
    typer.echo(
        fill(
            text,
            WIDTH,
            initial_indent=lead,
            subsequent_indent=hang,
            break_on_hyphens=False,
            break_long_words=False,
        )
    )
