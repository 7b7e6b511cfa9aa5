"""Bad input: each kind ends in a receipt that names line and fix, or stays with the reason in `status`.

All of it is dropped on one running daemon, which has to go on with a good file after each.
"""

import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchbox.storage.local.lock import make_spool
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.support.daemon import Box, request, wait_for

pytestmark = pytest.mark.xdist_group("bad_input")

MAX_LINE = 2_000_000
GOOD = request("good")
SETTINGS = {"BATCHBOX_MAX_PART_BYTES": str(MAX_LINE), "BATCHBOX_MAX_SETTLE_SECONDS": "1"}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Give a spool with a daemon running on it."""
    with running(SandboxSettings(work_seconds=0.1)) as sandbox:
        root = tmp_path_factory.mktemp("bad") / "spool"
        make_spool(root)
        box = Box(root, {"ANTHROPIC_BASE_URL": sandbox.url, "ANTHROPIC_API_KEY": "sandbox"})
        with box.running(**SETTINGS):
            yield box


@pytest.fixture(autouse=True)
def goes_on(live: Box, request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test the daemon still takes the next file."""
    yield
    stem = f"after-{abs(hash(request.node.name))}"
    live.drop(f"{stem}.jsonl", GOOD)
    assert live.await_receipt(stem)["status"] == "succeeded"


def rejected(live: Box, stem: str, content: bytes) -> dict[str, Any]:
    """Drop *content*; return its only mistake, after checking what a rejection promises."""
    live.drop(f"{stem}.jsonl", content)
    receipt = live.await_receipt(stem)
    assert receipt["status"] == "rejected"
    assert (live.root / "rejected" / f"{stem}.jsonl").read_bytes() == content
    assert not (live.root / "outbox" / f"{stem}.results.jsonl").exists()
    assert len(receipt["mistakes"]) == receipt["mistakes_total"] == 1
    mistake: dict[str, Any] = receipt["mistakes"][0]
    assert mistake["fix"]
    return mistake


def params(**change: Any) -> bytes:
    """Return a request whose params are changed; None removes one."""
    body = json.loads(GOOD)["params"] | change
    kept = {name: value for name, value in body.items() if value is not None}
    return json.dumps({"custom_id": "x", "params": kept}).encode() + b"\n"


