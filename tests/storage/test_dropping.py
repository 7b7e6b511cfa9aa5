"""Dropping: whole or not there, never over another file, and its own receipt is found."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from batchbox.cli.main import app
from batchbox.domain.errors import Stop
from batchbox.storage.local import inbox
from batchbox.storage.local.dropping import BAD_FILE, drop_file, find_notice, find_receipt
from batchbox.storage.local.layout import Layout
from tests.storage.crashing import crash_before
from tests.storage.support import (
    CONTENT,
    CRASHED,
    fork,
    in_child,
    limit_files,
    names,
    put,
    reap,
    tree,
    without_rights,
)

ENOUGH = 30


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Give a file to drop."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(CONTENT)
    return path


def publish(root: Path, stem: str, content: bytes = CONTENT, queue: str = "") -> Path:
    """Put the receipt of a file with *content* into the outbox."""
    path = root / "outbox" / queue / f"{stem}.receipt.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"input": {"sha256": hashlib.sha256(content).hexdigest()}}))
    return path


@pytest.mark.parametrize("queue", ["default", "night"])
def test_a_dropped_file_lies_in_its_queue(root: Path, source: Path, queue: str) -> None:
    """Under its own name, byte for byte, with its marker; the queue is made if need be."""
    dropped = drop_file(root, source, queue)
    assert tree(Layout(root).queue("inbox", queue)) == {
        "x.jsonl": CONTENT,
        "x.jsonl.ok": f"{dropped.sha256}\n".encode(),
    }
    assert source.read_bytes() == CONTENT
    assert (dropped.queue, dropped.stem) == (queue, "x")
    assert dropped.sha256 == hashlib.sha256(CONTENT).hexdigest()
    (incoming,) = inbox.scan(Layout(root))
    assert (incoming.place, incoming.obstacle) == ((queue, b"x.jsonl"), None)


@pytest.mark.parametrize(
    "name", [b"\xff\n.jsonl", b"-rf.jsonl", b"x" * 249 + b".jsonl"], ids=["odd", "dash", "long"]
)
def test_any_name_that_would_be_taken_can_be_dropped(root: Path, tmp_path: Path, name: bytes) -> None:
    """The longest one too."""
    source = tmp_path / os.fsdecode(name)
    source.write_bytes(CONTENT)
    drop_file(root, source, "default")
    assert [incoming.name for incoming in inbox.scan(Layout(root))] == [name]


def test_a_crash_while_dropping_leaves_all_or_nothing(tmp_path: Path, root: Path, source: Path) -> None:
    """Whichever operation is the last: no name that would be taken, or the whole file."""
    source.write_bytes(CONTENT * 200_000)
    whole = {"x.jsonl": source.read_bytes()}
    seen = []
    for number in range(1, ENOUGH):

        def work(last: int = number) -> None:
            crash_before(last)
            drop_file(root, source, "default")

        code = reap(fork(work))
        assert code in {0, CRASHED}
        wanted = {one.name.decode() for one in inbox.scan(Layout(root))}
        found = {name: content for name, content in tree(root / "inbox").items() if name in wanted}
        assert found in ({}, whole), number
        seen.append(bool(found))
        (root / "inbox" / "x.jsonl").unlink(missing_ok=True)
        if code == 0:
            break
    assert (code, seen[0], seen[-1]) == (0, False, True)
    assert names(tmp_path) == ["spool", "x.jsonl"]


def test_a_disk_that_refuses_leaves_nothing(root: Path, source: Path) -> None:
    """The complaint is in words, and no temporary file stays."""
    source.write_bytes(bytes(100_000))

    def drop() -> str:
        limit_files(4_096)
        return str(drop_file(root, source, "default"))

    kind, problem, fix = in_child(drop)
    assert (kind, bool(fix)) == ("Stop", True)
    assert f"{source} could not be dropped: File too large" in problem
    assert names(root / "inbox") == []


def test_a_name_that_still_waits_is_refused(root: Path, source: Path) -> None:
    """The file that waits is not replaced, and nothing else is left beside it."""
    put(root, content=b"waits\n")
    with pytest.raises(Stop, match="is still waiting in the inbox") as caught:
        drop_file(root, source, "default")
    assert (caught.value.code, bool(caught.value.fix)) == (BAD_FILE, True)
    assert tree(root / "inbox") == {"x.jsonl": b"waits\n"}
    drop_file(root, source, "night")
    assert names(root / "inbox") == ["night", "x.jsonl"]


@pytest.mark.parametrize(
    "name", ["x.jpg", ".x.jsonl", "~x.jsonl", "_x.jsonl", "#x.jsonl", ".jsonl", "x.jsonl.tmp"]
)
def test_a_name_that_would_not_be_taken_is_refused(root: Path, tmp_path: Path, name: str) -> None:
    """It would lie there for ever."""
    (tmp_path / name).write_bytes(CONTENT)
    with pytest.raises(Stop, match="would not be taken") as caught:
        drop_file(root, tmp_path / name, "default")
    assert ".jsonl" in caught.value.fix
    assert names(root / "inbox") == []


def test_a_file_that_could_only_be_refused_is_not_dropped(root: Path, tmp_path: Path) -> None:
    """What to do is said at once, not in a receipt."""
    (tmp_path / "x.xlsx").write_bytes(CONTENT)
    with pytest.raises(Stop, match=r"a file that ends in \.xlsx cannot be read") as caught:
        drop_file(root, tmp_path / "x.xlsx", "default")
    assert "CSV UTF-8" in caught.value.fix
    assert names(root / "inbox") == []


@pytest.mark.parametrize(
    "queue", ["", "a b", "../x", "a/b", ".a", "q" * 65, "night.jsonl", "é", "n\n"], ids=repr
)
def test_a_queue_that_would_not_be_looked_into_is_refused(root: Path, source: Path, queue: str) -> None:
    """What `drop` accepts the scan finds: a folder that is no queue is never made."""
    with pytest.raises(Stop, match="cannot be a queue"):
        drop_file(root, source, queue)
    assert names(root / "inbox") == []


def test_only_a_spool_can_be_dropped_into(tmp_path: Path, source: Path) -> None:
    """Nothing is made beside it."""
    with pytest.raises(Stop, match="is not a spool"):
        drop_file(tmp_path, source, "default")
    assert names(tmp_path) == ["x.jsonl"]


def test_a_source_that_is_not_there_is_told(root: Path, tmp_path: Path) -> None:
    """Missing, or a folder: in words, and nothing is left."""
    (tmp_path / "folder.jsonl").mkdir()
    os.mkfifo(tmp_path / "pipe.jsonl")  # opening it for reading could hang for ever
    for name, reason in (
        ("x.jsonl", "does not exist"),
        ("folder.jsonl", "not a file"),
        ("pipe.jsonl", "not a file"),
    ):
        with pytest.raises(Stop, match=reason):
            drop_file(root, tmp_path / name, "default")
    assert names(root / "inbox") == []


@pytest.mark.parametrize("queue", ["default", "night"])
@pytest.mark.parametrize("mode", [0o555, 0o000], ids=["read-only", "closed"])
def test_an_inbox_that_cannot_be_written_is_told(common_root: Path, mode: int, queue: str) -> None:
    """With the fix, and without a traceback."""
    source = common_root.parent / "x.jsonl"
    source.write_bytes(CONTENT)
    (common_root / "inbox").chmod(mode)
    kind, problem, fix = without_rights(lambda: str(drop_file(common_root, source, queue)))
    assert kind == "Stop"
    assert "could not be dropped: Permission denied" in problem
    assert "inbox writable" in fix


def test_an_inbox_that_may_not_be_listed(common_root: Path) -> None:
    """A submitter who sees neither who else drops nor the marker may drop all the same."""
    source = common_root.parent / "x.jsonl"
    source.write_bytes(CONTENT)
    (common_root / ".batchbox").chmod(0)
    (common_root / "inbox").chmod(0o300)
    without_rights(lambda: str(drop_file(common_root, source, "default")))
    (common_root / "inbox").chmod(0o700)
    assert names(common_root / "inbox") == ["x.jsonl", "x.jsonl.ok"]


@pytest.mark.parametrize("queue", ["default", "night"])
@pytest.mark.parametrize("stem", ["x", "x~2", "x~17", "x.20260102T030405Z-0123456789ab"])
def test_the_receipt_is_found_under_its_own_or_a_numbered_name(
    root: Path, source: Path, stem: str, queue: str
) -> None:
    """Not before it is there, and in its own queue."""
    dropped = drop_file(root, source, queue)
    assert find_receipt(root, dropped) is None
    path = publish(root, stem, queue="" if queue == "default" else queue)
    assert find_receipt(root, dropped) == (path, json.loads(path.read_bytes()))


def test_the_receipt_of_another_file_is_not_ours(root: Path, source: Path) -> None:
    """An older one, one of other content, another stem, another queue: all are passed over."""
    publish(root, "x")
    dropped = drop_file(root, source, "default")
    publish(root, "x~2", b"other\n")
    publish(root, "y")
    publish(root, "xx~2")
    publish(root, "x~4", queue="night")
    (root / "outbox" / "x~5.receipt.json.tmp").write_bytes(b"half")
    assert find_receipt(root, dropped) is None
    path = publish(root, "x~3")
    assert find_receipt(root, dropped) == (path, json.loads(path.read_bytes()))


def test_the_last_notice_counts(root: Path, source: Path) -> None:
    """A file that is held once more is told of once more, under another name: the last reason holds."""
    dropped = drop_file(root, source, "default")
    for turn, stem in enumerate(("x~2", "x", "x~3")):
        path = publish(root, stem).rename(root / "outbox" / f"{stem}.held.json")
        path.write_text(json.dumps(json.loads(path.read_bytes()) | {"reason": stem}))
        os.utime(path, (turn, turn))
        notice = find_notice(root, dropped)
        assert notice
        assert notice["reason"] == stem


def test_a_notice_is_told_from_others(root: Path, source: Path) -> None:
    """That the file is held is heard of once it is, and an older notice of its name is another file's."""
    publish(root, "x").rename(root / "outbox" / "x.held.json")
    dropped = drop_file(root, source, "default")
    publish(root, "x~3", b"another").rename(root / "outbox" / "x~3.held.json")
    assert find_notice(root, dropped) is None
    publish(root, "x~2").rename(root / "outbox" / "x~2.held.json")
    assert find_notice(root, dropped) == json.loads((root / "outbox" / "x~2.held.json").read_bytes())
    assert find_receipt(root, dropped) is None


def test_a_receipt_of_that_name_is_not_promised_for_another_file(root: Path, source: Path) -> None:
    """A script that looks for it at once would read an older file's answers."""
    told = []
    for _ in range(2):
        asked = ["drop", str(source), "--spool", str(root), "--json"]
        told.append(json.loads(CliRunner().invoke(app, asked).output))
        (root / "inbox" / source.name).unlink()
        (root / "outbox" / f"{source.stem}.receipt.json").write_text("{}", encoding="utf-8")
    assert [one["receipt"] for one in told] == [f"{source.stem}.receipt.json", None]
    shown = CliRunner().invoke(app, ["drop", str(source), "--spool", str(root)]).output
    assert f"{source.stem}.receipt.json in the outbox is an older file's" in " ".join(shown.split())
