"""What a crash or a power cut can leave in work/, and what becomes of it."""

import os
from pathlib import Path

import pytest

from batchbox.domain.errors import Damaged
from batchbox.domain.states import JobState
from batchbox.storage.local.local_spool import LocalSpool
from batchbox.storage.local.manifest_files import write_manifest
from tests.storage.support import CONTENT, JOB, LATER_JOB, find, make_manifest, names, put, take, tree


@pytest.fixture
def folder(root: Path) -> Path:
    """Give the folder of a job, just made."""
    (root / "work" / JOB).mkdir(mode=0o700)
    return root / "work" / JOB


@pytest.mark.parametrize(
    "left", [[], [".manifest.json.tmp"], [".manifest.json.tmp", ".manifest.previous.json.tmp"]], ids=len
)
def test_a_folder_without_manifest_or_file_is_removed(
    root: Path, folder: Path, spool: LocalSpool, left: list[str]
) -> None:
    """A claim that was broken off before its manifest leaves the file in the inbox, and goes."""
    put(root)
    for name in left:
        (folder / name).write_bytes(b'{"half')
    assert list(spool.jobs()) == []
    assert names(root / "work") == []
    assert take(spool).job == JOB


def test_a_manifest_without_file_is_a_claim_that_was_not_made(
    root: Path, folder: Path, spool: LocalSpool
) -> None:
    """The file is still in the inbox: the folder goes, and the file is taken anew, once."""
    put(root)
    write_manifest(folder, make_manifest())
    assert spool.load(JOB) is None
    assert names(root / "work") == []
    assert spool.take(find(spool), make_manifest(LATER_JOB))
    assert (list(spool.jobs()), names(root / "inbox")) == ([LATER_JOB], [])


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.PUBLISHING, JobState.DONE])
def test_a_checked_job_is_never_taken_for_an_unmade_claim(
    folder: Path, spool: LocalSpool, state: JobState
) -> None:
    """Once the file was checked its absence is no reason to forget what was sent."""
    write_manifest(folder, make_manifest(state=state))
    assert list(spool.jobs()) == [JOB]
    stored = spool.load(JOB)
    assert stored is not None
    assert stored.manifest.state is state
    assert names(folder) == ["manifest.json"]


def test_a_file_with_its_manifest_is_ours(root: Path) -> None:
    """The claim was made: the next process finds the same."""
    first = LocalSpool(root, epoch=1)
    manifest = take(first)
    first.close()
    again = LocalSpool(root, epoch=2)
    stored = again.load(JOB)
    assert stored is not None
    assert stored.manifest == manifest
    assert list(again.jobs()) == [JOB]
    again.close()


@pytest.mark.parametrize(
    "left",
    [
        ["request.jsonl"],
        ["manifest.previous.json"],
        ["part-001.rows.jsonl"],
        ["request.jsonl", ".manifest.json.tmp"],
    ],
    ids=" and ".join,
)
def test_anything_without_a_manifest_is_damaged_never_dropped(
    folder: Path, spool: LocalSpool, left: list[str]
) -> None:
    """Something of a job is there and nobody knows what was sent of it: a person decides."""
    for name in left:
        (folder / name).write_bytes(CONTENT)
    assert list(spool.jobs()) == [JOB]
    with pytest.raises(Damaged, match=f"the manifest of {JOB} is gone") as caught:
        spool.load(JOB)
    assert "drop its file again if it was never sent" in caught.value.fix
    assert names(folder) == sorted(left)
    spool.park(JOB, caught.value.problem, caught.value.fix)
    assert set(left) <= set(names(spool.layout.held(JOB)))


def test_a_damaged_manifest_without_a_file_is_kept(folder: Path, spool: LocalSpool) -> None:
    """It may be all that is known of a batch that was paid for."""
    (folder / "manifest.json").write_bytes(b"{")
    assert list(spool.jobs()) == [JOB]
    with pytest.raises(Damaged):
        spool.load(JOB)
    assert names(folder) == ["manifest.json"]


def test_a_job_that_is_not_there_is_none(root: Path, spool: LocalSpool) -> None:
    """Asking for it makes nothing."""
    assert spool.load(JOB) is None
    assert names(root / "work") == []


@pytest.mark.parametrize("queue", ["", "night"])
def test_a_file_in_both_places_is_ours(root: Path, spool: LocalSpool, queue: str) -> None:
    """As after a power cut on btrfs: the name in the inbox goes, the file in work stays, taken once."""
    manifest = take(spool)
    ours = root / "work" / JOB / "request.jsonl"
    (root / "inbox" / queue).mkdir(exist_ok=True)
    os.link(ours, root / "inbox" / queue / "x.jsonl")
    assert spool.scan() == []
    assert names(root / "inbox" / queue) == []
    assert (ours.read_bytes(), ours.stat().st_nlink) == (CONTENT, 1)
    stored = spool.load(JOB)
    assert stored is not None
    assert stored.manifest == manifest
    assert list(spool.jobs()) == [JOB]


def test_a_file_in_both_places_does_not_hide_the_others(root: Path, spool: LocalSpool) -> None:
    """Only that name goes: a file beside it, and the links of others, stay."""
    take(spool)
    os.link(root / "work" / JOB / "request.jsonl", root / "inbox" / "x.jsonl")
    put(root, b"good.jsonl")
    os.link(put(root, b"twice.jsonl"), root / "twice")
    assert [incoming.name for incoming in spool.scan()] == [b"good.jsonl", b"twice.jsonl"]
    assert names(root / "inbox") == ["good.jsonl", "twice.jsonl"]


def test_a_second_name_of_a_file_that_is_not_ours_stays(root: Path, spool: LocalSpool) -> None:
    """It is told and never removed, whatever else lies in work/."""
    take(spool)
    (root / "work" / "notes").write_bytes(b"a person's")
    (root / "work" / LATER_JOB).mkdir()
    os.link(put(root), root / "second")
    (incoming,) = spool.scan()
    assert incoming.obstacle
    assert "second name" in incoming.obstacle.problem
    assert names(root / "inbox") == ["x.jsonl"]


def test_a_file_of_an_archived_job_is_not_taken_again(root: Path, spool: LocalSpool) -> None:
    """If the power cut shows only once the job is done, the second name keeps it from being paid twice."""
    manifest = take(spool)
    spool.retire(manifest, "2026-01-02")
    os.link(root / "done" / "2026-01-02" / JOB / "request.jsonl", root / "inbox" / "x.jsonl")
    (incoming,) = spool.scan()
    assert incoming.obstacle
    assert "second name" in incoming.obstacle.problem


def test_only_jobs_are_jobs_oldest_first(root: Path, spool: LocalSpool) -> None:
    """Names in work/ that are not ours are neither yielded nor touched."""
    take(spool, LATER_JOB)
    take(spool, JOB)
    for name in ("notes", ".hidden", JOB.upper(), JOB + "x", "x" + JOB, JOB.replace("T", " ")):
        (root / "work" / name).mkdir()
    (root / "work" / JOB.replace("2026", "2027")).write_bytes(b"a file with the name of a job")
    before = (tree(root), names(root / "work"))
    assert list(spool.jobs()) == [JOB, LATER_JOB]
    assert (tree(root), names(root / "work")) == before
