"""Whether somebody still writes, and whether the last line is complete."""

import mmap
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from batchbox.domain.stability import Writer
from batchbox.storage.local import inbox
from batchbox.storage.local.layout import Layout
from batchbox.storage.local.local_spool import LocalSpool
from tests.storage.support import (
    CONTENT,
    DEADLINE,
    JOB,
    find,
    fork,
    in_child,
    make_manifest,
    names,
    put,
    reap,
    take,
)
from tests.support.daemon import wait_for


@pytest.fixture
def spool(spool: LocalSpool) -> LocalSpool:
    """Give a spool on a file system that tells of writers."""
    if not spool.sees_writers:
        pytest.skip("this file system gives no read leases")
    return spool


@pytest.mark.parametrize("flags", [os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND], ids=["w", "rw", "a"])
def test_a_writer_is_seen_until_it_closes(root: Path, spool: LocalSpool, flags: int) -> None:
    """A descriptor open for writing is enough, though nothing is written."""
    path = put(root)
    incoming = find(spool)
    writer = os.open(path, flags)
    assert spool.examine(incoming).writer is Writer.SOME
    os.close(writer)
    assert spool.examine(incoming).writer is Writer.NONE


def test_a_writer_in_another_process_is_seen_until_it_ends(root: Path, spool: LocalSpool) -> None:
    """A shell that appends for an hour keeps its file."""
    path = put(root)
    incoming = find(spool)
    appends = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    with path.open("ab") as sink:
        child = subprocess.Popen(appends, stdin=subprocess.PIPE, stdout=sink)
    with child:
        assert spool.examine(incoming).writer is Writer.SOME
        child.kill()
    assert spool.examine(incoming).writer is Writer.NONE


def test_a_shared_mapping_is_a_writer(root: Path, spool: LocalSpool) -> None:
    """Its descriptor may be closed long ago: it can still change the file."""
    path = put(root)
    incoming = find(spool)
    with path.open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)
    assert spool.examine(incoming).writer is Writer.SOME
    mapped.close()
    assert spool.examine(incoming).writer is Writer.NONE


def test_a_reader_is_no_writer(root: Path, spool: LocalSpool) -> None:
    """Whoever only reads, or maps a copy of its own, does not keep a file from being taken."""
    path = put(root)
    incoming = find(spool)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY):
        assert spool.examine(incoming).writer is Writer.NONE


def test_a_writer_is_seen_after_the_file_was_taken(root: Path, spool: LocalSpool) -> None:
    """A rename does not close the producer's descriptor, and the job's own look tells."""
    with put(root).open("ab"):
        manifest = take_open(spool)
        assert spool.request(manifest)[1].writer is Writer.SOME
    incoming, finding = spool.request(manifest)
    assert (finding.writer, finding.ends_in_newline) == (Writer.NONE, True)
    assert incoming.inode == (root / "work" / manifest / "request.jsonl").stat().st_ino


def take_open(spool: LocalSpool) -> str:
    """Take the file that lies in the inbox; return the job."""
    assert spool.take(find(spool), make_manifest())
    return JOB


@pytest.mark.parametrize(
    ("content", "ends"),
    [
        *((b"a\n", True), (b"a", False), (b"", False), (b"\n", True), (b"a\r\n", True), (b"a\n ", False)),
        *((b"\xff\xfea\0\n\0", True), (b"\xff\xfea\0\n", False), (b"\xff\xfe\n", False)),
        *((b"\xfe\xff\0a\0\n", True), (b"\xfe\xff\x01\n", False), (b"a\n\0", False)),
    ],
)
def test_the_end_tells_whether_a_line_is_complete(
    root: Path, spool: LocalSpool, content: bytes, ends: bool
) -> None:
    """Only a newline as the very last character counts."""
    put(root, content=content)
    assert spool.examine(find(spool)).ends_in_newline is ends


def test_what_was_written_since_the_scan_counts(root: Path, spool: LocalSpool) -> None:
    """The end is that of the file as it is now, not as it was seen."""
    path = put(root)
    incoming = find(spool)
    path.write_bytes(CONTENT + b"one line more, not complete")
    assert spool.examine(incoming).ends_in_newline is False


def test_without_leases_nothing_is_claimed_of_writers(root: Path, layout: Layout) -> None:
    """Where the probe cannot be believed, a writer is unknown; the end of the file is known."""
    path = put(root)
    (incoming,) = inbox.scan(layout)
    finding = inbox.examine(path, incoming, lease_works=False)
    assert (finding.writer, finding.ends_in_newline) == (Writer.UNKNOWN, True)


def test_the_self_test_leaves_nothing(root: Path, layout: Layout) -> None:
    """It says the same each time, and its file is gone."""
    assert inbox.test_lease(layout) is inbox.test_lease(layout)
    assert names(root / "work") == []


def test_sigio_does_not_end_the_daemon(root: Path) -> None:
    """Its default action would: the daemon ignores it before the first lease is taken."""

    def get_signal() -> bool:
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        LocalSpool(root, epoch=1)
        os.kill(os.getpid(), signal.SIGIO)
        return True

    assert in_child(get_signal) is True


def test_a_lease_that_is_broken_ends_nobody(root: Path, spool: LocalSpool) -> None:
    """Writers that come at the instant of the probe are let in, and the daemon lives."""
    path = put(root)
    incoming = find(spool)

    def write() -> None:
        while True:
            os.close(os.open(path, os.O_WRONLY))

    seen: set[Writer] = set()

    def look() -> bool:
        seen.update(spool.examine(incoming).writer for _ in range(5_000))
        return len(seen) > 1

    child = fork(write)
    try:
        assert in_child(lambda: wait_for(look, "a writer, and none", DEADLINE / 2)) is True
    finally:
        os.kill(child, signal.SIGKILL)
        reap(child)


def test_a_file_that_was_taken_has_its_own_look(root: Path, spool: LocalSpool) -> None:
    """Size, time and inode are those of the file in the job's folder."""
    manifest = take(spool)
    found = (root / "work" / manifest.job / "request.jsonl").stat()
    incoming, finding = spool.request(manifest.job)
    assert (incoming.inode, incoming.size) == (found.st_ino, found.st_size)
    assert incoming.mtime_ns == found.st_mtime_ns
    assert finding.obstacle is None
