"""What a neighbour with rights in the inbox can do, and how to see what came of it."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from batchbox_sandbox.remote import Sandbox
from tests.support.daemon import request

LINES = 5
SECRET = "canary-of-somebody-else"
Act = Callable[[Path], object]


def whole(number: int) -> bytes:
    """Return the content of file *number*: each of its lines says which file it belongs to."""
    return b"".join(request(f"{number}-{line}", f"file {number}") for line in range(LINES))


def secret() -> bytes:
    """Return a file that would be answered gladly, and that nobody dropped."""
    return b"".join(request(f"{SECRET}-{line}", SECRET) for line in range(LINES))


def outside(path: Path) -> Path:
    """Return a private file that lies outside of the spool in whose inbox *path* is."""
    target = path.parents[2] / "outside.jsonl"
    if not target.exists():
        target.write_bytes(secret())
        target.chmod(0o600)
    return target


def aside(path: Path) -> Path:
    """Return a free name beside the inbox's, that no scan looks at."""
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}")


def swap(path: Path, make: Act) -> None:
    """Put what *make* makes in the place of what lies at *path*, by renames alone."""
    new = aside(path)
    make(new)
    while True:
        try:
            os.rename(new, path)  # noqa: TID251  a neighbour owes nobody durability
            return
        except (IsADirectoryError, NotADirectoryError, FileExistsError):
            clear(path)


def clear(path: Path) -> None:
    """Take away whatever lies at *path*."""
    try:
        is_folder = stat.S_ISDIR(os.lstat(path).st_mode)
        os.rmdir(path) if is_folder else os.unlink(path)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return


KINDS: dict[str, Act] = {
    "another file": lambda path: path.write_bytes(whole(2)),
    "a link": lambda path: path.symlink_to(path.parents[2] / "outside.jsonl"),
    "a pipe": os.mkfifo,
    "a folder": os.mkdir,
    "a hard link": lambda path: os.link(path.parents[2] / "outside.jsonl", path),
}


def bytes_below(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield each real file under *folder*, its name included in what may not tell; no link is followed."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                yield path, path.read_bytes()


def require_secret(root: Path, sandbox: Sandbox, but: str = "") -> int:
    """Check that what nobody dropped was neither copied into the spool nor sent; return places looked at.

    *but*: a name in the spool under which a neighbour has put the file itself.
    """
    places = 0
    for path, content in bytes_below(root):
        if path.name != but:
            assert SECRET.encode() not in content, f"{path} tells what is in somebody else's file"
        places += 1
    for batch in sandbox.batches():
        assert not [one for one in batch["custom_ids"] if SECRET in one], "somebody else's file was sent"
        places += 1
    return places


def digest(content: bytes) -> str:
    """Return the SHA-256 of *content*."""
    return hashlib.sha256(content).hexdigest()
