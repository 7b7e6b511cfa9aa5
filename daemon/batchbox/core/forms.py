"""The forms that a dropped file may have, told by how its name ends."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["jsonl", "csv", "tsv", "text"]
Packing = Literal["", "gzip", "zstd"]


@dataclass(frozen=True, slots=True)
class Form:
    """What a name's *ending* says: what is in the file, and how that is packed.

    *ends_in_newline*: whole, such a file ends in a newline, so one that does not may still grow.
    """

    ending: str
    kind: Kind
    packing: Packing = ""
    ends_in_newline: bool = True

    @property
    def is_plain(self) -> bool:
        """Say whether the file is lines of JSON as it lies there."""
        return self.kind == "jsonl" and not self.packing


FORMS = (
    Form(".jsonl", "jsonl"),
    Form(".jsonl.gz", "jsonl", "gzip", ends_in_newline=False),
    Form(".jsonl.zst", "jsonl", "zstd", ends_in_newline=False),
    Form(".csv", "csv"),
    Form(".tsv", "tsv"),
    Form(".txt", "text", ends_in_newline=False),
    Form(".md", "text", ends_in_newline=False),
)
ENDINGS = tuple(form.ending for form in FORMS)
HIDDEN = (b".", b"~", b"_", b"#")  # how temporary names of all sorts begin


def form_of(name: bytes) -> Form | None:
    """Return the form of a file called *name*, in small letters or large; None if it is not meant for us."""
    return None if name[:1] in HIDDEN else _find(name)


def strip_ending(name: bytes) -> bytes:
    """Return *name* without the ending that tells its form."""
    form = _find(name)
    return name[: -len(form.ending)] if form else name


def _find(name: bytes) -> Form | None:
    return next((form for form in FORMS if name.lower().endswith(form.ending.encode())), None)
