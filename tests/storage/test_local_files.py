"""Files that lines name: read from beside the dropped file or the declared folder, and from nowhere else."""

import os
import socket
import threading
from collections.abc import Collection
from pathlib import Path

import pytest

from batchbox.domain.errors import TryLater
from batchbox.formats.raw_json import JsonProblem
from batchbox.storage.local import inbox
from batchbox.storage.local.layout import Layout
from batchbox.storage.local.local_files import LocalFiles, find_allowed_folders

PHOTO = b"\xff\xd8\xff photo \xff\xd9"
LIMIT = 1000
SWAPS = 10_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a spool's folders with a photo beside the files of queue q, and a secret outside."""
    (tmp_path / "spool/inbox/q/photos").mkdir(parents=True)
    (tmp_path / "spool/work").mkdir()
    (tmp_path / "spool/inbox/q/photos/a.jpg").write_bytes(PHOTO)
    (tmp_path / "secret").write_bytes(b"secret")
    return tmp_path / "spool"


def read(
    root: Path, path: str, queue: str = "q", folder: str | None = None, others: Collection[str] = ()
) -> bytes:
    places = find_allowed_folders(Layout(root), queue, folder, others)
    return LocalFiles(places, inbox.test_lease(Layout(root))).read(path, LIMIT)


def complain(root: Path, path: str, queue: str = "q", folder: str | None = None) -> str:
    with pytest.raises(JsonProblem) as raised:
        read(root, path, queue, folder, others=["other"])
    assert raised.value.fix
    return raised.value.problem


def test_it_lies_beside_the_dropped_file(root: Path) -> None:
    """Paths begin in the queue's folder; that of the default queue is the inbox itself."""
    assert read(root, "photos/a.jpg") == PHOTO
    assert read(root, "./photos/./a.jpg") == PHOTO
    assert read(root, "q/photos/a.jpg", queue="default") == PHOTO


def test_it_may_lie_in_the_declared_folder(root: Path, tmp_path: Path) -> None:
    """The folder is below the spool's root or anywhere; what lies beside the dropped file goes first."""
    (tmp_path / "share").mkdir()
    (tmp_path / "share/b.jpg").write_bytes(b"b")
    (root / "files/photos").mkdir(parents=True)
    (root / "files/photos/a.jpg").write_bytes(b"another")
    (root / "files/notes.txt").write_bytes(b"notes")
    assert read(root, "b.jpg", folder=str(tmp_path / "share")) == b"b"
    assert read(root, "photos/a.jpg", folder="files") == PHOTO
    assert complain(root, "b.jpg", folder="files") == '"b.jpg" was not found in inbox/q/ and in files/'


def test_a_declared_folder_that_is_gone_is_waited_for(root: Path) -> None:
    """It is none of the producer's mistakes: a mount that is missing comes back."""
    with pytest.raises(TryLater, match="folder files/ cannot be entered"):
        read(root, "b.jpg", folder="files")


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "/etc/passwd",
        "~/a.jpg",
        "~root/a.jpg",
        "../../../secret",
        "photos/../../../../secret",
        "photos//a.jpg",
        "photos/",
        ".a.jpg.tmp",
        ".git/config",
        "a\0b",
        "photos\\a.jpg",
        "C:/a.jpg",
        "file:///etc/passwd",
        "https://example.com/a.jpg",
        "%2e%2e/secret",
        "photos%2Fa.jpg",
        "..%2f..%2fsecret",
    ],
)
def test_a_path_that_leads_elsewhere_is_a_mistake(root: Path, path: str) -> None:
    """Absolute, upwards, a URL, another system's or encoded: each is told as such."""
    assert complain(root, path)


def test_nothing_is_reached_through_a_link(root: Path, tmp_path: Path) -> None:
    """Neither the file nor a folder on the way nor the queue's own folder may be a link."""
    (root / "inbox/q/link.jpg").symlink_to(tmp_path / "secret")
    (root / "inbox/q/near.jpg").symlink_to("photos/a.jpg")
    (root / "inbox/q/nowhere.jpg").symlink_to("nowhere")
    (root / "inbox/q/out").symlink_to(tmp_path)
    (root / "inbox/r").symlink_to(tmp_path)
    for path, link in [
        ("link.jpg", "link.jpg"),
        ("near.jpg", "near.jpg"),
        ("nowhere.jpg", "nowhere.jpg"),
        ("out/secret", "out"),
    ]:
        assert complain(root, path) == f'"{path}" goes through a link ("{link}")'
    assert complain(root, "secret", queue="r") == '"secret" goes through a link ("r")'


