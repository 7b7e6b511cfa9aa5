"""The lab: a real systemd in namespaces, with batchbox installed in it as docs/operate.md tells."""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.support.daemon import DEADLINE, wait_for

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SYSTEMD = Path("/lib/systemd/systemd")
CGROUPS = "cgroup2"
UP = ("running", "degraded")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PYTHON = "/opt/batchbox/bin/python"
PROJECT = "/opt/batchbox/project"
SPOOL = "/var/lib/batchbox"
SANDBOX_PORT = 8080
SCRIPT = f"""#!{PYTHON}
import sys
sys.path[:0] = ["/opt/batchbox/project/daemon", "/opt/batchbox/packages"]
from batchbox.cli.main import main
main()
"""


class NoLabError(Exception):
    """There can be no lab on this machine; the text says why."""


class Lab:
    """A running system. *pid* is its process 1, seen from here."""

    def __init__(self, pid: int) -> None:
        self._enter = ["nsenter", "--target", str(pid), "--all", "env", "-i", f"PATH={PATH}", "LANG=C.UTF-8"]
        self.root = Path(f"/proc/{pid}/root")

    def run(
        self, *words: str, user: str = "root", check: bool = True, given: str = "", **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in it, to its end, as *user*. *given*: its input; *more*: its environment."""
        prefix = [] if user == "root" else ["runuser", "-u", user, "--"]
        done = subprocess.run(
            [*self._enter, *(f"{name}={value}" for name, value in more.items()), *prefix, *words],
            capture_output=True,
            input=given,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done

    def shell(self, script: str, user: str = "root", check: bool = True, given: str = "") -> str:
        """Run a few lines of shell; return what they print, errors included."""
        return self.run("sh", "-c", f"exec 2>&1; cd /; {script}", user=user, check=check, given=given).stdout

    def python(self, script: str) -> Any:
        """Run a few lines of Python that can import batchbox and the tests; return the JSON they print."""
        places = f"{PROJECT}/daemon:{PROJECT}:/opt/batchbox/packages"
        done = self.run(PYTHON, "-c", script, PYTHONPATH=places)
        return json.loads(done.stdout or "null")

    def show(self, unit: str, name: str) -> str:
        """Return a property of *unit*."""
        return self.run("systemctl", "show", "--property", name, "--value", unit).stdout.strip()

    def journal(self, unit: str, since: str = "") -> str:
        """Return what *unit* has logged, and systemd about it. *since*: a cursor of `mark`."""
        words = ["--unit", unit, "--output=cat", "--no-pager"]
        return self.run("journalctl", *words, *(["--after-cursor", since] if since else [])).stdout

    def mark(self) -> str:
        """Return where the journal ends now."""
        done = self.run("journalctl", "--lines=0", "--show-cursor", "--quiet", "--no-pager")
        return done.stdout.partition("cursor: ")[2].strip()

    def write(self, path: str, text: str) -> None:
        """Write a file of root's in it."""
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


@contextmanager
def booted(folder: Path) -> Iterator[Lab]:
    """Boot a system for the length of the block, or raise `NoLabError`."""
    if os.geteuid() != 0:
        raise NoLabError("needs root, to boot a systemd in namespaces")
    if not SYSTEMD.exists():
        raise NoLabError(f"needs systemd: there is no {SYSTEMD}")
    with _cgroup() as group, (folder / "boot.log").open("w+b") as log:
        (folder / "mounts").mkdir()
        outer = subprocess.Popen(
            [
                *("sh", "-c", f'echo $$ > "{group}/cgroup.procs" && exec "$@"', "lab"),
                *("unshare", "--fork", "--kill-child", "--pid", "--mount", "--uts", "--ipc", "--net"),
                *("--cgroup", "--", "bash", str(HERE / "boot.sh"), str(folder / "mounts")),
                *(sys.base_prefix, sysconfig.get_path("purelib"), str(ROOT)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield _await(outer, folder / "boot.log")
        finally:
            outer.kill()  # and with it, by --kill-child, process 1 and all that is in there
            outer.wait()


def _await(outer: "subprocess.Popen[bytes]", log: Path) -> Lab:
    def up() -> Lab | None:
        if outer.poll() is not None:
            raise NoLabError(f"this system allows none: {log.read_text().strip()[-300:]}")
        with suppress(OSError, IndexError):  # it has not come that far
            pid = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()[0])
            lab = Lab(pid)
            # degraded: a unit of this machine's own has failed, which is no matter here
            if lab.run("systemctl", "is-system-running", check=False).stdout.strip() in UP:
                return lab
        return None

    try:
        return wait_for(up, "systemd to come up", seconds=30)
    except AssertionError as error:
        raise NoLabError(f"{error}: {log.read_text().strip()[-300:]}") from None


@contextmanager
def _cgroup() -> Iterator[Path]:
    """Give a cgroup of its own, below ours."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    base = next((Path(one[1]) for one in mounts if one[2] == CGROUPS), None)
    ours = [line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")]
    if not (base and ours):
        raise NoLabError("needs cgroup v2")
    group = base / ours[0].removeprefix("0::").lstrip("/") / f"batchbox-lab-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        raise NoLabError(f"no cgroup can be made here: {error}") from None
    try:
        yield group
    finally:
        wait_for(lambda: _is_removed(group), "the cgroup to be left", seconds=20)


def _is_removed(group: Path) -> bool:
    with suppress(OSError):
        for place, _, _ in os.walk(group, topdown=False):
            os.rmdir(place)
    return not group.exists()
