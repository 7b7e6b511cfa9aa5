"""Fitness: each thing about a spool or its disk is really broken, and told with what to do."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batchbox.diagnostics.permission_checks import acting_as, check_folders, check_program, find_user
from batchbox.diagnostics.spool_checks import (
    check_lease,
    check_marker,
    check_moves,
    check_room,
    count_folders,
)
from batchbox.domain.errors import Stop
from batchbox.reports.check_result import Check
from batchbox.storage.local import lock
from batchbox.storage.local.known_batches import find_owned
from batchbox.storage.local.layout import FOLDERS, Layout
from batchbox.storage.local.local_spool import LocalSpool
from batchbox.storage.local.lock import find_file_system, make_spool
from tests.storage.support import (
    IS_ROOT,
    JOB,
    MS_RDONLY,
    MS_REMOUNT,
    NOBODY,
    make_manifest,
    mount_memory,
    put,
    tree,
    with_mounts,
    without_rights,
)

LARGE = 1 << 60


def told(*checks: Check) -> list[list[str]]:
    """Return checks as a child can hand them back."""
    return [[check.verdict, check.name, check.found, check.fix] for check in checks]


def only(check: list[list[str]]) -> tuple[str, str, str]:
    """Return verdict, finding and fix of the one check."""
    ((verdict, _, found, fix),) = check
    return verdict, found, fix


def test_a_good_spool_is_fit_and_stays_as_it_is(root: Path, layout: Layout, spool: LocalSpool) -> None:
    """Held by a daemon or not: what is tried leaves nothing behind, and the daemon keeps its spool."""
    before = tree(root)
    checks = [check_marker(layout), check_moves(layout), check_lease(layout)]
    checks += [*check_folders(layout, os.geteuid()), *check_room(layout, 0, 3)]
    assert [check.verdict for check in (checks[1], *checks[3:])] == ["ok"] * 4
    assert tree(root) == before
    spool.check()


@pytest.mark.parametrize(
    ("content", "problem", "fix"),
    [
        (None, "is not a spool", "batchbox init"),
        (b"{", "is damaged", "restore it from a backup"),
        (b'{"spool_id": "x", "format": 99}', "made by a newer batchbox", "knows spool format 99"),
    ],
    ids=["none", "damaged", "newer"],
)
def test_what_no_daemon_would_open(
    root: Path, layout: Layout, content: bytes | None, problem: str, fix: str
) -> None:
    """No marker, a damaged one, one of the future."""
    (root / ".batchbox").unlink()
    if content:
        (root / ".batchbox").write_bytes(content)
    with pytest.raises(Stop, match=problem) as caught:
        check_marker(layout)
    assert fix in caught.value.fix


def test_a_copied_spool_is_told(root: Path, tmp_path: Path) -> None:
    """Its marker names an inode that is not its own."""
    shutil.copytree(root, tmp_path / "copy")
    check = check_marker(Layout(tmp_path / "copy"))
    assert check.verdict == "problem"
    assert "is a copy of a spool" in check.found
    assert f"init --take-over {tmp_path}/copy" in check.fix


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_that_may_not_be_written_is_told_twice(common_root: Path, folder: str) -> None:
    """By its mode, with the command that mends it, and by the move that failed."""
    layout = Layout(common_root)
    (common_root / folder).chmod(0o500)
    seen, moved = without_rights(
        lambda: [told(*check_folders(layout, os.geteuid())), told(check_moves(layout))]
    )
    verdict, found, fix = only(seen)
    assert verdict == "problem"
    assert f"{folder}/ is not for " in found
    assert "mode 0500" in found
    assert f"chmod u+rwx {common_root / folder}" in fix
    verdict, found, _ = only(moved)
    assert verdict == "problem"
    assert f"{folder}/" in found
    assert "that is not permitted" in found
    (common_root / folder).chmod(0o700)
    assert not list(common_root.rglob(".doctor*"))


@pytest.mark.parametrize(
    ("change", "verdict", "found"),
    [
        (lambda root: (root / "outbox").rmdir(), "problem", "outbox/ is missing"),
        (lambda root: (root / "state").rmdir(), "ok", "8 of them"),
        (lambda root: (root / "work").chmod(0o777), "warning", "work/ may be written by everybody"),
        (lambda root: (root / "inbox").chmod(0o777), "warning", "without the sticky bit"),
        (lambda root: (root / "inbox").chmod(0o1777), "ok", "8 of them"),
        (lambda root: (root / "inbox" / "night").mkdir(0o500), "problem", "inbox/night/ is not for"),
        (lambda root: (root / "inbox" / ".hidden").mkdir(0o500), "ok", "8 of them"),
    ],
    ids=["missing", "made-anew", "open", "no-sticky", "sticky", "queue", "no-queue"],
)
def test_owners_and_modes(
    common_root: Path, change: Callable[[Path], object], verdict: str, found: str
) -> None:
    """What others may do is told, and what the daemon may not; what it makes by itself is not missed."""
    change(common_root)
    layout = Layout(common_root)
    checks = check_folders(layout, NOBODY if IS_ROOT else os.geteuid())
    assert (checks[0].verdict, len(checks)) == (verdict, 1)
    assert found in checks[0].found


def test_a_link_is_no_folder(root: Path, layout: Layout) -> None:
    """Though it leads to one."""
    (root / "done").rename(root / "elsewhere")
    (root / "done").symlink_to(root / "elsewhere")
    (check,) = check_folders(layout, os.geteuid())
    assert (check.verdict, check.found) == ("problem", "done is not a folder")


@pytest.mark.skipif(not IS_ROOT, reason="needs root, to be another user")
def test_root_tries_as_the_user_of_the_spool(common_root: Path) -> None:
    """What root itself may do says nothing about the daemon; afterwards it is root again."""
    layout = Layout(common_root)
    (common_root / "outbox").chmod(0o500)
    assert find_user(layout, None) == NOBODY
    with acting_as(NOBODY):
        assert check_moves(layout).verdict == "problem"
    assert os.geteuid() == 0
    assert check_moves(layout).verdict == "ok"
    assert find_user(layout, os.getpid()) == 0


@pytest.mark.parametrize("folder", ["inbox", "outbox", "done"])
def test_two_file_systems_are_found_by_the_move(root: Path, layout: Layout, folder: str) -> None:
    """A folder on a disk of its own."""

    def look() -> Any:
        mount_memory(root / folder)
        return told(check_moves(layout))

    verdict, found, fix = only(with_mounts(look))
    assert verdict == "problem"
    assert f" to {folder}/: they lie on different file systems" in found
    assert "one file system" in fix


def test_a_full_and_a_read_only_disk(tmp_path: Path) -> None:
    """No room by the reserve, no inodes, and then nothing can be written at all."""
    root = tmp_path / "spool"

    def look() -> Any:
        mount_memory(tmp_path, "1m,nr_inodes=40")
        make_spool(root)
        layout = Layout(root)
        memory = told(check_marker(layout))
        put(root, b"large.jsonl", b"x" * 400_000)
        room = told(*check_room(layout, 0, 3))
        full = told(*check_room(layout, 1 << 20, 3))
        mount_memory(tmp_path, flags=MS_RDONLY | MS_REMOUNT)
        return [memory, room, full, told(check_moves(layout), check_lease(layout))]

    ((memory,), (room, inodes), (full, _), (moves, lease)) = with_mounts(look)
    assert memory[:2] == ["warning", "spool"]
    assert "lies in memory (tmpfs)" in memory[2]
    assert room[:2] == ["warning", "room"]
    assert "1 file in the inbox: 1.2 MB needed" in room[2]
    assert inodes[:2] == ["warning", "inodes"]
    assert inodes[2].endswith("free of 40")
    assert full[:2] == ["problem", "room"]
    assert "make room on this disk" in full[3]
    assert moves[0] == "problem"
    assert "the file system is read-only" in moves[2]
    assert lease[0] == "warning"


def test_a_network_file_system_is_a_problem(
    root: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As no daemon would open it."""
    kind = find_file_system(os.stat(root).st_dev)
    monkeypatch.setattr(lock, "NETWORK", frozenset({kind}))
    with pytest.raises(Stop, match="network file system") as caught:
        check_marker(layout)
    assert "local disk" in caught.value.fix


