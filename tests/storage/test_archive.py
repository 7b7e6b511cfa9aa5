"""The archive: what is ours is removed whole, what is not ours is left alone, a crash leaves nothing half."""

import os
import shutil
from datetime import date
from pathlib import Path

from batchbox.domain.states import JobState
from batchbox.readmodel.survey import find_jobs
from batchbox.scheduling.retention import Archive, Kept
from batchbox.storage.local.archive import LocalArchives
from batchbox.storage.local.layout import Layout
from batchbox.storage.local.local_spool import LocalSpool
from batchbox.storage.local.lock import make_spool
from batchbox.storage.local.manifest_files import write_manifest
from tests.storage.crashing import crash_before
from tests.storage.support import (
    CONTENT,
    CRASHED,
    JOB,
    LATER_JOB,
    fork,
    make_manifest,
    names,
    reap,
    tree,
    without_rights,
)

DAY, LATER_DAY = "2026-01-02", "2026-01-03"


def put_away(root: Path, job: str = JOB, day: str = DAY, queue: str = "default") -> Path:
    """Put a finished job into done/; return its folder."""
    folder = root / "done" / day / job
    folder.mkdir(parents=True)
    manifest = make_manifest(job.rstrip("~"), queue=queue, state=JobState.DONE)
    stored = write_manifest(folder, manifest)
    write_manifest(folder, stored.manifest)
    (folder / "request.jsonl").write_bytes(CONTENT)
    return folder


def refuse(root: Path, name: str = "x.jsonl", queue: str = "") -> Path:
    """Put a refused file into rejected/."""
    (root / "rejected" / queue).mkdir(exist_ok=True)
    path = root / "rejected" / queue / name
    path.write_bytes(CONTENT)
    return path


def places(root: Path, archive: Archive) -> list[str]:
    return [kept.place for kept in LocalArchives(Layout(root)).survey(archive)]


def remove_all(root: Path) -> list[str]:
    """Remove all that is ours; return what was."""
    archives = LocalArchives(Layout(root))
    kept = archives.survey("done") + archives.survey("rejected")
    gone = [one.place for one in archives.remove(kept)]
    archives.clear_up()
    return gone


def test_a_finished_job_is_found_with_what_it_takes(root: Path) -> None:
    """Its day, its queue by its manifest, and the bytes of all its files; one that came back twice too."""
    folder = put_away(root, queue="nightly")
    size = sum(len(content) for content in tree(folder).values())
    assert LocalArchives(Layout(root)).survey("done") == [
        Kept("done", f"{DAY}/{JOB}", date(2026, 1, 2), "nightly", size)
    ]
    put_away(root, f"{JOB}~")
    assert places(root, "done") == [f"{DAY}/{JOB}", f"{DAY}/{JOB}~"]


def test_what_was_seen_is_remembered(root: Path) -> None:
    """A second look reads no manifest, and forgets what is gone."""
    folders = [put_away(root), put_away(root, LATER_JOB)]
    archives = LocalArchives(Layout(root))
    before = archives.survey("done")
    for folder in folders:
        (folder / "manifest.json").write_bytes(b"changed")
    assert archives.survey("done") == before
    shutil.rmtree(folders[0])
    assert archives.survey("done") == before[1:]
    put_away(root, queue="another")
    assert [kept.queue for kept in archives.survey("done")] == ["another", "default"]


def test_a_refused_file_is_found_with_its_queue(root: Path) -> None:
    """By when it was put there, not by how old its content is."""
    path, other = refuse(root), refuse(root, "y.jsonl", "nightly")
    os.utime(path, (0, 0))
    found = LocalArchives(Layout(root)).survey("rejected")
    assert [(kept.place, kept.queue, kept.bytes) for kept in found] == [
        ("x.jsonl", "default", len(CONTENT)),
        ("nightly/y.jsonl", "nightly", len(CONTENT)),
    ]
    assert all(kept.day.year >= 2024 for kept in found)
    assert other.exists()


def test_removed_whole(root: Path) -> None:
    """Jobs and files go; the day goes with its last job, unless it is the newest."""
    put_away(root)
    put_away(root, LATER_JOB)
    put_away(root, day=LATER_DAY)
    refuse(root)
    refuse(root, queue="nightly")
    gone = remove_all(root)
    assert sorted(gone) == sorted(
        [f"{DAY}/{JOB}", f"{DAY}/{LATER_JOB}", f"{LATER_DAY}/{JOB}", "x.jsonl", "nightly/x.jsonl"]
    )
    assert (names(root / "done"), names(root / "done" / LATER_DAY)) == ([LATER_DAY], [])
    assert tree(root / "rejected") == {}


def test_only_what_was_asked_for(root: Path) -> None:
    """All others stay, to the byte; so do the outbox with its receipts, hold/ and work/."""
    for folder in ("outbox", "hold", "work", "inbox", "control", "state"):
        (root / folder / "x.receipt.json").write_bytes(b"{}")
    put_away(root, LATER_JOB)
    refuse(root, "y.jsonl")
    before = tree(root)
    put_away(root)
    refuse(root)
    archives = LocalArchives(Layout(root))
    kept = archives.survey("done") + archives.survey("rejected")
    wanted = [one for one in kept if JOB in one.place or one.place == "x.jsonl"]
    assert list(archives.remove(wanted)) == wanted
    archives.clear_up()
    assert tree(root) == before


