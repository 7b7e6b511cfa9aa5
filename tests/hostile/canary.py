"""A key and a prompt that are found wherever they turn up, and the places to look for them."""

import base64
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from tests.hostile.neighbours import bytes_below
from tests.support.daemon import Box, Daemon, request

KEY = "sk-ant-canary+/7Q9zX3-never=to?be&seen"
PROMPT = "canary-prompt-4b81-what-nobody-else-may-read"


def forms(text: str) -> list[bytes]:
    """Return *text* as it could stand in a log or a file: plain, encoded, reversed."""
    plain = text.encode()
    found = [plain, plain[::-1], quote(text, safe="").encode(), plain.hex().encode()]
    for shift in range(3):  # base64 depends on where in the text it begins
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b" " * shift + plain)
            found.append(whole[4 : len(whole) - 4])
    return [*found, plain.decode().replace("/", "\\/").encode()]


def require_absent(text: str, where: str, content: bytes) -> int:
    """Check that *text* is in *content* in no form; return 1, for the count of places."""
    for form in forms(text):
        at = content.find(form)
        assert at < 0, f"{where} tells it: {content[max(0, at - 200) : at + 80]!r}"
    return 1


def search(text: str, folder: Path) -> int:
    """Check that *text* is in no name and no file under *folder*; return how many were looked at."""
    places = 0
    for path, content in bytes_below(folder):
        require_absent(text, "a name", os.fsencode(path))
        places += require_absent(text, str(path), content)
    return places


def search_running(text: str, daemon: Daemon, in_environment: bool) -> int:
    """Check argv of the daemon and all of every child; its own environment, unless the text came by it."""
    pid = daemon.process.pid
    places = require_absent(text, "argv", read(pid, "cmdline")) + require_absent(
        text, "comm", read(pid, "comm")
    )
    if not in_environment:
        places += require_absent(text, "environ", read(pid, "environ"))
    for child in children(pid):
        for name in ("cmdline", "environ"):
            places += require_absent(text, f"{name} of a child", read(child, name))
    return places


def read(pid: int, name: str) -> bytes:
    """Return what the kernel tells of a process; nothing where only root may know."""
    with suppress(PermissionError):
        return Path(f"/proc/{pid}/{name}").read_bytes()
    return b""


def children(pid: int) -> Iterator[int]:
    """Yield the children of a process, and theirs."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child)
            yield from children(int(child))


def fail_visibly(box: Box, code: str, terminal: bool, text: str) -> bytes:
    """Run a daemon with a bug made by *code* until *text* is answered; return its log."""
    ours, its = pty.openpty() if terminal else os.pipe()
    environment = box.env(ANTHROPIC_API_KEY=KEY, BATCHBOX_LOG_FORMAT="auto", COLUMNS="400", TERM="xterm")
    process = subprocess.Popen(patched(code), env=environment, stderr=its)
    try:
        box.drop("x.jsonl", request("a", text))
        assert box.await_receipt("x")["status"] == "succeeded"
    finally:
        process.kill()
        process.wait()
    os.set_blocking(ours, False)
    log = os.read(ours, 1 << 20)
    os.close(ours)
    os.close(its)
    return log


def patched(code: str) -> list[str]:
    """Return the command of a daemon in which *code* has been run first: a bug to come."""
    return [sys.executable, "-c", f"{code}\nfrom batchbox.cli.main import main\nmain()", "run"]
