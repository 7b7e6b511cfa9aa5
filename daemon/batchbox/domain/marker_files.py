"""Companions: small files beside a dropped one that say something about it, for those who can only put files.

`NAME.jsonl.cancel` asks for an end of all that was dropped as `NAME.jsonl`; `NAME.jsonl.ok` vouches that
`NAME.jsonl` is whole. The ending may be in small letters or large.
"""

from batchbox.domain.file_types import HIDDEN, form_of, strip_ending
from batchbox.domain.output_names import show

CANCEL = b".cancel"
OK = b".ok"


def is_cancel(name: bytes) -> bool:
    """Say whether a file called *name* asks that another is canceled."""
    return name[:1] not in HIDDEN and name.lower().endswith(CANCEL)


def is_ok(name: bytes) -> bool:
    """Say whether a file called *name* vouches for another."""
    return name.lower().endswith(OK) and form_of(name[: -len(OK)]) is not None


def is_companion(name: bytes) -> bool:
    """Say whether a file called *name* is about another one."""
    return is_cancel(name) or is_ok(name)


def subject_of(name: bytes) -> bytes:
    """Return the name of the file that the companion called *name* is about."""
    return name[: -len(CANCEL if is_cancel(name) else OK)]


def is_answered_as(subject: bytes, name: bytes, stem: str) -> bool:
    """Say whether *subject* is what a file dropped as *name* is called by its answers, those of *stem*.

    That is its own with their number, as in `NAME~2.jsonl`. Another may have been dropped under that very
    name: then that one is meant.
    """
    ending = name[len(strip_ending(name)) :]
    return subject.endswith(ending) and show(subject[: -len(ending) or None]) == stem
