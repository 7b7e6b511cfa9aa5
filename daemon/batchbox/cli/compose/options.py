"""Options of `compose`."""

from pathlib import Path
from typing import Annotated

import typer

Prompt = Annotated[
    str,
    typer.Option(
        help="What is asked: a text, or the file it is in. {text}, {path}, {name} "
        "or a column stand for what it is about.",
        show_default=False,
    ),
]
Files = Annotated[
    list[str] | None, typer.Option(metavar="PATTERN", help="Texts, as in 'src/**/*.py'; again for more.")
]
FilesFrom = Annotated[
    str | None,
    typer.Option(metavar="LIST", help="Texts whose paths are in this file (- for standard input)."),
]
Exclude = Annotated[
    list[str] | None, typer.Option(metavar="PATTERN", help="Names, or paths with a slash, to pass by.")
]
Csv = Annotated[Path | None, typer.Option(metavar="FILE", help="The rows of a CSV or TSV file.")]
IdColumn = Annotated[
    str | None, typer.Option(help="The column with the ids (custom_id or id, if not given).")
]
Images = Annotated[Path | None, typer.Option(metavar="DIR", help="The images in a folder.")]
Pdfs = Annotated[Path | None, typer.Option(metavar="DIR", help="The PDFs in a folder.")]
Model = Annotated[str | None, typer.Option(help="The queue's, if not given.", show_default=False)]
MaxTokens = Annotated[
    int | None, typer.Option(min=1, help="How long an answer may be; the queue's, if not given.")
]
System = Annotated[str | None, typer.Option(help="The system prompt: a text, or the file it is in.")]
Params = Annotated[str | None, typer.Option(metavar="JSON", help="More params for each request.")]
MaxBytes = Annotated[int | None, typer.Option(min=1, help="How large a file may be.")]
Skip = Annotated[bool, typer.Option("--skip", help="Leave out what cannot be sent, and send the rest.")]
QueueOption = Annotated[str, typer.Option(help="The queue to drop it into.")]
Drop = Annotated[bool, typer.Option("--drop", help="Drop it into the spool's inbox.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the receipt and tell it.")]
Out = Annotated[Path | None, typer.Option(metavar="FILE", help="Write it to a file that is not there yet.")]
Name = Annotated[str | None, typer.Option(help="What it is called in the inbox.")]
