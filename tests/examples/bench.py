"""One spool, one daemon and one stand-in for all examples of all pages."""

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import batchbox
from batchbox.storage.local.lock import make_spool
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.examples.blocks import Block, read_page
from tests.examples.inputs import make_inputs
from tests.examples.samba import serving
from tests.support.daemon import Box

PAGES = ("cookbook.md", "producers.md")
BLOCKS = [block for page in PAGES for block in read_page(page)]
SFTP_SERVERS = (
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/libexec/sftp-server",
)
SOURCE = Path(batchbox.__file__).parents[1]
BATCHBOX = f'#!/bin/sh\nPYTHONPATH="{SOURCE}" exec {sys.executable} -m batchbox "$@"\n'

# what ssh does, without the network: the command runs here, its ends are the client's
SSH = """#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in
    -s) subsystem=yes ;;
    -l|-p|-i|-o|-F) shift ;;
    -*) ;;
    *) break ;;
  esac
  shift
done
shift
[ "$1" = -- ] && shift
[ "$subsystem" ] && exec {sftp_server}
exec /bin/sh -c "$*"
"""
THROUGH_SSH = '#!/bin/sh\nexec {program} -S "{ssh}" "$@"\n'  # they would take /usr/bin/ssh


@dataclass
class Bench:
    """Where examples are run: a running daemon, and for each page a folder with made-up input."""

    place: Path
    box: Box
    bin: Path
    stack: ExitStack

    def folder(self, page: str) -> Path:
        """Return where the examples of *page* are run."""
        return self.place / page.removesuffix(".md")

    def fit(self, text: str, page: str) -> str:
        """Return *text* with the places of this run for those of the page."""
        for place, here in (
            ("/srv/batches", self.box.root),
            ("/srv/project", self.folder(page)),
            ("/usr/local/bin", self.bin),
        ):
            text = text.replace(place, str(here))
        return text

    @property
    def env(self) -> dict[str, str]:
        """What examples see: this batchbox, its spool, and all that everybody sees."""
        return self.box.env(PATH=f"{self.bin}:{os.environ['PATH']}", LC_ALL="C.UTF-8")

    def serve_shares(self) -> None:
        """Serve the shares of the pages by Samba, from now on."""
        shares = "".join(self.fit(block.text, block.page) for block in BLOCKS if block.kind == "share")
        if not (self.place / "samba").exists():
            self.stack.enter_context(serving(shares, self.place / "samba", self.bin / "smbclient"))


@contextmanager
def working(place: Path) -> Iterator[Bench]:
    """Give a running daemon with the settings of all pages, for the length of the block."""
    root = place / "spool"
    make_spool(root)
    settings = [block.text for block in BLOCKS if block.kind == "settings"]
    (root / "batchbox.toml").write_text("\n".join(settings), encoding="utf-8")
    with ExitStack() as stack:
        api = stack.enter_context(running(SandboxSettings(work_seconds=0.1)))
        box = Box(root, {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": "sandbox"})
        bench = Bench(place, box, make_programs(place / "bin"), stack)
        for page in PAGES:
            make_inputs(bench.folder(page))
        stack.enter_context(box.running())
        yield bench


def make_programs(folder: Path) -> Path:
    """Make what an example finds first: this batchbox, and an ssh that needs no other host."""
    folder.mkdir()
    programs = {"batchbox": BATCHBOX, "ssh": SSH.format(sftp_server=find_sftp_server())}
    for name in ("scp", "sftp"):
        programs[name] = THROUGH_SSH.format(program=shutil.which(name), ssh=folder / "ssh")
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(stat.S_IRWXU)
    return folder


def find_missing(block: Block) -> str:
    """Return which program *block* needs and is not here."""
    for name in block.needs:
        there = find_sftp_server() if name == "sftp-server" else shutil.which(name)
        if not there:
            return name
    return ""


def find_sftp_server() -> str | None:
    """Return the program that serves sftp, as sshd would start it."""
    return shutil.which("sftp-server") or next((one for one in SFTP_SERVERS if Path(one).exists()), None)
