"""`status --check`: one line and an exit code, as monitoring systems expect of a plug-in."""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer

from batchbox.cli.status.nagios import check_health
from batchbox.domain.part import Part
from batchbox.domain.states import JobState, PartState
from batchbox.domain.timestamps import format_time
from batchbox.ports.clock import SystemClock
from batchbox.storage.local.layout import Layout
from batchbox.storage.local.local_spool import LocalSpool
from batchbox.storage.local.lock import make_spool
from batchbox.storage.local.manifest_files import write_manifest
from batchbox.storage.local.status_file import write_health
from batchbox_sandbox.remote import Sandbox
from tests.storage.support import JOB, make_manifest
from tests.support.daemon import Box, request, wait_for

LINE = re.compile(r"(OK|WARNING|CRITICAL|UNKNOWN) - [^|\n]+( \| ([a-z_]+=\d+[s]?(;\d*){2};0 ?)+)?\n")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BAD_KEY = {"problem": "the API said 401 authentication_error", "fix": "correct the key file"}
BUSY = {"problem": "the API said 529 overloaded_error", "fix": "nothing to do: it is tried again"}

AT_RISK = {"job": JOB, "file": "q.jsonl", "queue": "default", "batch": "msgbatch_1", "urgent": False}
AT_RISK |= {"at": "2026-01-30T00:00:00Z", "problem": "its answers are deleted soon", "fix": "fetch them"}

Check = Callable[[Path], tuple[int, str]]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Give the check: the exit code and the line."""

    def look(root: Path) -> tuple[int, str]:
        with pytest.raises(typer.Exit) as ended:
            check_health(root, as_json=False)
        line = capsys.readouterr().out
        assert LINE.fullmatch(line), line
        return ended.value.exit_code, line

    return look


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Give a spool that somebody works, who has just said that all is well."""
    root = tmp_path / "spool"
    make_spool(root)
    with closing(LocalSpool(root, 1)):
        tell(root)
        yield root


def tell(root: Path, seconds_ago: float = 0, **facts: Any) -> None:
    """Put down how things are, as the daemon did so long ago."""
    time = format_time(SystemClock().now() - timedelta(seconds=seconds_ago))
    ages = {name: ago(one) for name, one in facts.items() if isinstance(one, timedelta)}
    write_health(Layout(root).health, {"time": time, "pid": 1} | facts | ages)


def ago(age: timedelta) -> str:
    return format_time(SystemClock().now() - age)


def test_all_is_well(root: Path, check: Check) -> None:
    """0, with the figures for the graphs."""
    code, line = check(root)
    assert (code, line.split(" - ")[0]) == (0, "OK")
    assert " held=0;0;;0 " in line


@pytest.mark.parametrize(
    ("facts", "code", "said"),
    [
        ({"seconds_ago": 100}, 1, "it hangs"),
        ({"seconds_ago": 400}, 2, "it hangs"),
        ({"flags": ["PAUSE"]}, 1, "control/PAUSE stands -> remove that file"),
        ({"sending": BAD_KEY}, 2, "401 authentication_error -> correct the key file"),
        ({"sending": BUSY}, 1, "529"),
        ({"sending": BAD_KEY, "flags": ["PAUSE"]}, 2, "sending waits"),
        ({"waiting_total": 1, "waiting_since": HOUR}, 1, "the inbox holds a file for 60 min"),
        ({"waiting_total": 1, "waiting_since": HOUR, "flags": ["DRAIN"]}, 1, "DRAIN"),
        ({"waiting_total": 1, "waiting_since": MINUTE}, 0, "1 waiting"),
        ({"crowded": {"problem": "no room", "fix": "nothing to do"}}, 0, "OK"),
        ({"deadlines": [AT_RISK]}, 2, "answers of 1 file will be deleted soon"),
        ({"sending": {"problem": "a | b\n\x1b[2Jc", "fix": "d"}}, 2, "a   b"),
    ],
)
def test_what_is_wrong_is_said_with_the_fix(
    root: Path, check: Check, facts: dict[str, Any], code: int, said: str
) -> None:
    """How bad it is, the worst first, and nothing that would break the line."""
    tell(root, **facts)
    found, line = check(root)
    assert found == code, line
    assert said in line


@pytest.mark.parametrize(("age", "code"), [(HOUR, 0), (HOUR * 30, 1), (HOUR * 24 * 28, 2)])
def test_a_file_that_is_too_long_under_way(root: Path, check: Check, age: timedelta, code: int) -> None:
    """After a day it is strange; after four weeks its answers are about to be lost."""
    part = Part(number=1, nonce="n", requests=1, bytes=1, crc32=0, state=PartState.SUBMITTED)
    (root / "work" / JOB).mkdir()
    job = make_manifest(JOB, taken_at=ago(age), state=JobState.RUNNING, parts=(part,))
    write_manifest(root / "work" / JOB, job)
    assert check(root)[0] == code


def test_what_is_held_is_a_warning(root: Path, check: Check) -> None:
    """The others go on, but a person is asked for."""
    (root / "hold" / JOB).mkdir(parents=True)
    code, line = check(root)
    assert (code, "1 held for a person" in line) == (1, True)


def test_a_spool_that_has_gone_is_critical(root: Path, check: Check) -> None:
    """Not mounted: nobody is told to make a new one in its place."""
    code, line = check(root / "not-there")
    assert code == 2
    assert "mounted" in line
    assert "init" not in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_spool_that_may_not_be_read_is_unknown(root: Path, check: Check) -> None:
    """That says nothing of the daemon."""
    Layout(root).marker.chmod(0)
    assert check(root)[0] == 3


def test_the_program_exits_with_the_code(box: Box, sandbox: Sandbox) -> None:
    """Not running is 2, running 0, a refused key 2, no spool named 3; --json tells the same."""
    assert box.command("status", "--check").returncode == 2
    assert box.command("status", "--check", BATCHBOX_SPOOL="").returncode == 3
    fault = {"status": 401, "error_type": "authentication_error", "message": "bad key"}
    with box.running():
        wait_for(lambda: box.command("status", "--check").returncode == 0, "health")
        sandbox.order("create", "refuse", times=50, **fault)
        box.drop("q.jsonl", request("a"))
        wait_for(lambda: box.command("status", "--check").returncode == 2, "the refusal")
        told = json.loads(box.command("status", "--check", "--json").stdout)
    assert (told["status"], told["problems"][0]["severity"]) == ("CRITICAL", "CRITICAL")
    assert "key" in told["problems"][0]["fix"]
    assert told["figures"]["jobs"] == 1
