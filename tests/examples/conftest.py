"""One spool, one daemon and one stand-in for all examples of all pages."""

import getpass
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import batchbox
from batchbox.sandbox.server import running
from batchbox.sandbox.settings import SandboxSettings
from batchbox.spool.marker import make_spool
from tests.examples.blocks import Block, read_page
from tests.examples.inputs import make_inputs
from tests.support.daemon import Box, wait_for

PAGES = ("cookbook.md", "producers.md")
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
    --) ;;
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

# a server of one's own: its files are not those of the host, and whoever comes is who runs the tests
SAMBA = """[global]
server role = standalone server
smb ports = {port}
interfaces = 127.0.0.1
bind interfaces only = yes
pid directory = {place}
lock directory = {place}
state directory = {place}
cache directory = {place}
private dir = {place}
ncalrpc dir = {place}/rpc
log file = {place}/log
passdb backend = tdbsam:{place}/passdb.tdb
map to guest = bad user
guest account = {user}
guest ok = yes
load printers = no
disable spoolss = yes

"""
SMBCLIENT = '#!/bin/sh\nexec {program} -s {config} -p {port} -I 127.0.0.1 -N "$@"\n'


@dataclass
class Bench:
    """Where examples are run."""

    box: Box
    bin: Path
    folders: dict[str, Path]

    def fit(self, text: str, page: str) -> str:
        """Return *text* with the places of this run for those of the page."""
        for place, here in (
            ("/srv/batches", self.box.root),
            ("/srv/project", self.folders[page]),
            ("/usr/local/bin", self.bin),
        ):
            text = text.replace(place, str(here))
        return text

    @property
    def env(self) -> dict[str, str]:
        """What examples see: this batchbox, its spool, and all that everybody sees."""
        return self.box.env(PATH=f"{self.bin}:{os.environ['PATH']}", LC_ALL="C.UTF-8")


def find_sftp_server() -> str | None:
    """Return the program that serves sftp, as sshd would start it."""
    return shutil.which("sftp-server") or next((one for one in SFTP_SERVERS if Path(one).exists()), None)


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Give a running daemon with the settings of all pages, and a folder with made-up input for each."""
    place = tmp_path_factory.mktemp("examples")
    root = place / "spool"
    make_spool(root)
    blocks = [block for page in PAGES for block in read_page(page)]
    settings = [block.text for block in blocks if block.kind == "settings"]
    (root / "batchbox.toml").write_text("\n".join(settings), encoding="utf-8")
    folders = {page: place / page.removesuffix(".md") for page in PAGES}
    for folder in folders.values():
        make_inputs(folder)
    with running(SandboxSettings(work_seconds=0.1)) as api:
        box = Box(root, {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": "sandbox"})
        bench = Bench(box, make_programs(place / "bin"), folders)
        with box.running():
            yield bench


def make_programs(folder: Path) -> Path:
    """Make what an example finds first: this batchbox, and an ssh that needs no other host."""
    folder.mkdir()
    ssh = folder / "ssh"
    programs = {"batchbox": BATCHBOX, "ssh": SSH.format(sftp_server=find_sftp_server())}
    for name in ("scp", "sftp"):
        programs[name] = THROUGH_SSH.format(program=shutil.which(name), ssh=ssh)
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(stat.S_IRWXU)
    return folder


@pytest.fixture(scope="session")
def share(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Serve the shares of the producers' page on this host, with the real smbd."""
    place = tmp_path_factory.mktemp("samba")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (shares,) = [block for page in PAGES for block in read_page(page) if block.kind == "share"]
    config = place / "smb.conf"
    head = SAMBA.format(place=place, port=port, user=getpass.getuser())
    config.write_text(head + bench.fit(shares.text, shares.page))
    client = bench.bin / "smbclient"
    client.write_text(SMBCLIENT.format(program=shutil.which("smbclient"), config=config, port=port))
    client.chmod(stat.S_IRWXU)
    with (place / "log").open("wb") as log:
        command = [str(shutil.which("smbd")), "--foreground", "--no-process-group", "-s", str(config)]
        # in a group of its own: what it does to its group at its end would end the tests as well
        smbd = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(lambda: is_listening(port) or smbd.poll() is not None, "smbd")
        if smbd.poll() is not None:
            pytest.skip(f"smbd does not start here: {(place / 'log').read_text()[-200:]}")
        yield
    finally:
        smbd.terminate()
        smbd.wait()


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def find_missing(block: Block) -> str:
    """Return which program *block* needs and is not here."""
    for name in block.facts.get("needs", "").split():
        there = find_sftp_server() if name == "sftp-server" else shutil.which(name)
        if not there:
            return name
    return ""
