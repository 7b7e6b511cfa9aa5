"""The forms that a dropped file may have, told by how its name ends."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["jsonl", "csv", "tsv", "text", "foreign"]
Packing = Literal["", "gzip", "zstd"]


@dataclass(frozen=True, slots=True)
class Form:
    """What a name's *ending* says: what is in the file, and how that is packed.

    *ends_in_newline*: whole, such a file ends in a newline, so one that does not may still grow. A foreign
    file is dropped by mistake, and cannot be read: *fix* is what to do instead.
    """

    ending: str
    kind: Kind
    packing: Packing = ""
    ends_in_newline: bool = True
    fix: str = ""

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

_MISTAKES = {
    'save it from the spreadsheet as "CSV UTF-8" (.csv), with the names of the columns in the first row': (
        *(".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers"),
    ),
    "save it as plain text in UTF-8 (.txt): one file is one prompt": (
        *(".docx", ".doc", ".odt", ".rtf", ".pages"),
    ),
    "rename it to end in .jsonl: it is the same, one JSON object on each line": (".ndjson", ".jsonlines"),
    "rename it so that .txt is not there any more (a file manager may hide it): as a text, all of it would "
    "be one prompt": (".jsonl.txt", ".csv.txt", ".tsv.txt", ".ndjson.txt", ".json.txt"),
    "rename it so that .txt is not there any more (a file manager may hide it): it is no text to be asked": (
        *(".cancel.txt", ".ok.txt"),
    ),
    "name it NAME.cancel, with NAME as it was dropped, its ending included": (
        *(".canceled", ".cancelled", ".cancle"),
    ),
    "write each request on a line of its own, without the list's brackets and commas, and name it .jsonl": (
        ".json",
    ),
    "export it as CSV in UTF-8 (.csv), with a header, or write one JSON object on each line (.jsonl)": (
        *(".parquet", ".feather", ".xml", ".yaml", ".yml", ".sqlite"),
    ),
    "unpack it and drop what is in it; of what is packed, only .jsonl.gz and .jsonl.zst are read": (
        *(".zip", ".gz", ".zst", ".bz2", ".xz", ".7z", ".rar", ".tar", ".tgz"),
    ),
}
FOREIGN = tuple(
    Form(ending, "foreign", ends_in_newline=False, fix=fix)
    for fix, endings in _MISTAKES.items()
    for ending in endings
)
ALL_ENDINGS = (*ENDINGS, *(form.ending for form in FOREIGN))
_BY_ENDING = {form.ending.encode(): form for form in (*FORMS, *FOREIGN)}
HIDDEN = (b".", b"~", b"_", b"#")  # how temporary names of all sorts begin


def form_of(name: bytes) -> Form | None:
    """Return the form of a file called *name*, in small letters or large; None if it is not meant for us."""
    return None if name[:1] in HIDDEN else _find(name)


def strip_ending(name: bytes) -> bytes:
    """Return *name* without the ending that tells its form."""
    form = _find(name)
    return name[: -len(form.ending)] if form else name


def _find(name: bytes) -> Form | None:
    rest, dot, last = name.lower().rpartition(b".")
    _, second_dot, before = rest.rpartition(b".")
    return _BY_ENDING.get(second_dot + before + dot + last) or _BY_ENDING.get(dot + last)
