"""The scan: every name that is meant for us, exactly as it is, and what stands in its way."""

import os
import signal
from pathlib import Path

import pytest

from batchbox.storage.local import inbox
from batchbox.storage.local.layout import Layout
from tests.storage.support import CONTENT, fork, in_child, names, put, reap, without_rights
from tests.support.daemon import wait_for

MANY = 5_000
ODD_NAMES = {
    "newline": b"a\nb.jsonl",
    "not UTF-8": b"\xff\xfe.jsonl",
    "leading dash": b"-rf.jsonl",
    "leading blank": b" .jsonl",
    "escape": b"\x1b[31m.jsonl",
    "backslash and quotes": b"\\'\".jsonl",
    "longest": b"x" * (255 - len(b".jsonl")) + b".jsonl",
    "two endings": b"x.jsonl.jsonl",
    "two dots": b"x..jsonl",
}
OTHER_NAMES = [
    b".x.jsonl",
    b"~x.jsonl",
    b"_x.jsonl",
    b"#x.jsonl",
    b".jsonl",
    b"x.jsonl.part",
    b"x.jsonl.tmp",
    b"x.jsonl~",
    b"x.part",
    b"x.tmp",
    b"x.jsonx",
    b"x.jpg",
    b"x.pdf",
    b"xjsonl",
    b".x.jsonl.Ab12Cd",
]


def test_an_empty_inbox_holds_nothing(layout: Layout) -> None:
    """No file, no name."""
    assert inbox.scan(layout) == []


def test_a_file_is_seen_as_it_is(root: Path, layout: Layout) -> None:
    """Queue, name, inode, size and times are those of the file on the disk."""
    found = put(root).stat()
    (incoming,) = inbox.scan(layout)
    assert incoming.place == ("default", b"x.jsonl")
    assert (incoming.inode, incoming.size) == (found.st_ino, len(CONTENT))
    assert (incoming.mtime_ns, incoming.ctime_ns) == (found.st_mtime_ns, found.st_ctime_ns)
    assert incoming.obstacle is None


@pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
def test_a_name_is_the_bytes_it_is(root: Path, layout: Layout, name: bytes) -> None:
    """Any bytes that a file system takes are found again, and lead back to the file."""
    put(root, name)
    (incoming,) = inbox.scan(layout)
    assert (incoming.name, incoming.obstacle) == (name, None)
    assert inbox.examine(root / "inbox" / os.fsdecode(name), incoming, lease_works=False).ends_in_newline


@pytest.mark.parametrize("name", OTHER_NAMES, ids=repr)
def test_temporary_names_are_not_ours(root: Path, layout: Layout, name: bytes) -> None:
    """What rsync, editors, browsers and careful producers write first is left alone."""
    put(root, name)
    assert inbox.scan(layout) == []


def test_an_empty_file_is_seen(root: Path, layout: Layout) -> None:
    """It is for the rules to say that it has to wait."""
    put(root, content=b"")
    (incoming,) = inbox.scan(layout)
    assert (incoming.size, incoming.obstacle) == (0, None)


def test_a_huge_file_is_seen_without_being_read(root: Path, layout: Layout) -> None:
    """A terabyte of nothing is scanned and examined at once."""
    path = put(root)
    try:
        os.truncate(path, 1 << 40)
    except OSError as error:
        pytest.skip(f"no file of a terabyte here: {error}")

    def look() -> list[object]:
        (incoming,) = inbox.scan(layout)
        return [incoming.size, inbox.examine(path, incoming, lease_works=False).ends_in_newline]

    assert in_child(look, seconds=5) == [1 << 40, False]


def test_a_folder_is_a_queue(root: Path, layout: Layout) -> None:
    """Files in it belong to it; the same name may stand in several queues."""
    for queue in ("", "night", "a.b-c_d"):
        put(root, queue=queue)
    put(root, b".hidden.jsonl", queue="night")
    assert sorted(incoming.place for incoming in inbox.scan(layout)) == [
        ("a.b-c_d", b"x.jsonl"),
        ("default", b"x.jsonl"),
        ("night", b"x.jsonl"),
    ]


def test_what_lies_deeper_than_a_queue_is_not_ours(root: Path, layout: Layout) -> None:
    """Only the inbox and its queues are looked into."""
    (root / "inbox" / "night").mkdir()
    put(root, queue="night/deeper")
    assert inbox.scan(layout) == []


