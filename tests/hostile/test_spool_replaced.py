"""Somebody moves the spool, or a part of it, and puts another thing in its place: nothing is done there."""

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from batchbox.storage.local.layout import FOLDERS
from batchbox.storage.local.local_spool import MADE_ANEW
from batchbox.storage.local.lock import make_spool
from batchbox_sandbox.remote import Sandbox
from tests.engine.promises import check_promises
from tests.hostile.conftest import Start
from tests.hostile.neighbours import SECRET, require_secret, secret, whole
from tests.storage.support import libc, mount_memory, with_mounts
from tests.support.engine import Engine

LONG = 2000.0
MNT_DETACH = 2
MS_BIND = 4096


def everything(folder: Path) -> dict[str, bytes | None]:
    """Return every name under *folder*, with the content of files; no link is followed."""
    found: dict[str, bytes | None] = {}
    for place, folders, files in os.walk(folder):
        found |= {str(Path(place, name)): None for name in folders}
        found |= {str(Path(place, name)): Path(place, name).read_bytes() for name in files}
    return found


def fill(root: Path) -> dict[str, bytes | None]:
    """Put what would be taken, sent and published into *root*; return all that is there."""
    (root / "inbox").mkdir(parents=True, exist_ok=True)
    (root / "inbox" / "theirs.jsonl").write_bytes(secret())
    (root / "theirs.jsonl").write_bytes(secret())
    return everything(root)


def make_another(root: Path, _away: Path) -> None:
    """Make a good spool that is not ours."""
    make_spool(root)


def copy_it(root: Path, away: Path) -> None:
    """Make a copy, the jobs under way included."""
    shutil.copytree(away, root)


def link_it(root: Path, away: Path) -> None:
    """Make a spool whose marker is a link to the real one, and whose outbox leads elsewhere."""
    make_spool(root)
    (root / ".batchbox").unlink()
    (root / ".batchbox").symlink_to(away / ".batchbox")


PLACES: dict[str, Callable[[Path, Path], object]] = {
    "an empty folder": lambda root, _: root.mkdir(),
    "another spool": make_another,
    "a copy": copy_it,
    "nothing": lambda *_: None,
    "a file": lambda root, _: root.write_bytes(b""),
    "a link to nowhere": lambda root, _: root.symlink_to("nowhere"),
    "a spool with a linked marker": link_it,
}
ATTACKABLE = ["an empty folder", "another spool", "a copy", "a spool with a linked marker"]


@pytest.mark.parametrize("put", PLACES.values(), ids=PLACES)
def test_another_thing_in_its_place(
    start: Start, slow: Sandbox, tally: Counter[str], put: Callable[[Path, Path], object]
) -> None:
    """Nothing is claimed, sent, written or published there; the spool itself, put back, goes on."""
    engine = under_way(start, slow)
    away = engine.root.with_name("away")
    engine.root.rename(away)
    put(engine.root, away)
    before = fill(engine.root) if engine.root.is_dir() else {}
    kept, calls = everything(away), len(slow.calls())
    slow.end()
    engine.run_for(LONG)
    assert (everything(engine.root) if before else {}) == before
    assert everything(away) == kept
    assert len(slow.calls()) == calls, "the API was asked on behalf of a spool that is not there"
    shutil.rmtree(engine.root) if before else engine.root.unlink(missing_ok=True)
    away.rename(engine.root)
    engine.run_to_end()
    assert engine.receipt("ours")["status"] == "succeeded"
    check_promises(engine, slow)
    tally["attempts of neighbours"] += 1


