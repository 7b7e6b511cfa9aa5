"""Attachments: files that a line names, read from where they may be and from nowhere else.

Whoever drops a file may be nobody to trust: a path must not lead to what batchbox can read and the
producer cannot. Each component is opened by itself, in the one before it, and never through a link.
"""

import errno
import os
import re
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from batchbox.domain.errors import TryLater
from batchbox.domain.file_types import HIDDEN, form_of
from batchbox.domain.stability import Writer
from batchbox.formats.raw_json import JsonProblem, quote
from batchbox.storage.local.inbox import KINDS, OPEN_SAFELY, probe_writer
from batchbox.storage.local.layout import DEFAULT_QUEUE, Layout

ENTER_TRUSTED = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
ENTER = ENTER_TRUSTED | os.O_NOFOLLOW
ABSENT = (errno.ENOENT, errno.ENAMETOOLONG)
ENCODED = re.compile(r"%(?:2e|2f|5c|00)", re.IGNORECASE)
RELATIVE = 'write the path from the folder that the dropped file is in, as in "photos/a.jpg"'


@dataclass(frozen=True, slots=True)
class AllowedFolder:
    """A folder whose files may be named: *inner* below *trusted*, shown to people as *label*.

    *others*: folders in it that belong to somebody else. *is_scanned*: its own files are taken as jobs,
    and those of its queues with *has_queues*.
    """

    trusted: Path
    label: str
    inner: tuple[str, ...] = ()
    others: frozenset[str] = frozenset()
    is_scanned: bool = False
    has_queues: bool = False


def find_allowed_folders(
    layout: Layout, queue: str, folder: str | None, others: Collection[str]
) -> tuple[AllowedFolder, ...]:
    """Return where files may be that a file dropped into *queue* names."""
    is_default = queue == DEFAULT_QUEUE
    inner = ("inbox",) if is_default else ("inbox", queue)
    foreign = frozenset(others if is_default else ())
    beside = AllowedFolder(
        layout.root, "/".join(inner) + "/", inner, foreign, is_scanned=True, has_queues=is_default
    )
    return (beside, AllowedFolder(layout.root / folder, f"{folder.rstrip('/')}/")) if folder else (beside,)


def find_allowed_folders_beside(
    file: Path, queue: str, folder: Path | None, others: Collection[str]
) -> list[AllowedFolder]:
    """Return where files may be that *file* names, as if all that is beside it were dropped into *queue*."""
    is_default, label = queue == DEFAULT_QUEUE, f"{file.parent}/"
    foreign = frozenset(others if is_default else ())
    beside = AllowedFolder(file.parent, label, others=foreign, is_scanned=True, has_queues=is_default)
    return [beside, AllowedFolder(folder, f"{folder}/")] if folder else [beside]


class LocalFiles:
    """The files in some places. *sees_writers*: the probe for writers can be believed here."""

    def __init__(self, places: Sequence[AllowedFolder], sees_writers: bool) -> None:
        self._places = places
        self._sees_writers = sees_writers

    def read(self, path: str, limit: int) -> bytes:
        """Return all that is in the file *path* of the first place that has it, at most *limit* bytes.

        Raise `JsonProblem` where it must not or cannot be read, `TryLater` while somebody writes it.
        """
        names = _split(path)
        for place in self._places:
            descriptor = _open(place, path, names)
            if descriptor is not None:
                try:
                    _refuse_scanned(place, path, names)
                    return self._read(descriptor, path, limit)
                finally:
                    os.close(descriptor)
        _refuse_scanned(self._places[0], path, names)
        places = " and in ".join(place.label for place in self._places)
        raise JsonProblem(
            f"{quote(path)} was not found in {places}",
            "put it there before you drop the file that names it, or correct the path; capital letters count",
        )

    def _read(self, descriptor: int, path: str, limit: int) -> bytes:
        before = os.fstat(descriptor)
        _require_file(before, path)
        if before.st_size > limit:
            raise JsonProblem(
                f"{quote(path)} is too large: {before.st_size:,} bytes, where {limit:,} can be sent",
                "make it smaller, or split it over several requests",
            )
        if self._sees_writers and probe_writer(descriptor) is Writer.SOME:
            raise TryLater(
                f"{quote(path)} is still open for writing", "it is read as soon as the writer closes it"
            )
        pieces, left = [], before.st_size
        while left and (piece := os.read(descriptor, left)):
            pieces.append(piece)
            left -= len(piece)
        if left or _state(os.fstat(descriptor)) != _state(before):
            raise TryLater(
                f"{quote(path)} was changed while it was read", "it is read once it stays as it is"
            )
        return b"".join(pieces)


