"""A small disk that can be filled to the last byte or inode."""

import errno
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.power.volume import NotPossibleError, command, find

PAGE = bytes(4096)
MEMORY = 'mount -t tmpfs -o "$1" none "$2"'
QUOTA = """truncate -s 200M "$2.disk" && mkfs.btrfs -q "$2.disk" > "$2.log" && mount -o loop "$2.disk" "$2" &&
btrfs quota enable "$2" && btrfs qgroup limit "$1" "$2" && sync -f "$2" """
HOLD = "{ %s; } && echo ready && read -r end"  # for as long as stdin stays open


class Room:
    """A small file system, mounted for nobody else; here it is reached through the process that holds it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ballast = root / "ballast"
        self._ballast.mkdir()

    def fill_bytes(self) -> None:
        """Leave not one byte."""
        for number in count(len(list(self._ballast.iterdir()))):
            if not self._put(self._ballast / str(number), PAGE * 64):
                return

    def fill_inodes(self) -> None:
        """Leave room for not one more name."""
        for number in count(len(list(self._ballast.iterdir()))):
            if not self._put(self._ballast / str(number), b""):
                return

    def _put(self, path: Path, content: bytes) -> bool:
        """Write *content*, or as much of it as there is room for; say whether all of it went in."""
        try:
            with path.open("wb", buffering=0) as file:
                while content:
                    content = content[file.write(content) :]
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                return False
            raise
        return True

    def clear(self) -> None:
        """Give all the room back."""
        for path in self._ballast.iterdir():
            path.unlink()
        command("sync", "-f", str(self.root))

    def fill(self, what: str) -> None:
        """Leave no *what*: bytes or inodes."""
        fills: dict[str, Callable[[], None]] = {"bytes": self.fill_bytes, "inodes": self.fill_inodes}
        fills[what]()


@contextmanager
def small_disk(place: Path, options: str, kind: str = MEMORY) -> Iterator[Room]:
    """Give a disk mounted at *place* for the length of the block, or raise `NotPossibleError`."""
    words = [find("unshare"), "--mount", "--propagation", "private", find("sh"), "-c", HOLD % kind, "hold"]
    place.mkdir()
    holder = subprocess.Popen(
        [*words, options, str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout
        assert holder.stderr
        if holder.stdout.readline() != "ready\n":
            raise NotPossibleError(holder.stderr.read().strip())
        yield Room(Path(f"/proc/{holder.pid}/root{place}"))
