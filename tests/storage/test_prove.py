"""The proof at the start: a file can really be moved through every folder, or it is said why not."""

import os
from pathlib import Path

import pytest

from batchbox.domain.errors import Stop
from batchbox.storage.local import inbox, lock
from batchbox.storage.local.layout import FOLDERS, Layout
from batchbox.storage.local.local_spool import LocalSpool
from batchbox.storage.local.lock import LocalLease, make_spool, prove
from tests.storage.support import (
    IS_ROOT,
    MS_RDONLY,
    MS_REMOUNT,
    in_child,
    mount_memory,
    names,
    tree,
    with_mounts,
    without_rights,
)

MOVED_THROUGH = ("inbox", "work", "outbox", "rejected", "hold", "done", "state")


def complaint(root: Path) -> list[str]:
    """Open the spool at *root*; return how that was refused."""
    try:
        LocalSpool(root, epoch=1).close()
    except Stop as error:
        return [error.problem, error.fix]
    return []


def test_a_good_spool_passes_and_nothing_is_left(root: Path, layout: Layout) -> None:
    """The probes are gone when it is proven."""
    before = tree(root)
    prove(layout)
    assert inbox.test_lease(layout) in {True, False}
    assert tree(root) == before


def test_missing_folders_are_made(root: Path, layout: Layout) -> None:
    """A folder that somebody removed comes back."""
    for name in FOLDERS:
        (root / name).rmdir()
    prove(layout)
    assert all((root / name).is_dir() for name in FOLDERS)


@pytest.mark.parametrize("folder", MOVED_THROUGH)
@pytest.mark.parametrize("mode", [0o500, 0o000], ids=["read-only", "closed"])
def test_a_folder_that_cannot_be_written_is_told(common_root: Path, folder: str, mode: int) -> None:
    """Whichever folder it is, the complaint names it and the fix, and no probe is left in the others."""
    place = common_root / folder
    place.chmod(mode)
    problem, fix = without_rights(lambda: complaint(common_root))
    assert "cannot be used" in problem
    assert "Permission denied" in problem
    assert f"{place}/" in problem
    assert "belong to the user batchbox runs as" in fix
    place.chmod(0o700)
    assert all(not names(common_root / name) for name in MOVED_THROUGH)


@pytest.mark.skipif(not IS_ROOT, reason="needs root, to make a spool of another user")
def test_a_spool_of_another_user_is_told(common_root: Path) -> None:
    """A daemon started as the wrong user says so instead of failing at the first file."""
    for path in (common_root, *common_root.rglob("*")):
        os.chown(path, 0, 0)
    problem, fix = without_rights(lambda: complaint(common_root))
    assert "cannot be used" in problem
    assert "belong to the user batchbox runs as" in fix


def test_a_read_only_file_system_is_told(tmp_path: Path) -> None:
    """A disk that was mounted read-only is a complaint in words."""

    def look() -> list[str]:
        mount_memory(tmp_path)
        make_spool(tmp_path / "spool")
        mount_memory(tmp_path, flags=MS_RDONLY | MS_REMOUNT)
        return complaint(tmp_path / "spool")

    problem, fix = with_mounts(look)
    assert "Read-only file system" in problem
    assert "one file system" in fix


@pytest.mark.parametrize("folder", [name for name in MOVED_THROUGH if name != "state"])
def test_two_file_systems_are_told(root: Path, folder: str) -> None:
    """A folder on a disk of its own is found by a real move, and the fix says what is needed."""

    def look() -> list[object]:
        mount_memory(root / folder)
        return [complaint(root), [name for name in MOVED_THROUGH if names(root / name)]]

    (problem, fix), left = with_mounts(look)
    assert "Invalid cross-device link" in problem
    assert "one file system" in fix
    assert left == []


def test_a_network_file_system_is_refused(tmp_path: Path) -> None:
    """The kind of the file system that the spool really lies on is what decides."""

    def look() -> list[object]:
        mount_memory(tmp_path)
        make_spool(tmp_path / "spool")
        allowed = complaint(tmp_path / "spool")
        lock.NETWORK = frozenset({"tmpfs"})
        return [allowed, complaint(tmp_path / "spool")]

    allowed, (problem, fix) = with_mounts(look)
    assert allowed == []
    assert "network file system (tmpfs)" in problem
    assert "local disk" in fix


def test_a_spool_that_failed_its_proof_is_not_held(root: Path, layout: Layout) -> None:
    """Once the fault is mended, the same process can try again."""
    (root / "inbox").rmdir()
    (root / "inbox").write_bytes(b"a file in the way")
    assert "Not a directory" in complaint(root)[0]
    (root / "inbox").unlink()
    assert complaint(root) == []
    assert in_child(lambda: LocalLease(layout, epoch=2).taken.epoch) == 2