@pytest.mark.parametrize("name", [b"my queue", b"default", b"\xff\xfe", b"-rf", b"q" * 65, b"n\n"], ids=repr)
def test_a_folder_that_cannot_be_a_queue_is_told(root: Path, layout: Layout, name: bytes) -> None:
    """Whoever makes one can see that nothing will happen; what is dropped into it is found, to be refused."""
    path = put(root, queue=os.fsdecode(name))
    (incoming,) = inbox.scan(layout)
    assert incoming.place == ("default", name + b"/" + os.fsencode(path.name))
    assert incoming.obstacle is None
    path.unlink()
    (incoming,) = inbox.scan(layout)
    assert incoming.name == name
    assert incoming.obstacle
    assert "cannot be a queue" in incoming.obstacle.problem
    assert "letters" in incoming.obstacle.fix


def test_a_folder_with_the_name_of_a_file_is_told_once(root: Path, layout: Layout) -> None:
    """It is in the way of a file of that name, and no queue."""
    put(root, queue="night.jsonl")
    (incoming,) = inbox.scan(layout)
    assert incoming.place == ("default", b"night.jsonl")
    assert incoming.obstacle
    assert incoming.obstacle.problem == "is a folder, not a file"


@pytest.mark.parametrize("name", [".git", "~old", "_aside", "#recycle"])
def test_a_hidden_folder_is_nobodys_business(root: Path, layout: Layout, name: str) -> None:
    """A folder that begins like a temporary name is passed over, with all that is in it."""
    put(root, queue=name)
    assert inbox.scan(layout) == []


def test_a_link_to_a_folder_is_no_queue(root: Path, layout: Layout, tmp_path: Path) -> None:
    """Nothing outside the inbox is ever taken."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.jsonl").write_bytes(CONTENT)
    (root / "inbox" / "night").symlink_to(tmp_path / "outside")
    assert inbox.scan(layout) == []


@pytest.mark.parametrize("mode", [0o000, 0o444], ids=["closed", "no way in"])
def test_a_closed_queue_does_not_stop_the_others(common_root: Path, mode: int) -> None:
    """It is told, with its owner and mode, and every other file is found."""
    put(common_root)
    put(common_root, queue="shut")
    (common_root / "inbox" / "shut").chmod(mode)

    def look() -> list[list[object]]:
        seen = inbox.scan(Layout(common_root))
        return [[one.queue, one.obstacle.problem if one.obstacle else ""] for one in seen]

    found = dict(without_rights(look))
    assert found["default"] == ""
    assert "cannot be read by batchbox" in found["shut"]


def test_the_oldest_comes_first(root: Path, layout: Layout) -> None:
    """Across all queues, by time; of the same time, by name."""
    for name, queue, time in ((b"b", "", 20), (b"a", "", 20), (b"c", "night", 10), (b"d", "", 30)):
        os.utime(put(root, name + b".jsonl", queue=queue), (time, time))
    assert [incoming.name[:1] for incoming in inbox.scan(layout)] == [b"c", b"a", b"b", b"d"]


def test_a_full_inbox_is_scanned_whole(root: Path, layout: Layout) -> None:
    """Thousands of names are all seen, well within the time to the next scan but one."""
    for number in range(MANY):
        os.close(os.open(root / "inbox" / f"{number:05d}.jsonl", os.O_CREAT | os.O_WRONLY))
    seen = in_child(lambda: sorted(one.name.decode() for one in inbox.scan(layout)), seconds=10)
    assert seen == names(root / "inbox")
    assert len(seen) == MANY


def test_an_inbox_that_is_gone_is_an_error(root: Path, layout: Layout) -> None:
    """It is not taken for an empty one."""
    (root / "inbox").rmdir()
    with pytest.raises(FileNotFoundError):
        inbox.scan(layout)


def test_files_may_come_and_go_under_the_scan(root: Path, layout: Layout) -> None:
    """Names that vanish between the list and the look, queues too, are no fault."""
    put(root, b"stays.jsonl")

    def churn() -> None:
        while True:
            put(root, queue="night").rename(root / "inbox" / "y.jsonl")
            (root / "inbox" / "night").rmdir()
            (root / "inbox" / "y.jsonl").unlink()

    scans: list[frozenset[bytes]] = []

    def look() -> bool:
        scans.extend(frozenset(one.name for one in inbox.scan(layout)) for _ in range(100))
        return len(scans) >= 1_000 and len(set(scans)) > 1

    child = fork(churn)
    try:
        wait_for(look, "a file that came and went")
    finally:
        os.kill(child, signal.SIGKILL)
        reap(child)
    assert all(b"stays.jsonl" in scan for scan in scans)
