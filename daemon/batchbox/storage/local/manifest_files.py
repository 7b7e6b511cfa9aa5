"""Manifests on disk: replaced whole, checksummed, the one before kept beside.

The checksum is made the same way in every schema: only what matches it can be believed to be newer.
A manifest that cannot be believed raises `Damaged`; the one before is for a person to look at, never
read in its place: it would make a part that was sent look like one that was not.
"""

import hashlib
import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from batchbox.domain.errors import NO_SPOOL, Damaged, Lost, Stop
from batchbox.domain.job import SCHEMA, Manifest
from batchbox.domain.versions import name_needed
from batchbox.ports.storage import Stored
from batchbox.storage.local import durable
from batchbox.storage.local.layout import JOB_NAME, MANIFEST, PREVIOUS, Layout

CHECKSUM = "checksum"
FIX = f"compare it with {PREVIOUS} beside it and with the API's list of batches; nothing was sent again"
M = TypeVar("M", bound=BaseModel)
NUMBER = re.compile(rb'"schema": *(\d{1,9})')
UNREADABLE = (ValueError, KeyError, AttributeError, TypeError, RecursionError, ValidationError)


def read_manifest(folder: Path) -> Stored | None:
    """Return the manifest in *folder*, None if there is none."""
    manifest = read_as(folder, Manifest)
    return Stored(manifest, manifest.revision) if manifest else None


def read_as(folder: Path, model: type[M]) -> M | None:
    """Return as much of the manifest in *folder* as *model* asks for; all of it has to match its checksum."""
    path = folder / MANIFEST
    try:
        data = durable.read_file(path)
    except FileNotFoundError:
        return None
    try:
        document = json.loads(data)
        found = document.pop(CHECKSUM)
        if found != _checksum(document):
            raise Damaged(f"{path} does not match its checksum", FIX)
        _refuse_newer(document, path)
        return model.model_validate(document)
    except UNREADABLE as error:
        raise Damaged(f"{path} cannot be read ({type(error).__name__})", FIX) from None


def write_manifest(folder: Path, manifest: Manifest) -> Stored:
    """Put *manifest* in the place of the one in *folder*, which becomes the previous one."""
    document = manifest.model_dump(mode="json", by_alias=True)
    document[CHECKSUM] = _checksum(document)
    path = folder / MANIFEST
    if durable.is_there(path):
        _keep_previous(folder)
    with durable.write_whole(path) as file:
        file.write(json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n")
    return Stored(manifest, manifest.revision)


def replace_manifest(folder: Path, manifest: Manifest, if_version: int) -> Stored:
    """Write *manifest* with the next revision. Raise `Lost` unless the stored one is *if_version*."""
    stored = read_manifest(folder)
    if stored is None or stored.version != if_version:
        found = stored.version if stored else "none"
        raise Lost(f"the manifest of {manifest.job} is at revision {found}, not {if_version}")
    return write_manifest(folder, manifest.revised(if_version + 1))


def _keep_previous(folder: Path) -> None:
    temp = folder / f".{PREVIOUS}.tmp"
    durable.remove(temp)
    os.link(folder / MANIFEST, temp)
    os.rename(temp, folder / PREVIOUS)


def _checksum(document: dict[str, object]) -> str:
    plain = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def _refuse_newer(document: dict[str, object], path: Path) -> None:
    number = document.get("schema")
    if isinstance(number, int) and number > SCHEMA:
        fix = name_needed(document, "manifest schema", number)
        raise Stop(f"{path} was written by a newer batchbox", fix, code=NO_SPOOL)


class _Any(BaseModel):
    """Whatever it says."""


def refuse_newer(layout: Layout) -> None:
    """Raise `Stop` if a job under way or held was written by a newer batchbox: none may be touched then."""
    for parent in (layout.work, layout.root / "hold"):
        with suppress(OSError):  # `prove` tells of a folder that is not as it has to be
            for name in sorted(filter(JOB_NAME.fullmatch, os.listdir(parent))):
                _refuse_if_newer(parent / name)


def _refuse_if_newer(folder: Path) -> None:
    """Read it in full only if it may be newer: there may be a thousand."""
    with suppress(Damaged, OSError):  # it is told of when the job is taken up
        numbers = NUMBER.findall(durable.read_file(folder / MANIFEST))
        if any(int(number) > SCHEMA for number in numbers):
            read_as(folder, _Any)