def under_way(start: Start, slow: Sandbox) -> Engine:
    """Return an engine with one job whose batch runs."""
    engine = start(on=slow)
    engine.drop("ours.jsonl", whole(1))
    engine.run_until(engine.is_in("submitted"))
    return engine


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_becomes_a_link(start: Start, slow: Sandbox, tally: Counter[str], name: str) -> None:
    """A folder of the spool that is a link leads nowhere: nothing is read or written behind it."""
    engine = under_way(start, slow)
    elsewhere, away = engine.root.with_name("elsewhere"), engine.root.with_name("away")
    before = fill(elsewhere)
    (engine.root / name).rename(away)
    (engine.root / name).symlink_to(elsewhere)
    slow.end()
    if name != "inbox":
        engine.drop("wrong.jsonl", b"no JSON\n")
    engine.run_for(LONG)
    assert everything(elsewhere) == before
    if name not in MADE_ANEW:
        assert not list(engine.root.glob("outbox/*.receipt.json")), (
            "something was published without a whole spool"
        )
    require_secret(engine.root, slow)
    (engine.root / name).unlink()
    away.rename(engine.root / name)
    engine.run_for(LONG)
    engine.run_to_end()
    assert engine.receipt("ours")["status"] == "succeeded"
    tally["attempts of neighbours"] += 1


@pytest.mark.parametrize("folder", ["inbox", "outbox", "rejected"])
def test_a_queue_is_a_link(start: Start, sandbox: Sandbox, tally: Counter[str], folder: str) -> None:
    """A queue's folder that is a link leads nowhere either."""
    engine = start()
    elsewhere = engine.root.with_name("elsewhere")
    before = fill(elsewhere)
    (engine.root / folder / "night").symlink_to(elsewhere)
    if folder != "inbox":
        engine.drop("x.jsonl", whole(1), queue="night")
        engine.drop("wrong.jsonl", b"no JSON\n", queue="night")
    engine.run_for(LONG)
    assert everything(elsewhere) == before
    require_secret(engine.root, sandbox)
    tally["attempts of neighbours"] += 1


@pytest.mark.parametrize("moment", ["gone", "empty", "copied", "a link"])
def test_the_marker_is_changed(start: Start, slow: Sandbox, tally: Counter[str], moment: str) -> None:
    """Without its own marker in its place, a spool is left alone until that is back."""
    engine = under_way(start, slow)
    marker, aside = engine.root / ".batchbox", engine.root / "aside"
    marker.rename(aside)
    if moment == "copied":
        shutil.copy2(aside, marker)
    elif moment == "a link":
        marker.symlink_to("aside")
    elif moment == "empty":
        marker.touch()
    (engine.root / "inbox" / "more.jsonl").write_bytes(whole(2))
    before, calls = everything(engine.root), len(slow.calls())
    slow.end()
    engine.run_for(LONG)
    assert everything(engine.root) == before
    assert len(slow.calls()) == calls
    aside.replace(marker)
    engine.run_until(engine.path("ours", "receipt.json").exists)
    tally["attempts of neighbours"] += 1


def bind(source: Path, target: Path) -> None:
    """Let *target* show what is in *source*."""
    assert libc.mount(os.fsencode(source), os.fsencode(target), None, MS_BIND, None) == 0


def unmount(target: Path) -> None:
    """Take away what is mounted on *target*, though files of it are open."""
    assert libc.umount2(os.fsencode(target), MNT_DETACH) == 0


def look_away(engine: Engine) -> bool:
    """Say whether anything is done to what lies in the spool's place now."""
    before = fill(engine.root)
    engine.run_for(LONG)
    return everything(engine.root) != before


def test_the_disk_is_taken_away_and_comes_back(
    start: Start, tmp_path: Path, slow: Sandbox, tally: Counter[str]
) -> None:
    """Unmounted, another disk mounted there, mounted again: only then it goes on, by itself."""
    disk, other, place = tmp_path / "disk", tmp_path / "other", tmp_path / "spool"
    for folder in (disk, other, place):
        folder.mkdir()

    def work() -> list[object]:
        mount_memory(disk, "4m")
        mount_memory(other, "4m")
        make_spool(other)
        bind(disk, place)
        engine = under_way(start, slow)
        calls = len(slow.calls())
        slow.end()
        unmount(place)
        changes = [look_away(engine)]
        bind(other, place)
        changes.append(look_away(engine))
        unmount(place)
        bind(disk, place)
        asked = len(slow.calls()) - calls
        engine.run_to_end()
        return [*changes, asked, engine.receipt("ours")["status"]]

    assert with_mounts(work) == [False, False, 0, "succeeded"]
    assert SECRET not in str(slow.batches())
    tally["attempts of neighbours"] += 3
