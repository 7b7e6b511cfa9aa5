"""Completion, as a real bash asks for it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from batchbox.cli.commands import COMMANDS
from batchbox.domain.records import SourceFile
from batchbox.storage.local.manifest_files import write_manifest
from tests.storage.support import JOB, make_manifest
from tests.support.daemon import DEADLINE, Box

BASH = shutil.which("bash") or ""
ASK = """
eval "$(_BATCHBOX_COMPLETE=source_bash batchbox)"
complete -p batchbox
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_batchbox_completion batchbox
printf '%s\\n' "${COMPREPLY[@]}"
"""
WORK, HELD, DONE = (JOB[:-1] + end for end in "123")

pytestmark = pytest.mark.skipif(not BASH, reason="needs bash")


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """Give a folder with the program, as an installation has it."""
    program = tmp_path / "bin" / "batchbox"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m batchbox "$@"\n')
    program.chmod(0o755)
    return program.parent


def complete(box: Box, bin_folder: Path, *words: str) -> list[str]:
    """Return what bash offers for the last of *words*."""
    environment = box.env()
    environment["PATH"] = f"{bin_folder}:{environment['PATH']}"
    done = subprocess.run(
        [BASH, "--norc", "-c", ASK, "bash", "batchbox", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    assert not done.stderr
    registered, *offered = done.stdout.splitlines()
    assert registered == "complete -o default -F _batchbox_completion batchbox"
    return [one for one in offered if one]


def put(box: Box, place: str, job: str, name: str) -> None:
    folder = box.root / place / job
    folder.mkdir(parents=True)
    source = SourceFile(name=name, name_b64="", queue="default", size=0, inode=0, mtime_ns=0)
    write_manifest(folder, make_manifest(job).model_copy(update={"source": source}))


def test_commands_options_and_choices(box: Box, bin_folder: Path) -> None:
    """Those that begin so, though the command itself is loaded only then."""
    assert complete(box, bin_folder, "") == list(COMMANDS)
    assert complete(box, bin_folder, "do") == ["doctor"]
    assert complete(box, bin_folder, "doctor", "--o") == ["--offline"]
    shapes = ["manifest", "settings", "receipt", "held", "health", "answers"]
    assert complete(box, bin_folder, "schema", "") == shapes


def test_jobs_that_a_command_can_mean(box: Box, bin_folder: Path) -> None:
    """By file and by id; none that a shell would have to be told how to quote, and none that are over."""
    put(box, "work", WORK, "way.jsonl")
    put(box, "hold", HELD, "held; rm.jsonl")
    put(box, "done/2026-01-02", DONE, "over.jsonl")
    assert complete(box, bin_folder, "show", "") == ["way.jsonl", WORK, HELD, "over.jsonl", DONE]
    assert complete(box, bin_folder, "cancel", "") == ["way.jsonl", WORK, HELD]
    assert complete(box, bin_folder, "release", HELD[:10]) == [HELD]
    assert complete(box, bin_folder, "show", "ov") == ["over.jsonl"]


def test_a_spool_that_is_none_offers_nothing(box: Box, bin_folder: Path, tmp_path: Path) -> None:
    """And no error, in the middle of somebody's line."""
    assert complete(box, bin_folder, "show", "--spool", str(tmp_path / "none"), "") == []
