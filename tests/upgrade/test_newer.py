"""A spool that a newer version wrote is refused, untouched, with the version that is needed."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from batchbox.domain.job import SCHEMA
from batchbox.domain.states import JobState, PartState
from batchbox.domain.versions import name_needed
from batchbox.storage.local.local_spool import LocalSpool
from batchbox.storage.local.lock import FORMAT
from batchbox.storage.local.manifest_files import write_manifest
from tests.storage.support import JOB, LATER_JOB, make_manifest
from tests.support.daemon import Box, request
from tests.support.values import make_part

REFUSED = 3
NEEDS = "install batchbox 9.2.0 or newer; nothing was changed"


def put_newer(root: Path, place: str, **facts: Any) -> Path:
    """Put a job there as a newer version would, with keys that nobody knows today; return its manifest."""
    folder = root / place / JOB
    folder.mkdir(parents=True)
    (folder / "request.jsonl").write_bytes(request("a"))
    write_manifest(folder, make_manifest(JOB, state=JobState.RUNNING, schema_number=SCHEMA + 1))
    return rewrite(folder / "manifest.json", {"needs": "9.2.0", "surprise": [1]} | facts)


def rewrite(path: Path, facts: dict[str, Any]) -> Path:
    """Add to a manifest, with its checksum."""
    document = json.loads(path.read_bytes())
    del document["checksum"]
    document |= facts
    plain = json.dumps(document, sort_keys=True, separators=(",", ":"))
    document["checksum"] = hashlib.sha256(plain.encode()).hexdigest()
    path.write_text(json.dumps(document, indent=1))
    return path


def snapshot(root: Path) -> dict[str, Any]:
    """Return all there is, with its content and when it was changed."""
    found: dict[str, Any] = {}
    for path in sorted([root, *root.rglob("*")]):
        about = os.lstat(path)
        content = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (about.st_ino, about.st_mode, about.st_mtime_ns, about.st_ctime_ns, content)
    return found


def busy(box: Box) -> None:
    """Put other things there that a daemon would begin with at once."""
    box.drop("new.jsonl", request("b"))
    older = box.root / "work" / LATER_JOB
    older.mkdir()
    (older / "request.jsonl").write_bytes(request("c"))
    part = make_part(PartState.PREPARED)
    write_manifest(older, make_manifest(LATER_JOB, state=JobState.RUNNING, parts=(part,)))
    (box.root / "work" / JOB.replace("2026", "2025")).mkdir()
    (box.root / "control" / f"cancel-{LATER_JOB}").touch()


@pytest.mark.parametrize("place", ["work", "hold"])
@pytest.mark.parametrize("command", [["run"], ["init", "--take-over"]], ids=" ".join)
def test_a_newer_manifest(box: Box, place: str, command: list[str]) -> None:
    """Neither work is begun nor a command carried out: it stops before all of that."""
    busy(box)
    path = put_newer(box.root, place)
    before = snapshot(box.root)
    done = box.command(*command, *([str(box.root)] if command[0] == "init" else []))
    assert done.returncode == REFUSED
    assert f"{path} was written by a newer batchbox" in done.stderr
    assert NEEDS in done.stderr
    assert snapshot(box.root) == before


@pytest.mark.parametrize("command", ["run", "init", "status", "show", "cancel", "drop"])
def test_a_newer_format(box: Box, tmp_path: Path, command: str) -> None:
    """No command touches a spool of which it does not know the meaning."""
    busy(box)
    marker = json.loads((box.root / ".batchbox").read_bytes())
    marker |= {"format": FORMAT + 1, "needs": "9.2.0", "surprise": 1}
    (box.root / ".batchbox").write_text(json.dumps(marker))
    before = snapshot(box.root)
    file = tmp_path / "q.jsonl"
    file.write_bytes(request("a"))
    given = {"init": [str(box.root)], "show": ["new"], "cancel": ["new"], "drop": [str(file)]}
    done = box.command(command, *given.get(command, []))
    assert done.returncode == REFUSED
    assert f"{box.root} was made by a newer batchbox" in done.stderr
    assert NEEDS in done.stderr
    assert snapshot(box.root) == before


def test_a_newer_manifest_in_the_archive(box: Box) -> None:
    """What is finished stops nobody: after a downgrade of a spool that was worked off, work goes on."""
    put_newer(box.root, "done/2026-01-02", state="unheard of")
    box.drop("new.jsonl", request("b"))
    assert box.command("run", "--until-idle").returncode == 0
    receipt = box.receipt("new")
    assert receipt
    assert receipt["status"] == "succeeded"
    assert box.command("status").returncode == 0
    shown = box.command("show", JOB)
    assert (shown.returncode, NEEDS in shown.stderr) == (REFUSED, True)


def test_a_number_in_a_name_is_none_of_a_schema(box: Box) -> None:
    """What a producer calls a file decides nothing."""
    folder = box.root / "work" / JOB
    folder.mkdir()
    write_manifest(folder, make_manifest(JOB, name=b'x", "schema": 99, ".jsonl', stem='"schema": 99'))
    spool = LocalSpool(box.root, epoch=1)
    assert list(spool.jobs()) == [JOB]
    spool.close()


def test_a_key_that_this_schema_does_not_have(box: Box) -> None:
    """With the same number it is damage, or a slip, and no newer version: a person decides, unsent."""
    folder = box.root / "work" / JOB
    folder.mkdir()
    (folder / "request.jsonl").write_bytes(request("a"))
    write_manifest(folder, make_manifest(JOB, state=JobState.RUNNING, parts=(make_part(),)))
    rewrite(folder / "manifest.json", {"sent_already": True})
    assert box.command("run", "--until-idle").returncode == 0
    assert (box.root / "hold" / JOB / "request.jsonl").exists()
    assert not list((box.root / "outbox").iterdir())


@pytest.mark.parametrize("needs", [None, 3, "", "\x1b[2J", "x" * 99, ["1.0"]])
def test_without_a_version_the_number_is_named(needs: object) -> None:
    """What is no version is not shown."""
    assert "manifest schema 7" in name_needed({"needs": needs}, "manifest schema", 7)
