"""Ownership: which of the batches that the API lists belong to a job of this spool."""

import os
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from batchbox.storage.local.layout import JOB_NAME, MANIFEST, Layout

TEXT = re.compile(rb'"([A-Za-z0-9_.:-]{1,256})"')
DAYS = 31  # the API keeps results for 29


def find_owned(layout: Layout, batches: Collection[str]) -> set[str]:
    """Return those of *batches* that any manifest names, of jobs under way, held or lately finished."""
    wanted = {one.encode() for one in batches}
    owned: set[bytes] = set()
    for path in _manifests(layout):
        if owned == wanted:
            break
        with suppress(OSError):
            owned |= wanted & set(TEXT.findall(path.read_bytes()))
    return {one.decode() for one in owned}


def _manifests(layout: Layout) -> Iterator[Path]:
    days = sorted(_names(layout.root / "done"), reverse=True)[:DAYS]
    folders = [layout.work, layout.root / "hold", *(layout.root / "done" / day for day in days)]
    for folder in folders:
        yield from (folder / name / MANIFEST for name in _names(folder) if JOB_NAME.fullmatch(name))


def _names(folder: Path) -> list[str]:
    with suppress(OSError):
        return os.listdir(folder)
    return []