MISTAKES = {
    "not-json": (GOOD + b"this is no JSON\n", 2, "not JSON"),
    "torn": (GOOD + GOOD[:30] + b"\n", 2, "ends in the middle"),
    "number": (b"42\n" + GOOD, 1, "a number, not a request"),
    "list": (b"[1, 2]\n" + GOOD, 1, "a list, not a request"),
    "null": (b"null\n", 1, "null, not a request"),
    "no-question": (b'{"custom_id": "x"}\n', 1, "nothing to ask"),
    "duplicate-id": (GOOD + request("b") + GOOD, 3, "used in line 1 already"),
    "empty-id": (b'{"custom_id": "", "prompt": "hi"}\n', 1, "custom_id is empty"),
    "number-id": (b'{"custom_id": 7, "prompt": "hi"}\n', 1, "custom_id is not a string"),
    "invalid-utf8": (GOOD + b'{"prompt": "caf\xe9"}\n', 2, "not UTF-8"),
    "nan": (b'{"prompt": "x", "top_k": NaN}\n', 1, "NaN"),
    "infinity": (b'{"prompt": "x", "top_k": -Infinity}\n', 1, "Infinity"),
    "nested": (b"[" * 100_000 + b"\n", 1, "nested too deeply"),
    "nested-params": (b'{"params": ' + b'{"a":' * 100_000 + b"\n", 1, "nested too deeply"),
    "long-line": (GOOD + request("long", "x" * (MAX_LINE + 10)), 2, "larger than one batch may be"),
    "blank-only": (b"\n\n\r\n", 3, "holds no request"),
    "extra-key": (b'{"custom_id": "x", "params": {}, "url": "/v1"}\n', 1, '"url" cannot stand'),
    "no-max-tokens": (params(max_tokens=None), 1, "max_tokens"),
    "stream": (params(stream=True), 1, "cannot stream"),
    "zero-tokens": (params(max_tokens=0), 1, "less than 1"),
    "byte-order-mark-inside": (GOOD + b"\xef\xbb\xbf" + request("b"), 2, "byte order mark"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_line(live: Box, name: str) -> None:
    """The file is kept byte for byte, nothing is sent, and the receipt names the line and the fix."""
    content, line, problem = MISTAKES[name]
    mistake = rejected(live, name, content)
    assert mistake["line"] == line
    assert problem in mistake["problem"]


FINE = {
    "crlf": GOOD.replace(b"\n", b"\r\n"),
    "byte-order-mark": b"\xef\xbb\xbf" + GOOD,
    "blank-lines": b"\n\n" + GOOD + b"  \n",
    "missing-id": b'{"prompt": "hi"}\n',
    "odd-id": request("two words, Ünïcödé \u2028 / and over 64 characters in all, so not as it is"),
    "no-newline-at-the-end": GOOD.rstrip(b"\n"),
}


@pytest.mark.parametrize("name", FINE)
def test_what_is_only_unusual_is_accepted(live: Box, name: str) -> None:
    """Line ends, a byte order mark, blank lines, missing and odd ids do no harm."""
    live.drop(f"{name}.jsonl", FINE[name])
    assert live.await_receipt(name)["status"] == "succeeded"
    wanted = json.loads(FINE[name].strip().lstrip(b"\xef\xbb\xbf")).get("custom_id", "line-000001")
    assert [row["custom_id"] for row in live.rows(name)] == [wanted]


def test_a_torn_last_line_is_told(live: Box) -> None:
    """A file that was cut off in its last line is refused with that line, once it has stayed so."""
    assert rejected(live, "cut-off", GOOD + GOOD[:-20])["line"] == 2


def test_an_empty_file_is_told(live: Box) -> None:
    """An empty file is given time, and then refused in words."""
    assert "no request" in rejected(live, "empty", b"")["problem"]


def test_a_line_of_300_megabytes_is_told(live: Box) -> None:
    """A line far over what can be sent is refused by its number; it is never read into memory whole."""
    path = live.root / "inbox" / ".huge.tmp"
    with path.open("wb") as file:
        file.write(GOOD + b'{"prompt": "')
        for _ in range(300):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n')
    path.rename(path.with_name("huge.jsonl"))
    receipt = live.await_receipt("huge", seconds=60)
    assert receipt["status"] == "rejected"
    assert receipt["mistakes"][0]["line"] == 2
    (live.root / "rejected" / "huge.jsonl").unlink()


def stays(live: Box, name: str, path: Path) -> dict[str, Any]:
    """Return why the file waits, as `status` tells it; it is still there."""
    wait_for(lambda: live.waiting(name), f"the reason why {name} waits")
    found = next(one for one in live.status()["waiting"] if one["file"] == name)
    assert os.path.lexists(path)
    assert found["fix"]
    return dict(found)


@pytest.fixture
def place(live: Box) -> Iterator[Path]:
    """Give a free name in the inbox, and clear it away."""
    path = live.root / "inbox" / "x.jsonl"
    yield path
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    wait_for(lambda: live.waiting("x.jsonl") is None, "the reason to go away")


def test_a_folder_stays(live: Box, place: Path) -> None:
    """A folder called x.jsonl is left alone and named in status."""
    place.mkdir()
    assert "is a folder" in stays(live, "x.jsonl", place)["problem"]


@pytest.mark.parametrize("target", ["/etc/passwd", "/nowhere"])
def test_a_link_stays(live: Box, place: Path, target: str) -> None:
    """A symbolic link is never followed."""
    place.symlink_to(target)
    assert "symbolic link" in stays(live, "x.jsonl", place)["problem"]


def test_a_hard_link_stays(live: Box, place: Path) -> None:
    """A file with a second name could be changed under it, so it is not taken."""
    other = live.root / "elsewhere"
    other.write_bytes(GOOD)
    place.hardlink_to(other)
    assert "second name" in stays(live, "x.jsonl", place)["problem"]
    other.unlink()


def test_a_pipe_stays(live: Box, place: Path) -> None:
    """A FIFO is never opened for reading, which could hang for ever."""
    os.mkfifo(place)
    assert "is a pipe" in stays(live, "x.jsonl", place)["problem"]


def test_a_socket_stays(live: Box, place: Path) -> None:
    """A socket is left alone."""
    before = Path.cwd()
    os.chdir(place.parent)  # a socket's path may have 107 characters at most
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place.name)
        os.chdir(before)
        assert "is a socket" in stays(live, "x.jsonl", place)["problem"]
    assert stat.S_ISSOCK(place.lstat().st_mode)


def test_a_sparse_terabyte_stays(live: Box, place: Path) -> None:
    """A file that there is no room for is left in the inbox, unread."""
    with place.open("wb") as file:
        file.truncate(1 << 40)
    assert "more room than is left" in stays(live, "x.jsonl", place)["problem"]


NAMES = {
    "newline": (b"two\nlines.jsonl", "two%0Alines"),
    "not-utf8": (b"\xff\xfe-x.jsonl", "%FF%FE-x"),
    "leading-dash": (b"-rf.jsonl", "-rf"),
    "escape": (b"\x1b[31mred.jsonl", "%1B[31mred"),
    "emoji": ("\U0001f600 file.jsonl".encode(), "\U0001f600 file"),
    "spaces": (b" a b .jsonl", " a b "),
}


@pytest.mark.parametrize("name", NAMES)
def test_odd_names_come_back(live: Box, name: str) -> None:
    """Whatever the name, the file is answered under it, odd bytes percent-encoded."""
    raw, stem = NAMES[name]
    live.drop(raw, GOOD)
    assert live.await_receipt(stem)["status"] == "succeeded"


def test_a_name_of_255_bytes_comes_back(live: Box) -> None:
    """A stem too long for its suffixes is cut; the receipt still tells the whole name."""
    raw = b"n" * 249 + b".jsonl"
    live.drop(raw, GOOD)
    outbox = live.root / "outbox"
    found = wait_for(lambda: list(outbox.glob("nnnn*.receipt.json")), "its receipt")
    assert json.loads(found[0].read_bytes())["file"] == raw.decode()


@pytest.mark.parametrize(
    "name", [".hidden.jsonl", "~x.jsonl", "_x.jsonl", "#x.jsonl", "x.jsonl.part", "x.jpg"]
)
def test_temporary_and_other_names_are_left_alone(live: Box, name: str) -> None:
    """Names that are not meant for us are neither taken nor complained of."""
    path = live.drop(name, GOOD)
    live.drop("beside.jsonl", GOOD)
    wait_for(lambda: not (live.root / "inbox" / "beside.jsonl").exists(), "the file beside it to be taken")
    assert path.read_bytes() == GOOD
    path.unlink()
