"""What lies in the inbox under a good name and is no ordinary file: told, never opened, never taken."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from batchbox.domain.stability import InboxFile, Inspection
from batchbox.storage.local import inbox
from batchbox.storage.local.layout import Layout
from batchbox.storage.local.local_spool import LocalSpool
from tests.storage.support import (
    CONTENT,
    IS_ROOT,
    JOB,
    find,
    in_child,
    make_manifest,
    names,
    put,
    without_rights,
)

SOON = 5.0


def make_link(path: Path) -> None:
    """Link to a file that is there."""
    target = path.parents[2] / "outside"
    target.write_bytes(CONTENT)
    path.symlink_to(target)


def make_second_name(path: Path) -> None:
    """Give a file outside a second name."""
    target = path.parents[2] / "outside"
    target.write_bytes(CONTENT)
    os.link(target, path)


def make_socket(path: Path) -> None:
    """Listen on a socket there; its name is short enough from its own folder only."""
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    finally:
        os.chdir(here)


def make_device(path: Path) -> None:
    """Make the device that never ends."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("needs the right to make devices")


KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (Path.mkdir, "is a folder"),
    "link": (make_link, "is a symbolic link"),
    "dangling link": (lambda path: path.symlink_to("nowhere"), "is a symbolic link"),
    "link to itself": (lambda path: path.symlink_to(path.name), "is a symbolic link"),
    "pipe": (os.mkfifo, "is a pipe"),
    "socket": (make_socket, "is a socket"),
    "device": (make_device, "is a device"),
    "second name": (make_second_name, "has a second name (a hard link)"),
}


@pytest.mark.parametrize(("make", "problem"), KINDS.values(), ids=KINDS)
def test_an_odd_kind_is_told_and_not_opened(
    root: Path, layout: Layout, make: Callable[[Path], object], problem: str
) -> None:
    """The scan says what it is and what to do, at once, and the good file beside it is seen."""
    make(root / "inbox" / "x.jsonl")
    put(root, b"good.jsonl")

    def look() -> dict[str, list[str]]:
        seen = inbox.scan(layout)
        return {
            one.name.decode(): [one.obstacle.problem, one.obstacle.fix] if one.obstacle else []
            for one in seen
        }

    found = in_child(look, SOON)
    assert found["good.jsonl"] == []
    assert found["x.jsonl"][0].startswith(problem)
    assert found["x.jsonl"][1]


@pytest.mark.parametrize(("make", "problem"), KINDS.values(), ids=KINDS)
def test_an_odd_kind_swapped_in_is_not_read(
    root: Path, spool: LocalSpool, make: Callable[[Path], object], problem: str
) -> None:
    """What takes the place of a good file between the scan and the look is found out, without hanging."""
    path = put(root)
    incoming = find(spool)
    path.rename(root / "kept")  # its inode stays in use
    make(path)

    def look() -> list[object]:
        found = spool.examine(incoming).obstacle
        return [found.problem, found.passing] if found else []

    told, passing = in_child(look, SOON)
    assert told.startswith(("was replaced", "cannot be opened")), problem
    assert passing, "the next scan says what it is"


def test_a_link_to_the_very_file_is_still_a_link(root: Path, spool: LocalSpool) -> None:
    """The inode that was seen, reached by a link that was swapped in, is not read either."""
    path = put(root)
    incoming = find(spool)
    path.rename(root / "kept")
    path.symlink_to(root / "kept")
    assert describe(spool.examine(incoming)) == ("cannot be opened: Too many levels of symbolic links", True)


@pytest.mark.parametrize("kind", ["folder", "link", "dangling link", "pipe", "socket"])
def test_an_odd_kind_swapped_in_is_not_taken(root: Path, spool: LocalSpool, kind: str) -> None:
    """Swapped in at the last instant, it is never opened: the job is for a person to look at."""
    path = put(root)
    incoming = find(spool)
    path.rename(root / "kept")
    KINDS[kind][0](path)
    before = os.lstat(path)
    kept = take_and_load(spool, incoming)
    assert [error for error, _ in kept] == ["TryLater", "Damaged"]
    assert "x.jsonl was swapped" in kept[0][1]
    (job,) = spool.jobs()
    assert os.path.samestat(os.lstat(spool.layout.job(job) / "request.jsonl"), before)


def take_and_load(spool: LocalSpool, incoming: InboxFile) -> list[list[str]]:
    """Take a file in a child, then load the job; return what each of them raised."""
    return [
        in_child(lambda: str(spool.take(incoming, make_manifest())), SOON)[:2],
        in_child(lambda: str(spool.load(JOB)), SOON)[:2],
    ]


def test_a_file_that_cannot_be_read_is_told_with_the_fix(common_root: Path) -> None:
    """Owner and mode are named; the file stays."""
    path = put(common_root)
    path.chmod(0)

    def look() -> list[object]:
        spool = LocalSpool(common_root, epoch=1)
        found = spool.examine(find(spool)).obstacle
        return [found.problem, found.fix, found.passing] if found else []

    problem, fix, passing = without_rights(look)
    assert problem == f"cannot be read by batchbox (owner {os.geteuid()}, mode 0000)"
    assert "chmod a+r" in fix
    assert not passing
    assert names(common_root / "inbox") == ["x.jsonl"]


def test_a_file_that_the_disk_refuses_does_not_stop_the_others() -> None:
    """A read that fails is an obstacle of this one file."""
    path = Path("/sys/class/net/lo/speed")  # opens, has a size, and refuses to be read
    if not path.exists():
        pytest.skip("there is no such file in this system")
    seen = os.stat(path)
    found = inbox.examine(
        path, InboxFile("default", b"x.jsonl", seen.st_ino, seen.st_size), lease_works=False
    )
    assert found.obstacle
    assert found.obstacle.problem == "cannot be read (Invalid argument)"
    assert not found.obstacle.passing


def test_another_file_of_that_name_is_not_the_one_that_was_seen(root: Path, spool: LocalSpool) -> None:
    """A file swapped for another good one starts over; one that is gone has no finding."""
    path = put(root)
    incoming = find(spool)
    path.rename(root / "kept")
    put(root, content=b"other\n")
    assert describe(spool.examine(incoming)) == ("was replaced while we looked", True)
    path.unlink()
    assert describe(spool.examine(incoming)) == ("cannot be opened: No such file or directory", True)


def describe(finding: Inspection) -> tuple[str, bool]:
    """Return what stands in the way."""
    assert finding.obstacle
    return finding.obstacle.problem, finding.obstacle.passing


@pytest.mark.skipif(not IS_ROOT, reason="needs root, to make a file of another user")
def test_a_file_of_another_user_is_probed_no_further_than_allowed(common_root: Path) -> None:
    """Who may read but not lease a file gets no wrong answer: whether there is a writer is unknown."""
    put(common_root).chmod(0o644)

    def look() -> list[object]:
        spool = LocalSpool(common_root, epoch=1)
        finding = spool.examine(find(spool))
        return [finding.writer, finding.ends_in_newline, finding.obstacle]

    assert without_rights(look) == ["unknown", True, None]