def test_a_file_that_is_swapped_for_a_link_leads_nowhere(root: Path, tmp_path: Path) -> None:
    """Whoever swaps it back and forth while it is read gets the photo or a refusal, never the other file."""
    photo, spare = root / "inbox/q/photos/a.jpg", root / "inbox/q/spare"
    attachments = LocalFiles(find_allowed_folders(Layout(root), "q", None, ()), sees_writers=False)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            spare.symlink_to(tmp_path / "secret")
            spare.rename(photo)
            spare.write_bytes(PHOTO)
            spare.rename(photo)

    def read_once() -> bytes:
        try:
            return attachments.read("photos/a.jpg", LIMIT)
        except (JsonProblem, TryLater) as refusal:
            return refusal.problem.encode()

    through_link = b'"photos/a.jpg" goes through a link ("a.jpg")'
    found: set[bytes] = set()
    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        for number in range(SWAPS):
            found.add(read_once())
            if number > SWAPS // 10 and {PHOTO, through_link} <= found:
                break
    finally:
        stop.set()
        swapping.join()
    assert {PHOTO, through_link} <= found
    assert found <= {
        PHOTO,
        through_link,
        b'"photos/a.jpg" was changed while it was read',
        b'"photos/a.jpg" is no file in a folder: "a.jpg" is something else',
    }


def test_a_second_name_is_refused(root: Path, tmp_path: Path) -> None:
    """A hard link may be a name of what its maker cannot read."""
    os.link(tmp_path / "secret", root / "inbox/q/hard.jpg")
    assert complain(root, "hard.jpg") == '"hard.jpg" has a second name (a hard link)'


def test_what_is_no_file_is_refused_without_waiting(root: Path) -> None:
    """A pipe that nobody writes, a socket, a folder, a file for a folder."""
    os.mkfifo(root / "inbox/q/pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "inbox/q/socket"))
        assert complain(root, "pipe") == '"pipe" is a pipe, not a file'
        assert "is something else" in complain(root, "socket")
    assert complain(root, "photos") == '"photos" is a folder, not a file'
    assert "is something else" in complain(root, "photos/a.jpg/b")


def test_another_queue_is_none_of_its_business(root: Path) -> None:
    """From the inbox itself the folders of declared queues are seen, and refused."""
    (root / "inbox/other").mkdir()
    (root / "inbox/other/a.jpg").write_bytes(PHOTO)
    assert complain(root, "other/a.jpg", queue="default") == '"other/a.jpg" belongs to queue "other"'
    assert complain(root, "other/a.jpg") == '"other/a.jpg" was not found in inbox/q/'


@pytest.mark.parametrize(
    ("queue", "path"), [("q", "notes.txt"), ("default", "notes.md"), ("default", "q/notes.csv")]
)
@pytest.mark.parametrize("is_there", [True, False])
def test_what_would_be_taken_as_a_file_of_its_own_is_refused(
    root: Path, queue: str, path: str, is_there: bool
) -> None:
    """A text beside the dropped file is a prompt that is taken, now or a moment ago."""
    if is_there:
        (root / "inbox" / ("" if queue == "default" else queue) / path).write_bytes(b"notes")
    assert complain(root, path, queue).endswith("is where files are taken as requests of their own")


def test_a_text_in_a_folder_of_its_own_is_read(root: Path) -> None:
    """Below a queue nothing is taken, nor in what no queue can be called."""
    (root / "inbox/_files").mkdir()
    (root / "inbox/_files/notes.txt").write_bytes(b"notes")
    (root / "inbox/q/photos/notes.txt").write_bytes(b"notes")
    assert read(root, "_files/notes.txt", queue="default") == b"notes"
    assert read(root, "photos/notes.txt") == b"notes"


def test_a_file_that_is_too_large_is_not_read(root: Path) -> None:
    """One byte more than the limit is a mistake that gives both figures; the limit itself is read."""
    (root / "inbox/q/full.bin").write_bytes(bytes(LIMIT))
    (root / "inbox/q/more.bin").write_bytes(bytes(LIMIT + 1))
    assert read(root, "full.bin") == bytes(LIMIT)
    assert complain(root, "more.bin") == '"more.bin" is too large: 1,001 bytes, where 1,000 can be sent'


def test_a_file_that_is_being_written_is_waited_for(root: Path) -> None:
    """Open for writing is no mistake; once it is closed it is read."""
    if not inbox.test_lease(Layout(root)):
        pytest.skip("writers cannot be seen on this file system")
    with open(root / "inbox/q/photos/a.jpg", "ab"), pytest.raises(TryLater, match="still open for writing"):
        read(root, "photos/a.jpg")
    assert read(root, "photos/a.jpg") == PHOTO


def test_what_may_not_be_read_is_told_with_the_fix(root: Path) -> None:
    """Its mode is in the way: a mistake of the producer's, who can mend it."""
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (root / "inbox/q/photos/a.jpg").chmod(0)
    assert complain(root, "photos/a.jpg") == '"photos/a.jpg" may not be read by batchbox'


def test_a_name_that_is_too_long_is_not_found(root: Path) -> None:
    """No name of 300 letters exists; it is cut in the complaint."""
    assert len(complain(root, "x" * 300)) < 150
