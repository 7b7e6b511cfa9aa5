"""The marker: who a spool is, and what is said when it cannot be told."""

import json
from pathlib import Path

import pytest

from batchbox.domain.errors import NO_SPOOL, Stop
from batchbox.storage.local.layout import FOLDERS, Layout
from batchbox.storage.local.lock import FORMAT, LocalLease, make_spool, read_marker
from tests.storage.support import names, put, tree, without_rights

DAMAGED = {
    "empty": b"",
    "cut": b'{"spool_id": "a"',
    "no id": b'{"format": 1}',
    "no format": b'{"spool_id": "a"}',
    "list": b"[]",
    "text": b'"batchbox"',
    "not UTF-8": b"\xff\xfe",
    "format is a word": b'{"spool_id": "a", "format": "one"}',
    "format is null": b'{"spool_id": "a", "format": null}',
    "format is endless": b'{"spool_id": "a", "format": 1e999}',
    "nested without end": b"[" * 100_000,
}


def complaint(layout: Layout) -> Stop:
    """Return how the marker is refused."""
    with pytest.raises(Stop) as caught:
        read_marker(layout)
    return caught.value


def test_a_new_spool_has_all_its_folders(root: Path) -> None:
    """Everything is there from the start, and nobody else can look into the jobs."""
    assert set(names(root)) == {*FOLDERS, ".batchbox"}
    assert (root / "work").stat().st_mode & 0o777 == 0o700


def test_the_group_that_outputs_are_to_have_is_kept(root: Path) -> None:
    """What an administrator has set stays, but for what would let others look into the jobs."""
    (root / "work").chmod(0o2775)
    make_spool(root)
    assert (root / "work").stat().st_mode & 0o7777 == 0o2700


def test_a_spool_is_made_with_its_parents(tmp_path: Path) -> None:
    """A path of which nothing is there yet is made."""
    spool_id = make_spool(tmp_path / "a" / "b")
    assert read_marker(Layout(tmp_path / "a" / "b")) == spool_id


def test_two_spools_differ(tmp_path: Path) -> None:
    """Each spool has an id of its own."""
    assert make_spool(tmp_path / "a") != make_spool(tmp_path / "b")


def test_made_twice_it_stays_the_same(root: Path, layout: Layout) -> None:
    """A second init keeps the id and every file, and puts back a folder that is gone."""
    spool_id = read_marker(layout)
    put(root)
    before = tree(root)
    (root / "control").rmdir()
    assert make_spool(root) == spool_id
    assert tree(root) == before
    assert (root / "control").is_dir()


def test_a_missing_marker_leads_to_init(root: Path, layout: Layout) -> None:
    """A folder without marker is no spool; the fix is the command that makes one."""
    layout.marker.unlink()
    found = complaint(layout)
    assert "is not a spool" in found.problem
    assert f"batchbox init {root}" in found.fix
    assert found.code == NO_SPOOL


def test_a_path_that_is_no_folder_is_no_spool(tmp_path: Path) -> None:
    """A file in the spool's place, and a path that leads nowhere, are told as any folder that is none."""
    (tmp_path / "file").write_bytes(b"")
    for path in ("file", "nowhere"):
        assert "is not a spool" in complaint(Layout(tmp_path / path)).problem


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_marker_is_called_damaged(layout: Layout, content: bytes) -> None:
    """Whatever stands in it, the marker is read or refused in words; a second init does not replace it."""
    layout.marker.write_bytes(content)
    found = complaint(layout)
    assert "is damaged" in found.problem
    assert "backup" in found.fix
    assert found.code == NO_SPOOL
    with pytest.raises(Stop, match="damaged"):
        make_spool(layout.root)
    assert layout.marker.read_bytes() == content


def test_a_newer_format_names_the_version(layout: Layout) -> None:
    """A spool of a later batchbox is left alone; the fix says what is needed."""
    layout.marker.write_text(json.dumps({"spool_id": "a", "format": FORMAT + 1}))
    found = complaint(layout)
    assert "newer" in found.problem
    assert f"format {FORMAT + 1}" in found.fix
    assert found.code == NO_SPOOL


def test_a_marker_that_cannot_be_read_is_not_called_missing(common_root: Path) -> None:
    """Permissions are named as the cause."""
    layout = Layout(common_root)
    layout.marker.chmod(0)
    kind, problem, fix = without_rights(lambda: read_marker(layout))
    assert (kind, "cannot be read" in problem, "owner and mode" in fix) == ("Stop", True, True)


def test_a_folder_in_the_markers_place_is_refused(layout: Layout) -> None:
    """It is no marker, and no reason for a traceback."""
    layout.marker.unlink()
    layout.marker.mkdir()
    assert "cannot be read" in complaint(layout).problem


def test_no_lock_is_taken_on_what_is_no_spool(layout: Layout) -> None:
    """The lease says the same as the marker."""
    layout.marker.unlink()
    with pytest.raises(Stop, match="is not a spool"):
        LocalLease(layout, epoch=1)
    assert not layout.marker.exists()
