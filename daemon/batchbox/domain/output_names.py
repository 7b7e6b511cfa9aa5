"""Names in the outbox.

STEM is the dropped file's name without the ending that tells its form; what a terminal or another program
could trip over is percent-encoded, a stem too long for its suffixes is cut and gets a short digest, and a
stem that is taken gets `~2`, `~3`, ... so that nothing is ever overwritten.
"""

import hashlib
import re
from collections.abc import Callable
from itertools import count

from batchbox.domain.file_types import ENDINGS, strip_ending

NAME_MAX = 255
ROOM = len(".results.jsonl") + len("~99999")
DIGEST_CHARS = 8
ANSWERS = (".jsonl", ".csv", ".tsv", ".txt", ".md")  # endings of the answers in their several forms
QUEUE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
OUR_ENDINGS = (*ENDINGS, ".json")  # a queue's folder in the outbox must not look like an output


def can_be_queue(name: str) -> bool:
    """Say whether a queue may be called *name*."""
    return bool(QUEUE_NAME.fullmatch(name)) and not name.endswith(OUR_ENDINGS)


def show(name: bytes) -> str:
    """Return *name* for people: printable, in UTF-8, everything else percent-encoded."""
    text = name.decode(errors="surrogateescape")
    return "".join(char if char.isprintable() else _encode(char) for char in text)


def _encode(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode(errors="surrogateescape"))


def stem_of(name: bytes, job: str | None = None) -> str:
    """Return the stem for the outbox of a file called *name*; with *job*, that id is part of it."""
    stem = show(strip_ending(name)).replace("/", "%2F")  # of a folder that is no queue
    tail = f".{job}" if job else ""
    limit = NAME_MAX - ROOM - len(tail)
    if len(stem.encode()) > limit:
        digest = "~" + hashlib.sha256(name).hexdigest()[:DIGEST_CHARS]
        stem = stem.encode()[: limit - len(digest)].decode(errors="ignore") + digest
    return stem + tail


def free_stem(stem: str, is_taken: Callable[[str], bool]) -> str:
    """Return *stem*, or the first of `stem~2`, `stem~3`, ... that is not taken."""
    if not is_taken(stem):
        return stem
    return next(name for name in (f"{stem}~{n}" for n in count(2)) if not is_taken(name))


def results_name(stem: str) -> str:
    """Return the name of the rows, as the API shapes them."""
    return f"{stem}.results.jsonl"


def answers_name(stem: str, ending: str) -> str:
    """Return the name of the answers in another form, which *ending* tells."""
    return f"{stem}.answers{ending}"


def errors_name(stem: str) -> str:
    """Return the name of what did not succeed."""
    return f"{stem}.errors.jsonl"


def receipt_name(stem: str) -> str:
    """Return the name of the receipt, which is always the last to appear."""
    return f"{stem}.receipt.json"


def held_name(stem: str) -> str:
    """Return the name of what tells that a file waits for somebody to approve of its cost."""
    return f"{stem}.held.json"


def rejected_name(stem: str, ending: str) -> str:
    """Return the name of a refused file whose form is told by *ending*."""
    return f"{stem}{ending}"


def names_of(stem: str) -> tuple[str, ...]:
    """Return every outbox name that *stem* stands for."""
    answers = (answers_name(stem, ending) for ending in ANSWERS)
    return (results_name(stem), *answers, errors_name(stem), held_name(stem), receipt_name(stem))