def make_odd(root: Path) -> None:
    """Put all kinds of things into done/ and rejected/ that batchbox did not put there."""
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "precious.jsonl").write_bytes(CONTENT)
    shutil.copytree(put_away(root, day="2020-01-01"), outside / JOB)
    shutil.rmtree(root / "done" / "2020-01-01")
    done, rejected = root / "done", root / "rejected"
    for name in ("notes.txt", "2026-01-05"):
        (done / name).write_bytes(b"a person's")
    (done / "2026-13-99" / JOB).mkdir(parents=True)
    (done / "old" / JOB).mkdir(parents=True)
    (done / "2026-01-06").symlink_to(outside)
    (done / DAY).mkdir()
    (done / DAY / JOB).symlink_to(outside / JOB)
    (done / DAY / "my job").mkdir()
    (put_away(root, LATER_JOB) / "why.txt").write_bytes(b"a person's note")
    linked = put_away(root, LATER_JOB, LATER_DAY)
    (linked / "request.jsonl").unlink()
    (linked / "request.jsonl").symlink_to(outside / "precious.jsonl")
    nested = put_away(root, JOB, LATER_DAY)
    (nested / "manifest.previous.json").unlink()
    (nested / "manifest.previous.json").mkdir()
    (put_away(root, JOB, "2026-01-07") / "manifest.json").write_bytes(b"damaged")
    (put_away(root, JOB, "2026-01-08") / "manifest.json").unlink()
    newer = put_away(root, JOB, "2026-01-09")
    write_manifest(newer, make_manifest(JOB, schema_number=99))
    (rejected / "a.jsonl").symlink_to(outside / "precious.jsonl")
    (rejected / "nightly").symlink_to(outside)
    (rejected / "b.jsonl").mkdir()
    (rejected / "b.jsonl" / "c.log").write_bytes(b"a person's")
    (rejected / ".hidden.jsonl").write_bytes(CONTENT)
    (rejected / "list.html").write_bytes(b"a person's")
    os.mkfifo(rejected / "pipe.jsonl")


def test_what_is_not_ours_stays(root: Path) -> None:
    """Links, notes, odd names, damaged or newer manifests: none is followed, read further or removed."""
    make_odd(root)
    before = [(path, os.lstat(path).st_mode) for path in sorted(root.parent.rglob("*"))]
    files = tree(root.parent)
    assert remove_all(root) == []
    assert [(path, os.lstat(path).st_mode) for path in sorted(root.parent.rglob("*"))] == before
    assert tree(root.parent) == files


def test_what_changed_since_it_was_listed_stays(root: Path) -> None:
    """A person who puts something there in between loses nothing."""
    folder, path = put_away(root), refuse(root)
    archives = LocalArchives(Layout(root))
    kept = archives.survey("done") + archives.survey("rejected")
    (folder / "note").write_bytes(b"mine")
    path.write_bytes(CONTENT * 2)
    assert list(archives.remove(kept)) == []
    assert (folder.exists(), path.read_bytes()) == (True, CONTENT * 2)
    shutil.rmtree(folder)
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert list(archives.remove(kept)) == []
    assert path.is_symlink()


def test_folders_that_are_gone_are_empty(root: Path) -> None:
    """Somebody may have moved done/ away, or put a link in its place."""
    put_away(root)
    refuse(root)
    for name in ("done", "rejected"):
        (root / name).rename(root.parent / name)
    assert (places(root, "done"), places(root, "rejected"), remove_all(root)) == ([], [], [])
    for name in ("done", "rejected"):
        (root / name).symlink_to(root.parent / name)
    assert (places(root, "done"), places(root, "rejected"), remove_all(root)) == ([], [], [])


def test_one_that_cannot_be_removed_keeps_no_other(common_root: Path) -> None:
    """The others go; it is not told as gone."""
    put_away(common_root)
    put_away(common_root, day=LATER_DAY)
    (common_root / "done" / LATER_DAY).chmod(0o755)
    for path in (common_root / "done").rglob("*"):
        os.chown(path, *(os.lstat(common_root)[4:6]))
    (common_root / "done" / DAY).chmod(0o500)
    assert without_rights(lambda: remove_all(common_root)) == [f"{LATER_DAY}/{JOB}"]
    assert (common_root / "done" / DAY / JOB / "request.jsonl").exists()


def remove_until(number: int, root: Path) -> bool:
    """Remove all in a child that dies before its *number*-th operation; say whether it got to the end."""

    def work() -> None:
        crash_before(number)
        remove_all(root)

    code = reap(fork(work))
    assert code in {0, CRASHED}
    return code == 0


def test_a_crash_anywhere_leaves_nothing_half(tmp_path: Path) -> None:
    """Before any operation on the disk: each job is there whole or not at all, and the next look ends it."""
    for number in range(1, 100):
        root = tmp_path / str(number)
        make_spool(root)
        whole = set(tree(put_away(root)))
        put_away(root, LATER_JOB)
        put_away(root, day=LATER_DAY)
        refuse(root)
        if remove_until(number, root):
            break
        for _, job in find_jobs(root, JOB) + find_jobs(root, LATER_JOB):
            assert job.state is JobState.DONE
        for folder in root.glob("done/*/2*"):
            assert set(tree(folder)) == whole, number
        remove_all(root)
        assert tree(root).keys() == {".batchbox"}, number
        assert names(root / "done") == [LATER_DAY]
    assert number > 20


def test_a_job_may_be_archived_meanwhile(root: Path, spool: LocalSpool) -> None:
    """The newest day stays, so that one that is just being put away finds its place."""
    put_away(root, day=DAY)
    assert remove_all(root) == [f"{DAY}/{JOB}"]
    assert names(root / "done") == [DAY]
    assert spool.archives.survey("done") == []
