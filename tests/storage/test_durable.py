"""The durable operations: whole or not at all, never over something, in the right order."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from batchbox.storage.local import durable
from tests.storage.support import in_child, limit_files, mount_memory, names, tree, with_mounts


class BrokenOffError(Exception):
    """The block was left in the middle."""


def overwrite(path: Path, content: bytes) -> None:
    """Replace *path* by *content*."""
    with durable.write_whole(path) as file:
        file.write(content)


def overwrite_half(path: Path) -> None:
    """Break off while replacing *path*."""
    with durable.write_whole(path) as file:
        file.write(b"half" * 100_000)
        file.flush()
        raise BrokenOffError


def test_a_block_that_ends_well_replaces_the_file(tmp_path: Path) -> None:
    """What was written is all that is there afterwards."""
    overwrite(tmp_path / "a", b"old")
    overwrite(tmp_path / "a", b"new")
    assert tree(tmp_path) == {"a": b"new"}


@pytest.mark.parametrize("before", [{}, {"a": b"old"}], ids=["nothing", "old"])
def test_a_block_that_raises_changes_nothing(tmp_path: Path, before: dict[str, bytes]) -> None:
    """The old content, or nothing, stays; the temporary file goes."""
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BrokenOffError):
        overwrite_half(tmp_path / "a")
    assert tree(tmp_path) == before


def test_nothing_is_seen_before_the_block_ends(tmp_path: Path) -> None:
    """While it is written, the file has a hidden name."""
    with durable.write_whole(tmp_path / "a") as file:
        file.write(b"half")
        file.flush()
        assert names(tmp_path) == [".a.tmp"]


def test_what_a_crash_left_half_written_is_written_over(tmp_path: Path) -> None:
    """A temporary file of a former life is not in the way, and adds nothing."""
    (tmp_path / ".a.tmp").write_bytes(b"longer than what comes now")
    overwrite(tmp_path / "a", b"new")
    assert tree(tmp_path) == {"a": b"new"}


@pytest.mark.parametrize("before", [{}, {"a": b"old"}], ids=["nothing", "old"])
def test_a_full_disk_changes_nothing(tmp_path: Path, before: dict[str, bytes]) -> None:
    """With a real ENOSPC the old content, or nothing, stays; the temporary file goes."""

    def fill() -> list[object]:
        mount_memory(tmp_path, "64k")
        for name, content in before.items():
            (tmp_path / name).write_bytes(content)
        try:
            overwrite(tmp_path / "a", bytes(1 << 20))
        except OSError as error:
            return [error.errno, {name: content.decode() for name, content in tree(tmp_path).items()}]
        return []

    after = {name: content.decode() for name, content in before.items()}
    assert with_mounts(fill) == [errno.ENOSPC, after]


@pytest.mark.parametrize("size", [1 << 20, 5_000], ids=["in a write", "in the last flush"])
def test_a_write_that_fails_changes_nothing(tmp_path: Path, size: int) -> None:
    """Wherever the write is refused, the old content stays and the temporary file goes."""
    (tmp_path / "a").write_bytes(b"old")

    def exceed() -> int:
        limit_files(4_096)
        try:
            overwrite(tmp_path / "a", bytes(size))
        except OSError as error:
            return error.errno or 0
        return 0

    assert in_child(exceed) == errno.EFBIG
    assert tree(tmp_path) == {"a": b"old"}


def test_a_rename_that_fails_changes_nothing(tmp_path: Path) -> None:
    """When the target cannot be replaced, it stays and the temporary file goes."""
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="directory"):
        overwrite(tmp_path / "a", b"new")
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("flag", [durable.RENAME_NOREPLACE, 1 << 30], ids=["kernel", "fallback"])
@pytest.mark.parametrize("kind", ["file", "folder", "dangling"])
def test_a_move_never_overwrites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: int, kind: str
) -> None:
    """A name that is taken, by whatever, is refused and both stay; also where the kernel has no such call."""
    monkeypatch.setattr(durable, "RENAME_NOREPLACE", flag)  # an unknown one is refused with EINVAL
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"source")
    if kind == "file":
        target.write_bytes(b"target")
    elif kind == "folder":
        target.mkdir()
    else:
        target.symlink_to(tmp_path / "nowhere")
    before = os.lstat(target)
    with pytest.raises(FileExistsError) as caught:
        durable.move_onto_free(source, target)
    assert caught.value.errno == errno.EEXIST
    assert source.read_bytes() == b"source"
    assert os.path.samestat(os.lstat(target), before)


@pytest.mark.parametrize("flag", [durable.RENAME_NOREPLACE, 1 << 30], ids=["kernel", "fallback"])
def test_a_move_onto_a_free_name_goes_between_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: int
) -> None:
    """A file leaves one folder and is in the other, with names of any bytes."""
    monkeypatch.setattr(durable, "RENAME_NOREPLACE", flag)
    (tmp_path / "there").mkdir()
    source = tmp_path / os.fsdecode(b"a\xff\n")
    source.write_bytes(b"content")
    durable.move_onto_free(source, tmp_path / "there" / "b")
    assert tree(tmp_path) == {"there/b": b"content"}


def test_a_move_of_nothing_says_so(tmp_path: Path) -> None:
    """A source that is gone is told from a target that is taken."""
    with pytest.raises(FileNotFoundError):
        durable.move_onto_free(tmp_path / "source", tmp_path / "target")
    with pytest.raises(FileNotFoundError):
        durable.move(tmp_path / "source", tmp_path / "target")


def test_a_folder_is_moved_with_all_that_is_in_it(tmp_path: Path) -> None:
    """A job's folder moves as one."""
    (tmp_path / "work" / "job").mkdir(parents=True)
    (tmp_path / "done").mkdir()
    (tmp_path / "work" / "job" / "a").write_bytes(b"content")
    durable.move(tmp_path / "work" / "job", tmp_path / "done" / "job")
    assert tree(tmp_path) == {"done/job/a": b"content"}


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    """Making a folder twice keeps what is in it; a missing parent is an error."""
    durable.make_folder(tmp_path / "a")
    (tmp_path / "a" / "file").write_bytes(b"kept")
    durable.make_folder(tmp_path / "a")
    assert tree(tmp_path) == {"a/file": b"kept"}
    with pytest.raises(FileNotFoundError):
        durable.make_folder(tmp_path / "no" / "such")


def test_a_file_is_removed_once(tmp_path: Path) -> None:
    """Removing what is not there is done already; what cannot be removed is an error."""
    (tmp_path / "a").write_bytes(b"")
    durable.remove(tmp_path / "a")
    durable.remove(tmp_path / "a")
    assert names(tmp_path) == []
    with pytest.raises(OSError, match="directory"):
        durable.remove(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"abc\n", bytes(3 * durable.CHUNK + 1)], ids=["empty", "line", "large"]
)
def test_a_digest_is_of_the_whole_file(tmp_path: Path, content: bytes) -> None:
    """Size and SHA-256 are those of the bytes on the disk."""
    (tmp_path / "a").write_bytes(content)
    assert durable.digest(tmp_path / "a") == (len(content), hashlib.sha256(content).hexdigest())
