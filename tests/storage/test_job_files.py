"""The files of a job, and the small things the engine asks of a spool."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from batchbox.domain.errors import Damaged, Lost
from batchbox.domain.output_names import names_of, rejected_name
from batchbox.storage.local.local_spool import LocalSpool
from tests.storage.support import CONTENT, JOB, LATER_JOB, names, take, tree


class BrokenOffError(Exception):
    """The block was left in the middle."""


def create(spool: LocalSpool, name: str, content: bytes) -> None:
    """Write a file of the job's."""
    with spool.create(JOB, name) as file:
        file.write(content)


def create_half(spool: LocalSpool, name: str) -> None:
    """Break off while writing a file of the job's."""
    with spool.create(JOB, name) as file:
        file.write(b"half")
        raise BrokenOffError


def test_a_file_is_there_once_its_block_has_ended(spool: LocalSpool) -> None:
    """Before that it is not, and what is read is what was written."""
    take(spool)
    with spool.create(JOB, "part-001.body.json") as file:
        file.write(b"body")
        assert not spool.has(JOB, "part-001.body.json")
    assert spool.has(JOB, "part-001.body.json")
    with spool.open(JOB, "part-001.body.json") as found:
        assert found.read() == b"body"


def test_a_file_that_was_broken_off_is_not_there(root: Path, spool: LocalSpool) -> None:
    """Nothing of it is left, and one of that name from before stays."""
    take(spool)
    with pytest.raises(BrokenOffError):
        create_half(spool, "rows")
    assert names(root / "work" / JOB) == ["manifest.json", "request.jsonl"]
    create(spool, "rows", b"old")
    with pytest.raises(BrokenOffError):
        create_half(spool, "rows")
    assert (root / "work" / JOB / "rows").read_bytes() == b"old"


def test_the_dropped_file_can_be_opened(spool: LocalSpool) -> None:
    """It is one of the job's files."""
    take(spool)
    with spool.open(JOB, "request.jsonl") as file:
        assert file.read() == CONTENT


def test_a_file_that_is_not_there_cannot_be_opened(spool: LocalSpool) -> None:
    """Of a job that is there it is a loss; of one that was moved away there is nothing to say."""
    take(spool)
    assert not spool.has(JOB, "rows")
    with pytest.raises(Damaged, match="rows of"):
        spool.open(JOB, "rows")
    with pytest.raises(FileNotFoundError):
        spool.open(LATER_JOB, "rows")
    with pytest.raises(FileNotFoundError):
        spool.describe(JOB, "rows")


def test_files_are_discarded_as_far_as_they_are_there(root: Path, spool: LocalSpool) -> None:
    """Only those that are named go; one that is gone already is no fault."""
    take(spool)
    create(spool, "a", b"")
    create(spool, "b", b"")
    spool.discard(JOB, ["a", "never was"])
    assert names(root / "work" / JOB) == ["b", "manifest.json", "request.jsonl"]


def test_a_description_is_size_and_digest(spool: LocalSpool) -> None:
    """Those of the bytes that lie there."""
    take(spool)
    create(spool, "rows", b"one\ntwo\n")
    assert spool.describe(JOB, "rows") == (8, hashlib.sha256(b"one\ntwo\n").hexdigest())


def test_a_save_says_who_made_it(spool: LocalSpool) -> None:
    """Epoch and owner are those of the lease, whatever the manifest said before."""
    manifest = take(spool)
    stored = spool.save(manifest.model_copy(update={"epoch": 0, "stem": "second"}), if_version=0)
    assert (stored.manifest.epoch, stored.manifest.owner) == (1, spool.lease.taken.owner)
    assert (stored.manifest.stem, stored.version) == ("second", 1)
    assert spool.load(JOB) == stored


def test_a_save_over_somebody_elses_is_lost(spool: LocalSpool) -> None:
    """Who read an older revision has to read again."""
    manifest = take(spool)
    stored = spool.save(manifest, if_version=0)
    with pytest.raises(Lost):
        spool.save(manifest, if_version=0)
    assert spool.load(JOB) == stored


@pytest.mark.parametrize("queue", ["default", "night"])
@pytest.mark.parametrize("name", names_of("x"))
def test_a_stem_is_taken_by_each_of_its_names(root: Path, spool: LocalSpool, queue: str, name: str) -> None:
    """In its own queue only; also by a folder or a link that leads nowhere."""
    folder = spool.layout.queue("outbox", queue)
    folder.mkdir(exist_ok=True)
    assert not spool.is_taken(queue, "x")
    (folder / name).symlink_to(root / "nowhere")
    assert spool.is_taken(queue, "x")
    assert not spool.is_taken("other", "x")
    assert not spool.is_taken(queue, "x~2")
    (folder / name).unlink()
    (folder / name).mkdir()
    assert spool.is_taken(queue, "x")


@pytest.mark.parametrize("queue", ["default", "night"])
def test_a_stem_is_taken_by_a_refused_file(spool: LocalSpool, queue: str) -> None:
    """A name in rejected/ is a name that was used."""
    folder = spool.layout.queue("rejected", queue)
    folder.mkdir(exist_ok=True)
    (folder / rejected_name("x", ".jsonl")).write_bytes(b"")
    assert spool.is_taken(queue, "x")
    assert not spool.is_taken("other", "x")


def test_other_files_in_the_outbox_take_no_stem(root: Path, spool: LocalSpool) -> None:
    """Only the names that a job would use count."""
    for name in ("x", "x.jsonl", "x.results.json", "y.results.jsonl", ".x.results.jsonl"):
        (root / "outbox" / name).write_bytes(b"")
    assert not spool.is_taken("default", "x")


def test_flags_are_files_in_control(root: Path, spool: LocalSpool) -> None:
    """PAUSE and DRAIN stand for as long as their file does; other names mean nothing."""
    assert spool.flags() == frozenset()
    for name in ("PAUSE", "DRAIN", "pause", "STOP"):
        (root / "control" / name).write_bytes(b"")
    assert spool.flags() == {"PAUSE", "DRAIN"}
    (root / "control" / "PAUSE").unlink()
    assert spool.flags() == {"DRAIN"}


def test_room_is_that_of_the_file_system(root: Path, spool: LocalSpool) -> None:
    """What is free for us: not what root keeps for itself."""
    found = os.statvfs(root)
    assert 0 < spool.free_bytes() <= found.f_blocks * found.f_frsize
    assert abs(spool.free_bytes() - found.f_bavail * found.f_frsize) < 1 << 30


def test_a_report_is_replaced_whole(root: Path, spool: LocalSpool) -> None:
    """The last one is there, nothing else; a folder that was deleted is made again."""
    spool.report({"flags": ["PAUSE"], "waiting": []})
    spool.report({"flags": []})
    assert tree(root / "state") == {"health.json": json.dumps({"flags": []}, indent=1).encode()}
    (root / "state" / "health.json").unlink()
    (root / "state").rmdir()
    spool.report({"flags": []})
    assert names(root / "state") == ["health.json"]
