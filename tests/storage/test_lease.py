"""The lease: one daemon a spool, for as long as its process lives, and only where it was opened."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from batchbox.domain.errors import Offline
from batchbox.storage.local.layout import Layout
from batchbox.storage.local.local_spool import LocalSpool
from batchbox.storage.local.lock import LocalLease, LockHeld, is_held, make_spool, read_marker
from tests.storage.support import fork, in_child, mount_memory, put, reap, with_mounts


def try_to_take(layout: Layout) -> str:
    """Take the lease in this process and end; return the id of the spool."""
    return LocalLease(layout, epoch=2).taken.spool_id


def test_a_second_daemon_is_refused(layout: Layout, spool: LocalSpool) -> None:
    """Another process, or another part of this one, cannot have what is held."""
    kind, problem, fix = in_child(lambda: try_to_take(layout))
    assert (kind, fix) == ("LockHeld", "stop it first")
    assert "another batchbox is running" in problem
    with pytest.raises(LockHeld):
        LocalLease(layout, epoch=2)
    spool.check()


def test_a_lease_that_was_given_up_is_free(layout: Layout) -> None:
    """After `release` the next one has it."""
    LocalLease(layout, epoch=1).release()
    assert in_child(lambda: try_to_take(layout)) == read_marker(layout)


def test_the_lock_dies_with_its_process(layout: Layout) -> None:
    """After SIGKILL nothing is left that would have to be cleared away by hand."""
    reader, writer = os.pipe()

    def hold() -> None:
        LocalLease(layout, epoch=1)
        os.write(writer, b"held")
        signal.pause()

    child = fork(hold)
    assert os.read(reader, 4) == b"held"
    with pytest.raises(LockHeld):
        LocalLease(layout, epoch=2)
    os.kill(child, signal.SIGKILL)
    assert reap(child) == -signal.SIGKILL
    LocalLease(layout, epoch=2).release()
    os.close(reader)
    os.close(writer)


def test_programs_that_the_daemon_starts_do_not_keep_the_lock(layout: Layout) -> None:
    """A child that outlives the daemon does not hold the spool."""
    lease = LocalLease(layout, epoch=1)
    waits = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE, close_fds=False):
        lease.release()
        assert in_child(lambda: try_to_take(layout)) == read_marker(layout)


def test_a_look_sees_the_daemon_and_does_not_disturb_it(layout: Layout) -> None:
    """`is_held` is right before, while and after, from this process and from another; the lock stays."""
    assert not is_held(layout)
    lease = LocalLease(layout, epoch=1)
    assert is_held(layout)
    assert in_child(lambda: is_held(layout)) is True
    assert lease.holds(60)
    with pytest.raises(LockHeld):
        LocalLease(layout, epoch=2)
    lease.release()
    assert not is_held(layout)
    assert in_child(lambda: is_held(layout)) is False


def test_two_that_look_do_not_take_each_other_for_a_daemon(layout: Layout) -> None:
    """Somebody in the middle of a look is not somebody who holds the spool."""
    with layout.marker.open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert not is_held(layout)


def test_it_says_whose_the_spool_is(layout: Layout) -> None:
    """What every manifest carries: the spool's id, the epoch, the process."""
    lease = LocalLease(layout, epoch=7)
    taken = lease.taken
    lease.release()
    assert (taken.spool_id, taken.epoch) == (read_marker(layout), 7)
    assert (taken.owner.pid, taken.owner.host) == (os.getpid(), os.uname().nodename)
    assert taken.owner.boot_id


def require_offline(spool: LocalSpool) -> None:
    """Expect the spool to be told apart from what stands in its place."""
    with pytest.raises(Offline, match="is not the spool that was opened") as caught:
        spool.check()
    assert "goes on by itself" in caught.value.fix
    assert not spool.lease.holds(0)


def test_a_marker_that_was_replaced_is_another_spool(layout: Layout, spool: LocalSpool) -> None:
    """A copy with the same content is not what was locked; the marker itself, put back, is."""
    aside = layout.root / "aside"
    layout.marker.rename(aside)
    require_offline(spool)
    shutil.copy2(aside, layout.marker)
    require_offline(spool)
    aside.rename(layout.marker)
    spool.check()
    assert spool.lease.holds(60)


def test_a_spool_that_was_renamed_away_is_offline(root: Path, spool: LocalSpool) -> None:
    """Nothing is there, then another spool, then the one that was opened."""
    root.rename(root.with_name("away"))
    require_offline(spool)
    make_spool(root)
    require_offline(spool)
    shutil.rmtree(root)
    root.with_name("away").rename(root)
    spool.check()


def test_the_future_can_be_asked_for_and_the_past_not(spool: LocalSpool) -> None:
    """A local lock holds for as long as the process; a time that is over cannot be held."""
    assert spool.lease.holds(0)
    assert spool.lease.holds(3_600)
    assert not spool.lease.holds(-1)


def test_another_disk_in_its_place_is_offline(tmp_path: Path) -> None:
    """A copy of the disk is not the disk, though every inode has the same number."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount_spool() -> int:
        mount_memory(place)
        make_spool(place)
        return (place / ".batchbox").stat().st_ino

    def look() -> list[object]:
        inode = mount_spool()
        spool = LocalSpool(place, epoch=1)
        spool.check()
        assert mount_spool() == inode, "the copy has other inodes: this shows nothing"
        try:
            spool.check()
        except Offline as error:
            return [str(error)]
        return []

    assert with_mounts(look) == [f"{place} is not the spool that was opened"]


def test_opening_a_held_spool_leaves_it_alone(root: Path, spool: LocalSpool) -> None:
    """The one that is refused has tried nothing out: no probe, no lease file, no change."""
    put(root)
    before = {path: path.stat().st_ctime_ns for path in root.rglob("*")}
    with pytest.raises(LockHeld):
        LocalSpool(root, epoch=2)
    assert {path: path.stat().st_ctime_ns for path in root.rglob("*")} == before
    spool.check()
