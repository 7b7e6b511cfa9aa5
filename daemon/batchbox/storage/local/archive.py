"""The archive: what lies in done/ and rejected/, and its removal.

Only what batchbox itself put there: whole folders of jobs with nothing in them but its own files, and plain
files under the names that refused files get. Links are never followed; anything else is a person's and stays.

A finished job is first renamed to a name that no job has, so that half of one is never seen; what a crash
leaves of it is removed by the next look.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import BaseModel

from batchbox.domain.errors import Damaged, Stop
from batchbox.domain.file_types import form_of
from batchbox.domain.job import Manifest
from batchbox.domain.output_names import QUEUE_NAME
from batchbox.scheduling.retention import Archive, Kept
from batchbox.storage.local import durable
from batchbox.storage.local.layout import DEFAULT_QUEUE, JOB_NAME, KEPT, Layout
from batchbox.storage.local.manifest_files import read_as, read_manifest

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
FINISHED = re.compile(JOB_NAME.pattern + "~*")  # see `LocalSpool.retire`
GONE = re.compile(rf"\.{FINISHED.pattern}\.gone")
UNREADABLE = (Damaged, Stop, OSError)  # Stop: of a newer batchbox


class _Source(BaseModel):
    """Where a file came from, as its manifest says."""

    queue: str


class _Origin(BaseModel):
    """As much of a manifest as is asked for here."""

    source: _Source


class LocalArchives:
    """Both of them. What was seen of a finished job is remembered: it changes no more."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._seen: dict[str, Kept] = {}

    def survey(self, archive: Archive) -> list[Kept]:
        """Return all that is ours there."""
        root = self._layout.root / archive
        return list(self._finished(root) if archive == "done" else _refused(root))

    def _finished(self, root: Path) -> Iterator[Kept]:
        before, self._seen = self._seen, {}
        for folder in _days(root):
            for name in _names(folder, FINISHED):
                kept = before.get(f"{folder.name}/{name}") or _read_finished(folder / name)
                if kept:
                    self._seen[kept.place] = kept
                    yield kept

    def remove(self, outdated: Iterable[Kept]) -> Iterator[Kept]:
        """Remove *outdated*, as far as each is still what it was; yield it once it is gone."""
        for kept in outdated:
            path = self._layout.root / kept.archive / kept.place
            with suppress(OSError):  # one that cannot be removed must not keep the others
                is_gone = (
                    _remove_finished(path, kept) if kept.archive == "done" else _remove_refused(path, kept)
                )
                if is_gone:
                    yield kept

    def clear_up(self) -> None:
        """Remove what a crash left half removed, and days in which nothing is left but the newest."""
        days = list(_days(self._layout.root / "done"))
        for folder in days:
            for name in _names(folder, GONE):
                _empty(folder / name)
        for folder in days[:-1]:
            with suppress(OSError):  # it is not empty
                os.rmdir(folder)


def read_finished(layout: Layout, day: str) -> Iterator[Manifest]:
    """Yield the manifests of the jobs that were finished on *day* or, by a clock since set back, later."""
    folders = (folder for folder in _days(layout.root / "done") if folder.name >= day)
    for path in (folder / name for folder in folders for name in _names(folder, FINISHED)):
        with suppress(*UNREADABLE):
            stored = read_manifest(path)
            if stored:
                yield stored.manifest


def _days(root: Path) -> Iterator[Path]:
    """Yield the folders of days, the oldest first."""
    for name in _names(root, DAY):
        with suppress(ValueError):
            date.fromisoformat(name)
            yield root / name


def _names(folder: Path, pattern: re.Pattern[str]) -> list[str]:
    """Return the names of folders in *folder* that are spelled like that; none if it is none itself."""
    if not durable.is_folder(folder):
        return []
    with os.scandir(folder) as entries:
        found = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    return sorted(name for name in found if pattern.fullmatch(name))


def _read_finished(folder: Path) -> Kept | None:
    """Return a finished job; None if there is anything else in its folder, or its manifest cannot be read."""
    try:
        with os.scandir(folder) as entries:
            files = {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
        is_ours = files.keys() <= KEPT and all(stat.S_ISREG(found.st_mode) for found in files.values())
        origin = read_as(folder, _Origin) if is_ours else None
    except UNREADABLE:
        return None
    if origin is None:
        return None
    day, size = folder.parent.name, sum(found.st_size for found in files.values())
    return Kept("done", f"{day}/{folder.name}", date.fromisoformat(day), origin.source.queue, size)


def _remove_finished(folder: Path, kept: Kept) -> bool:
    if _read_finished(folder) != kept:
        return False
    gone = folder.with_name(f".{folder.name}.gone")
    durable.move(folder, gone)
    _empty(gone)
    return True


def _empty(folder: Path) -> None:
    """Remove what is ours in a job's folder, and the folder if that was all."""
    for name in KEPT:
        durable.remove(folder / name)
    with suppress(OSError):
        os.rmdir(folder)


def _refused(root: Path) -> Iterator[Kept]:
    yield from _read_queue(root, DEFAULT_QUEUE)
    for queue in _names(root, QUEUE_NAME):
        yield from _read_queue(root / queue, queue)


def _read_queue(folder: Path, queue: str) -> Iterator[Kept]:
    if not durable.is_folder(folder):
        return
    with os.scandir(folder) as entries:
        files = [entry.path for entry in entries if _is_ours(entry)]
    for path in sorted(files):
        with suppress(FileNotFoundError):
            yield _read_refused(Path(path), queue)


def _is_ours(entry: "os.DirEntry[str]") -> bool:
    return bool(form_of(os.fsencode(entry.name))) and entry.is_file(follow_symlinks=False)


def _read_refused(path: Path, queue: str) -> Kept:
    """Return a refused file; it was put there when it last got another name (ctime, inode(7)), or later."""
    found = os.lstat(path)
    place = path.name if queue == DEFAULT_QUEUE else f"{queue}/{path.name}"
    return Kept("rejected", place, datetime.fromtimestamp(found.st_ctime, UTC).date(), queue, found.st_size)


def _remove_refused(path: Path, kept: Kept) -> bool:
    """Its receipt stays: it is the producer's."""
    if not durable.is_folder(path.parent) or _read_refused(path, kept.queue) != kept:
        return False
    os.unlink(path)
    durable.sync_folder(path.parent)
    return True
