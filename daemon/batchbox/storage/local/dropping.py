"""Dropping: what a careful producer does, and how it hears of the end."""

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from batchbox.domain.errors import Stop
from batchbox.domain.file_types import ENDINGS, form_of
from batchbox.domain.marker_files import OK
from batchbox.domain.output_names import held_name, receipt_name, stem_of
from batchbox.storage.local import durable
from batchbox.storage.local.inbox import is_queue
from batchbox.storage.local.layout import DEFAULT_QUEUE, Layout
from batchbox.storage.local.lock import read_marker

BAD_FILE = 2  # exit code
ENDS = (receipt_name(""), held_name(""))


@dataclass(frozen=True, slots=True)
class DroppedPath:
    """A file that was dropped, and what names like its own were told before."""

    queue: str
    stem: str
    sha256: str
    before: frozenset[tuple[str, int, int]]


def drop_file(root: Path, source: Path, queue: str, called: str = "") -> DroppedPath:
    """Copy *source* into the inbox, whole from the first moment it can be seen: *called* so, or as it is."""
    layout = Layout(root)
    if os.access(layout.marker, os.R_OK) or not durable.is_there(layout.marker):
        read_marker(layout)  # who may drop need not be one who may read it
    called = called or source.name
    name = os.fsencode(called)
    if not source.exists():
        raise Stop(f"{source} does not exist", "name a file", code=BAD_FILE)
    form = form_of(name)
    if form and form.kind == "foreign":
        raise Stop(f"a file that ends in {form.ending} cannot be read", form.fix, code=BAD_FILE)
    if not form:
        fix = f"give it a name that ends in {', '.join(ENDINGS)} and does not begin with . ~ _ or #"
        raise Stop(f"{called} would not be taken", fix, code=BAD_FILE)
    if queue != DEFAULT_QUEUE and not is_queue(queue):
        fix = "use letters, digits, dots and dashes, and no ending that a file has"
        raise Stop(f'"{queue}" cannot be a queue', fix, code=BAD_FILE)
    stem = stem_of(name)
    before = frozenset(name for ending in ENDS for name in _answers(layout, queue, stem, ending))
    target = layout.queue("inbox", queue) / called
    sha256 = _copy_in(source, target)
    _confirm(target, sha256)
    return DroppedPath(queue, stem, sha256, before)


def _open_file(source: Path) -> BinaryIO:
    descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return open(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is not a file", str(source))


def _copy_in(source: Path, target: Path) -> str:
    digest, folder = hashlib.sha256(), target.parent
    temp = _temp_beside(target)
    try:
        durable.make_folder(folder)
        with _open_file(source) as reader, durable.write_whole(temp) as writer:
            while chunk := reader.read(durable.CHUNK):
                digest.update(chunk)
                writer.write(chunk)
        durable.move_onto_free(temp, target)
    except FileExistsError:
        fix = "wait until it is taken, or use another name"
        raise Stop(f"a file {target.name} is still waiting in the inbox", fix, code=BAD_FILE) from None
    except OSError as error:
        problem = f"{source} could not be dropped: {error.strerror}"
        raise Stop(problem, "see that the file is readable and the inbox writable", code=BAD_FILE) from None
    finally:
        with suppress(OSError):  # it would hide why
            durable.remove(temp)
    return digest.hexdigest()


def _confirm(target: Path, sha256: str) -> None:
    """Put the marker beside *target*: only the daemon knows whether it requires one.

    A daemon that doesn't may have taken the file by now; then nobody would ever remove the marker.
    A name that leaves no room for the marker's ending has none.
    """
    marker, temp = target.with_name(target.name + os.fsdecode(OK)), _temp_beside(target)
    try:
        with durable.write_whole(temp) as file:
            file.write(f"{sha256}\n".encode())
        durable.move(temp, marker)
        if not durable.is_there(target):
            durable.remove(marker)
    except OSError as error:
        with suppress(OSError):
            durable.remove(temp)
        if error.errno != errno.ENAMETOOLONG:
            problem = f"{target.name} was dropped, but not its marker {marker}: {error.strerror}"
            fix = "if the file waits for its marker, put an empty file of that name there"
            raise Stop(problem, fix, code=BAD_FILE) from None


def _temp_beside(target: Path) -> Path:
    return target.with_name(f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}-{os.getpid()}.tmp")


def _answers(layout: Layout, queue: str, stem: str, ending: str) -> dict[tuple[str, int, int], Path]:
    """Return what *stem* and its namesakes were told, each under what tells it from a later one."""
    folder = layout.queue("outbox", queue)
    found = {}
    for name in os.listdir(folder) if folder.exists() else []:
        one = name.removesuffix(ending)
        if name.endswith(ending) and stem in (one, one.rpartition("~")[0], one.rpartition(".")[0]):
            with suppress(FileNotFoundError):  # its reader has just taken it away
                seen = os.stat(folder / name)
                found[name, seen.st_ino, seen.st_mtime_ns] = folder / name
    return found


def find_receipt(root: Path, dropped: DroppedPath) -> tuple[Path, dict[str, Any]] | None:
    """Return the receipt of the file that was dropped, once it is there."""
    return next(_find(root, dropped, receipt_name("")), None)


def find_notice(root: Path, dropped: DroppedPath) -> dict[str, Any] | None:
    """Return the last that says that the file waits for somebody to approve of its cost, once it does."""
    found = [notice for _, notice in _find(root, dropped, held_name(""))]
    return found[-1] if found else None


def _find(root: Path, dropped: DroppedPath, ending: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield what the file was told, the oldest first."""
    found = _answers(Layout(root), dropped.queue, dropped.stem, ending)
    for key in sorted(found.keys() - dropped.before, key=lambda key: key[2]):
        told = json.loads(found[key].read_bytes())
        if told.get("input", {}).get("sha256") == dropped.sha256:
            yield found[key], told