def _state(found: os.stat_result) -> tuple[int, ...]:
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _split(path: str) -> list[str]:
    if not path:
        raise JsonProblem("the path of a file is empty", RELATIVE)
    if path.startswith(("/", "~")) or "://" in path or re.match("[A-Za-z]:", path):
        raise JsonProblem(f"{quote(path)} is no path below the folder of the dropped file", RELATIVE)
    if "\\" in path or "\0" in path or ENCODED.search(path):
        raise JsonProblem(
            f"{quote(path)} cannot be the path of a file", "write it with /, and nothing encoded"
        )
    names = [name for name in path.split("/") if name != "."]
    if ".." in names or "" in names or not names:
        raise JsonProblem(f"{quote(path)} leads out of where files may be, or nowhere", RELATIVE)
    if any(name.startswith(".") for name in names):  # others may be writing them, for nobody else to read
        raise JsonProblem(
            f"{quote(path)} is hidden: names that begin with a dot are those of unfinished files",
            "give it a name without the dot",
        )
    return names


def _open(place: AllowedFolder, path: str, names: list[str]) -> int | None:
    """Return a descriptor of what has that path in *place*, None if nothing has."""
    if names[0] in place.others:
        raise JsonProblem(
            f"{quote(path)} belongs to queue {quote(names[0])}",
            "drop the file that names it into that queue, or put a copy beside it",
        )
    folder = _enter(place)
    try:
        for name in (*place.inner, *names[:-1]):
            deeper = os.open(name, ENTER, dir_fd=folder)
            os.close(folder)
            folder = deeper
        name = names[-1]
        return os.open(name, OPEN_SAFELY, dir_fd=folder)
    except OSError as error:
        if error.errno in ABSENT:
            return None
        _explain(error, path, name, folder)
    finally:
        os.close(folder)


def _enter(place: AllowedFolder) -> int:
    try:
        return os.open(place.trusted, ENTER_TRUSTED)
    except OSError as error:
        raise TryLater(
            f"the folder {place.label} cannot be entered: {error.strerror}",
            'put it back or let batchbox read it, or correct "files" of this queue in the settings',
        ) from None


def _explain(error: OSError, path: str, name: str, folder: int) -> NoReturn:
    """Complain of what stands where *name* should be."""
    if error.errno in (errno.EACCES, errno.EPERM):
        raise JsonProblem(
            f"{quote(path)} may not be read by batchbox",
            "make it and its folders readable, as with chmod -R a+rX",
        ) from None
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
        mode = _mode(name, folder, path)
        if stat.S_ISLNK(mode):
            raise JsonProblem(
                f"{quote(path)} goes through a link ({quote(name)})", "put the file itself there, not a link"
            ) from None
        raise JsonProblem(
            f"{quote(path)} is no file in a folder: {quote(name)} is something else", RELATIVE
        ) from None
    raise error


def _mode(name: str, folder: int, path: str) -> int:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        raise _changed(path) from None


def _changed(path: str) -> TryLater:
    return TryLater(f"{quote(path)} was changed while it was read", "it is read once it stays as it is")


def _require_file(found: os.stat_result, path: str) -> None:
    if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:
        return
    fix = "put the file itself in its place"
    if stat.S_ISREG(found.st_mode):
        raise JsonProblem(f"{quote(path)} has a second name (a hard link)", "copy it instead")
    what = next((problem for is_kind, problem in KINDS if is_kind(found.st_mode)), "is a device")
    raise JsonProblem(f"{quote(path)} {what}, not a file", fix)


def _refuse_scanned(place: AllowedFolder, path: str, names: list[str]) -> None:
    """Refuse what is about to be taken as a dropped file of its own, and then would be gone."""
    in_queue = place.has_queues and len(names) > 1 and os.fsencode(names[0][:1]) not in HIDDEN
    depth = len(names) - in_queue
    if place.is_scanned and depth == 1 and form_of(os.fsencode(names[-1])):
        raise JsonProblem(
            f"{quote(path)} is where files are taken as requests of their own",
            'put it into a folder, as in "_files/notes.txt": what begins with _ is left alone',
        )
