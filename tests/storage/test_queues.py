"""The folders of declared queues: made with the rights of the inbox, and never over what is there."""

import os
import stat
from pathlib import Path

import pytest

from batchbox.storage.local.layout import Layout
from batchbox.storage.local.lock import make_spool
from batchbox.storage.local.queue_folders import make_queues


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Give a spool."""
    make_spool(tmp_path / "spool")
    return Layout(tmp_path / "spool")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("rights", [0o700, 0o755, 0o770, 0o1777, 0o2775, 0o3730])
def test_a_queue_has_the_rights_of_the_inbox(layout: Layout, rights: int) -> None:
    """Who may drop into the one may drop into the other, whatever the umask."""
    inbox = layout.root / "inbox"
    inbox.chmod(rights)
    before = os.umask(0o077)
    try:
        assert list(make_queues(layout, ["nightly", "default"])) == []
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    assert [path.name for path in inbox.iterdir()] == ["nightly"]
    assert mode(inbox / "nightly") == rights
    assert (inbox / "nightly").stat().st_gid == inbox.stat().st_gid


def test_what_is_there_stays(layout: Layout) -> None:
    """A folder with rights of its own, a file in its place, a link that leads nowhere: all left alone."""
    inbox = layout.root / "inbox"
    (inbox / "own").mkdir(mode=0o700)
    (inbox / "file").touch()
    (inbox / "link").symlink_to(layout.root / "nowhere")
    inbox.chmod(0o755)
    assert list(make_queues(layout, ["own", "file", "link"])) == []
    assert mode(inbox / "own") == 0o700
    assert (inbox / "file").is_file()
    assert not (layout.root / "nowhere").exists()


def test_what_cannot_be_made_is_told_and_hinders_no_other(layout: Layout) -> None:
    """The daemon starts all the same."""
    (layout.root / "inbox").rmdir()
    (layout.root / "inbox").touch()
    assert [name for name, _ in make_queues(layout, ["a", "b"])] == ["a", "b"]
