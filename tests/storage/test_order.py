"""The order of the system calls, as the kernel sees them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from batchbox.storage.local.lock import make_spool
from tests.storage.support import JOB, put

ROOT = Path(__file__).parents[2]
CALLS = "openat,write,fsync,rename,renameat2,mkdir,link,unlink"
LINE = re.compile(r"(?:\[?pid +)?\d* *(\w+)\((.*)\) = ")
OURS = re.compile(r'[<"](?:[^<>"]*/)?ground/?([^<>"]*)[>"]')

SETTING = """
import os, sys
from pathlib import Path
from batchbox.storage.local import durable, inbox
from batchbox.storage.local.manifest_files import write_manifest
ground = Path(sys.argv[1])
"""


@pytest.fixture
def ground(tmp_path: Path) -> Path:
    """Give an empty folder, and skip where system calls cannot be seen."""
    strace = shutil.which("strace")
    if not strace:
        pytest.skip("strace is not installed")
    seen = subprocess.run([strace, "true"], capture_output=True, text=True, check=False)
    if seen.returncode:
        pytest.skip(f"strace may not look: {seen.stderr.splitlines()[0]}")
    (tmp_path / "ground").mkdir()
    return tmp_path / "ground"


def calls_of(ground: Path, program: str) -> list[str]:
    """Return the calls of *program* on files in *ground*, each with the names it was made on."""
    trace = ground.with_name("trace")
    command = ["strace", "-f", "-y", "-s", "4096", "-e", f"trace={CALLS}", "-o", str(trace)]
    subprocess.run([*command, sys.executable, "-c", SETTING + program, str(ground)], check=True, cwd=ROOT)
    found = []
    for line in trace.read_text(errors="replace").splitlines():
        matched = LINE.match(line)
        if matched and "ground" in line:
            name, arguments = matched[1], matched[2].split(", ")
            paths = [place[1] for one in arguments if (place := OURS.search(one))]
            if name != "openat" or "O_CREAT" in line:
                found.append(" ".join([name, *(path or "." for path in paths)]))
    return found


def test_a_file_is_durable_before_it_has_its_name(ground: Path) -> None:
    """Temporary file, write, fsync, rename, fsync of the folder: in this order, once each."""
    program = "with durable.write_whole(ground / 'a') as file:\n    file.write(b'content')\n"
    assert calls_of(ground, program) == [
        "openat .a.tmp",
        "write .a.tmp",
        "fsync .a.tmp",
        "rename .a.tmp a",
        "fsync .",
    ]


@pytest.mark.parametrize(("operation", "call"), [("move", "rename"), ("move_onto_free", "renameat2")])
def test_a_move_syncs_both_folders_the_new_place_first(ground: Path, operation: str, call: str) -> None:
    """Else a power cut can leave the file in neither, or on some file systems in both."""
    for folder in ("here", "there"):
        (ground / folder).mkdir()
    (ground / "here" / "a").write_bytes(b"content")
    program = f"durable.{operation}(ground / 'here' / 'a', ground / 'there' / 'b')\n"
    assert calls_of(ground, program) == [f"{call} here/a there/b", "fsync there", "fsync here"]


def test_a_new_folder_is_durable(ground: Path) -> None:
    """The folder that holds its name is synced."""
    assert calls_of(ground, "durable.make_folder(ground / 'a')\n") == ["mkdir a", "fsync ."]


TAKE = """
from batchbox.storage.local.local_spool import LocalSpool
from tests.storage.support import find, make_manifest
spool = LocalSpool(ground, epoch=1)
incoming = find(spool)
spool.take(incoming, make_manifest())
"""


def test_the_manifest_is_durable_before_the_file_moves(ground: Path) -> None:
    """A file that has moved has its name in a manifest that a power cut cannot take back."""
    make_spool(ground)
    put(ground)
    calls = calls_of(ground, TAKE)
    folder = f"work/{JOB}"
    assert calls[calls.index(f"mkdir {folder}") :] == [
        f"mkdir {folder}",
        f"openat {folder}/.manifest.json.tmp",
        f"write {folder}/.manifest.json.tmp",
        f"fsync {folder}/.manifest.json.tmp",
        f"rename {folder}/.manifest.json.tmp {folder}/manifest.json",
        f"fsync {folder}",
        "fsync work",
        f"rename inbox/x.jsonl {folder}/request.jsonl",
        f"fsync {folder}",
        "fsync inbox",
    ]


PUBLISH = """
from batchbox.domain.job import Output
from batchbox.storage.local.local_spool import LocalSpool
from tests.storage.support import make_manifest
spool = LocalSpool(ground, epoch=1)
output = Output(folder="outbox", name="x", source="results.jsonl", size=0, sha256="")
spool.publish(make_manifest(), output)
spool.publish(make_manifest(), output)
"""


def test_an_output_that_was_published_before_is_made_durable(ground: Path) -> None:
    """The process before may have died between the rename and the sync of the outbox."""
    make_spool(ground)
    (ground / "work" / JOB).mkdir()
    (ground / "work" / JOB / "results.jsonl").write_bytes(b"row")
    calls = calls_of(ground, PUBLISH)
    rename = f"renameat2 work/{JOB}/results.jsonl outbox/x"
    assert calls[calls.index(rename) :] == [
        rename,
        "fsync outbox",
        f"fsync work/{JOB}",
        "fsync outbox",
    ]
