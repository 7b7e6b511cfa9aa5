"""Run inside a unit's own sandbox: tries what should not be possible, and writes down what came of it."""

import ctypes
import errno
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

CLONE_NEWUSER = 0x10000000
spool = Path(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)


def attempt(act: Callable[[], object]) -> str:
    """Return what became of it: "done", or the name of the error."""
    try:
        act()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "done"


def call(name: str, *words: object) -> None:
    """Make a system call."""
    if getattr(libc, name)(*words) < 0:
        raise OSError(ctypes.get_errno(), name)


def run_from(folder: Path) -> None:
    """Run a program that was put there."""
    program = folder / "program"
    shutil.copy("/bin/true", program)
    program.chmod(0o755)
    subprocess.run([program], check=True)


def reach(host: str) -> None:
    """Come to an end of a network, where somebody listens or not."""
    with socket.socket(socket.AF_INET) as end:
        end.settimeout(0.5)
        end.connect((host, 8080))


Path(spool, "state", "probe.json").write_text(
    json.dumps(
        {
            "write to the spool": attempt(lambda: Path(spool, "state", "x").write_text("x")),
            "write /usr": attempt(lambda: Path("/usr/x").write_text("x")),
            "write where it is installed": attempt(lambda: Path("/opt/batchbox/x").write_text("x")),
            "write /etc": attempt(lambda: Path("/etc/x").write_text("x")),
            "write /var": attempt(lambda: Path("/var/lib/x").write_text("x")),
            "list /root": attempt(lambda: Path("/root").stat() and list(Path("/root").iterdir())),
            "read the source of the key": attempt(lambda: Path("/etc/batchbox/api_key").read_text()),
            "write beside the key": attempt(
                lambda: Path(os.environ["CREDENTIALS_DIRECTORY"], "x").write_text("x")
            ),
            "open a raw socket": attempt(
                lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
            ),
            "open a packet socket": attempt(lambda: socket.socket(socket.AF_PACKET).close()),
            "make a namespace": attempt(lambda: call("unshare", CLONE_NEWUSER)),
            "mount": attempt(lambda: call("mount", b"none", b"/mnt", b"tmpfs", 0, None)),
            "map memory to write and run": attempt(
                lambda: __import__("mmap").mmap(-1, 4096, prot=7),
            ),
            "become root": attempt(lambda: os.setuid(0)),
            "reach the API": attempt(lambda: reach("127.0.0.1")),
            "reach another host": attempt(lambda: reach("127.0.0.2")),
            "see other processes": attempt(lambda: Path("/proc/1/status").read_text()),
            "run what was dropped": attempt(lambda: run_from(spool / "state")),
            "run what is in /tmp": attempt(lambda: run_from(Path("/tmp"))),
            "run what is in /dev/shm": attempt(lambda: run_from(Path("/dev/shm"))),
        }
    )
)