def test_a_reserve_larger_than_the_disk_stops_all(layout: Layout) -> None:
    """Without a full disk: the setting alone can do that."""
    check = next(check_room(layout, LARGE, 3))
    assert (check.verdict, check.name) == ("problem", "room")
    assert "nothing is taken" in check.fix


def test_owners_of_batches(root: Path, layout: Layout) -> None:
    """Batches that any manifest names are ours, wherever it lies; a damaged one does no harm."""
    places = (root / "work" / JOB, root / "hold" / JOB, root / "done" / "2026-01-02" / JOB)
    for number, folder in enumerate(places):
        folder.mkdir(parents=True)
        manifest = make_manifest(JOB).model_dump(mode="json") | {"any": [f"msgbatch_{number}"]}
        (folder / "manifest.json").write_text(json.dumps(manifest))
    (root / "work" / JOB.replace("2026", "2027")).mkdir()
    wanted = {f"msgbatch_{number}" for number in range(5)}
    assert find_owned(layout, wanted) == {"msgbatch_0", "msgbatch_1", "msgbatch_2"}


def test_folders_to_watch(root: Path) -> None:
    """The inbox, and all below it."""
    (root / "inbox" / "a" / "b").mkdir(parents=True)
    assert count_folders(root) == 3


@pytest.mark.skipif(not IS_ROOT, reason="needs root, to be another user")
def test_a_program_that_the_daemon_may_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of one that root has installed for itself alone."""
    assert check_program().verdict == "ok"
    python = tmp_path / "python"
    python.touch(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    with acting_as(NOBODY):
        check = check_program()
    assert (check.verdict, check.name) == ("problem", "program")
    assert f"cannot read {python}: Permission denied" in check.found
