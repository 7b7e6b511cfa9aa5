"""Taking a file: it becomes ours with its name written down, or it stays where it is."""

import os
from pathlib import Path

import pytest

from batchbox.domain.states import JobState
from batchbox.storage.local.local_spool import LocalSpool
from tests.storage.support import (
    CONTENT,
    JOB,
    LATER_JOB,
    find,
    in_child,
    limit_files,
    make_manifest,
    names,
    put,
    take,
    tree,
    without_rights,
)


@pytest.mark.parametrize("queue", ["", "night"])
def test_a_file_that_is_taken_moves(root: Path, spool: LocalSpool, queue: str) -> None:
    """It leaves the inbox, byte for byte and with its inode, and lies beside its manifest."""
    inode = put(root, queue=queue).stat().st_ino
    manifest = make_manifest(queue=queue or "default")
    stored = spool.take(find(spool), manifest)
    assert stored is not None
    assert (stored.manifest, stored.version) == (manifest, 0)
    assert names(root / "work" / JOB) == ["manifest.json", "request.jsonl"]
    assert (root / "work" / JOB / "request.jsonl").stat().st_ino == inode
    assert (root / "work" / JOB / "request.jsonl").read_bytes() == CONTENT
    assert spool.scan() == []
    assert spool.load(JOB) == stored
    assert list(spool.jobs()) == [JOB]


@pytest.mark.parametrize(
    "name", [b"\xff\n.jsonl", b"-rf.jsonl", b"x" * 249 + b".jsonl"], ids=["odd", "dash", "long"]
)
def test_no_name_is_too_odd_to_be_taken(root: Path, spool: LocalSpool, name: bytes) -> None:
    """The dropped name is data: under work/ there are only names of ours."""
    take(spool, name=name)
    assert names(root / "work" / JOB) == ["manifest.json", "request.jsonl"]
    assert names(root / "inbox") == []


def test_only_the_daemon_can_look_into_a_job(root: Path, spool: LocalSpool) -> None:
    """A job's folder is nobody else's."""
    take(spool)
    assert (root / "work" / JOB).stat().st_mode & 0o777 == 0o700


def test_a_file_that_is_gone_leaves_nothing(root: Path, spool: LocalSpool) -> None:
    """A producer may take a file back: no job, no folder, no receipt to wait for."""
    path = put(root)
    incoming = find(spool)
    path.unlink()
    assert spool.take(incoming, make_manifest()) is None
    assert names(root / "work") == []
    assert spool.load(JOB) is None


def test_a_queue_that_is_gone_leaves_nothing(root: Path, spool: LocalSpool) -> None:
    """The same with the folder around it."""
    path = put(root, queue="night")
    incoming = find(spool)
    path.unlink()
    path.parent.rmdir()
    assert spool.take(incoming, make_manifest(queue="night")) is None
    assert names(root / "work") == []


def test_a_file_is_taken_once(root: Path, spool: LocalSpool) -> None:
    """A second try at the same sighting finds nothing, and the first job stays as it is."""
    put(root)
    incoming = find(spool)
    assert spool.take(incoming, make_manifest())
    before = tree(root)
    assert spool.take(incoming, make_manifest(LATER_JOB)) is None
    assert tree(root) == before
    assert names(root / "work") == [JOB]


def test_a_job_id_is_used_once(root: Path, spool: LocalSpool) -> None:
    """Two files never share a folder, whatever the ids say: the second stays in the inbox."""
    take(spool)
    put(root, b"y.jsonl")
    before = tree(root)
    with pytest.raises(FileExistsError):
        spool.take(find(spool, b"y.jsonl"), make_manifest(name=b"y.jsonl"))
    assert tree(root) == before


def test_a_file_that_cannot_be_moved_stays_with_the_fix(common_root: Path) -> None:
    """In a queue that belongs to somebody else nothing is half taken."""
    put(common_root, queue="night")
    (common_root / "inbox" / "night").chmod(0o555)

    def try_to_take() -> str:
        spool = LocalSpool(common_root, epoch=1)
        return str(spool.take(find(spool), make_manifest(queue="night")))

    kind, problem, fix = without_rights(try_to_take)
    assert kind == "TryLater"
    assert "cannot be moved out of" in problem
    assert "inbox belong to the user batchbox runs as" in fix
    assert names(common_root / "work") == []
    assert names(common_root / "inbox" / "night") == ["x.jsonl"]


def test_a_manifest_that_cannot_be_written_leaves_the_file(root: Path, spool: LocalSpool) -> None:
    """With a disk that refuses, the file waits in the inbox and no folder is left."""
    put(root)
    incoming = find(spool)

    def try_to_take() -> str:
        limit_files(16)
        return str(spool.take(incoming, make_manifest()))

    assert in_child(try_to_take)[0] == "OSError"
    assert names(root / "work") == []
    assert names(root / "inbox") == ["x.jsonl"]


def test_another_good_file_swapped_in_is_taken_as_it_is(root: Path, spool: LocalSpool) -> None:
    """What lies under the name is what is taken; the job's own look tells that it is another."""
    path = put(root)
    incoming = find(spool)
    path.rename(root / "kept")
    put(root, content=b"other\n")
    stored = spool.take(incoming, make_manifest())
    assert stored is not None
    assert stored.manifest.state is JobState.TAKEN
    assert spool.request(JOB)[0].inode != incoming.inode
    assert (root / "work" / JOB / "request.jsonl").read_bytes() == b"other\n"


def test_a_new_file_of_the_same_name_is_a_new_job(root: Path, spool: LocalSpool) -> None:
    """The name is free again the moment the first is taken."""
    take(spool)
    take(spool, LATER_JOB)
    assert list(spool.jobs()) == [JOB, LATER_JOB]
    assert os.stat(root / "work" / JOB / "request.jsonl").st_nlink == 1
