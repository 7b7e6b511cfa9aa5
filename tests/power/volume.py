"""Real file systems in files, whose power can be cut. For a process with mounts of its own."""

import fcntl
import os
import shutil
import struct
import subprocess
from pathlib import Path

from tests.support.daemon import wait_for

SHUTDOWN = 0x8004587D  # FS_IOC_SHUTDOWN: what is not on the disk by now never gets there
LOG_FLUSH, NO_LOG_FLUSH = 1, 2  # the journal gets out, the data does not; or neither
CLONE = 0x40049409  # FICLONE: the other file as it is at this moment, or as it was: never between
SIZES = {"ext4": "64M", "xfs": "320M", "btrfs": "128M"}
FORMATS = {
    "ext4": ("mkfs.ext4", "-q", "-F"),
    "xfs": ("mkfs.xfs", "-q", "-f"),
    "btrfs": ("mkfs.btrfs", "-q", "-f"),
}


class NotPossibleError(Exception):
    """What was asked for is not to be had on this machine; the text says why."""


def find(tool: str) -> str:
    """Return where *tool* is."""
    found = shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise NotPossibleError(f"{tool} is not installed")
    return found


def command(tool: str, *words: str) -> None:
    """Run a system command; raise `NotPossibleError` with its own words if it fails."""
    done = subprocess.run([find(tool), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotPossibleError(f"{tool}: {done.stderr.strip() or done.returncode}")


class Volume:
    """A file system of the given kind, on a "disk" that is a file in *folder*."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.place = folder / "mounted"
        self.place.mkdir()
        self._image = folder / "disk"
        _make(kind, self._image)

    def mount(self) -> None:
        """Put it in its place; what the journal holds is replayed."""
        command("mount", "-o", "loop", str(self._image), str(self.place))

    def unmount(self) -> None:
        """Take it away; the last user may still be on its way out."""

        def is_gone() -> bool:
            try:
                command("umount", str(self.place))
            except NotPossibleError as reason:
                if "busy" in str(reason):
                    return False
                raise
            return True

        wait_for(is_gone, "the file system to be left", seconds=20)

    def cut(self, keep_journal: bool = False) -> None:
        """Cut the power, at this very moment."""
        how = LOG_FLUSH if keep_journal else NO_LOG_FLUSH
        descriptor = os.open(self.place, os.O_RDONLY)
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", how))
        os.close(descriptor)

    def restore(self) -> None:
        """Bring the disk back as it was when the power was cut."""
        self.unmount()
        self.mount()

    def sync(self) -> None:
        """Let everything reach the disk."""
        command("sync", "-f", str(self.place))


class Snapped(Volume):
    """A file system that cannot be shut down: its disk is snapped instead, and found so afterwards."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._below = Volume("xfs", _fresh(folder / "below"))
        self._below.mount()
        super().__init__(kind, self._below.place)

    def cut(self, keep_journal: bool = False) -> None:
        """Keep the disk as it is at this very moment."""
        if keep_journal:
            raise NotPossibleError("a snapped disk is what it is")
        with self._image.open("rb") as disk, self._snap.open("wb") as snap:
            fcntl.ioctl(snap, CLONE, disk.fileno())

    @property
    def _snap(self) -> Path:
        return self._image.with_name("snap")

    def restore(self) -> None:
        """Bring the disk back as it was when the power was cut."""
        self.unmount()
        if self._snap.exists():  # else the run was over, or broke down, before the cut
            self._snap.replace(self._image)
        self.mount()


def make_volume(kind: str, folder: Path) -> Volume:
    """Return a new file system, in memory, mounted; its mounts end with this process."""
    command("mount", "-t", "tmpfs", "-o", "size=1g", "none", str(folder))
    volume = Snapped(kind, folder) if kind == "btrfs" else Volume(kind, folder)
    volume.mount()
    return volume


def _make(kind: str, image: Path) -> None:
    command("truncate", "-s", SIZES[kind], str(image))
    command(*FORMATS[kind], str(image))


def _fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder
