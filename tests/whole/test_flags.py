"""`pause`, `drain`, `resume`, `hold` and `retry` as an operator types them."""

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from batchbox.domain.operator_commands import Command, Verb
from batchbox.storage.local.command_files import leave_command, read_note
from batchbox_sandbox.remote import Sandbox
from tests.support.daemon import DEADLINE, PROGRAM, Box, request, wait_for

DOWN = "batchbox is not running"


def say(box: Box, *words: str, code: int = 0) -> str:
    """Return what a command says, with its blanks as one."""
    done = box.command(*words, COLUMNS="80")
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("verb", ["pause", "drain"])
def test_nothing_is_taken_until_resume(box: Box, verb: str) -> None:
    """The files in the inbox say so, `status` tells since when and by whom, and then all goes on."""
    flag = {"pause": "PAUSE", "drain": "DRAIN"}[verb]
    assert DOWN in say(box, verb)
    with box.running():
        box.drop("q.jsonl", request("a"))
        found = wait_for(lambda: box.waiting("q.jsonl"), "the file that waits")
        assert f"control/{flag} stands" in found["problem"]
        assert "batchbox resume" in found["fix"]
        shown = say(box, "status")
        assert f"control/{flag} stands: nothing" in shown
        assert "put up by" in shown
        told = json.loads(box.command(verb, "--json").stdout)
        assert (told["flag"], told["new"], told["running"]) == (flag, False, True)
        assert f"control/{flag} taken down" in say(box, "resume")
        assert "nothing was paused" in say(box, "resume")
        assert box.await_receipt("q")["status"] == "succeeded"
    assert json.loads(box.command("resume", "--json").stdout)["taken_down"] == []


def test_flags_are_for_spools(box: Box) -> None:
    """No folder that is none gets one; where none can be put up, that is told."""
    for verb in ("pause", "drain", "resume"):
        assert "is not a spool" in say(box, verb, "--spool", str(box.root / "work"), code=3)
    assert not list((box.root / "work").iterdir())
    shutil.rmtree(box.root / "control")
    (box.root / "control").write_bytes(b"")
    assert "cannot be written" in say(box, "pause", code=3)


def test_hold_and_release(box: Box, sandbox: Sandbox) -> None:
    """Held by name, told in status and story, released; the answers come, and were paid once."""
    sandbox.order("create", "refuse", times=10**6, status=429)
    with box.running():
        box.drop("q.jsonl", request("a"))
        wait_for(lambda: box.status()["sending"], "the refusal")
        assert "q.jsonl is to be held batchbox is running" in say(box, "hold", "q.jsonl")
        held = wait_for(lambda: box.status()["held"], "the hold")[0]
        assert held["problem"].startswith("held by")
        assert f"batchbox release {held['job']}" in held["fix"]
        assert held["since"]
        assert "is held already" in say(box, "hold", "q.jsonl", code=2)
        assert "nothing in q.jsonl is undecided" in say(box, "resubmit", "q.jsonl", "--pay-again", code=2)
        sandbox.clear()
        told = json.loads(box.command("release", f"hold/{held['job']}", "--json").stdout)
        assert told == {
            "command": "release",
            "job": held["job"],
            "file": "q.jsonl",
            "left": f"control/release-{held['job']}",
            "running": True,
        }
        assert box.await_receipt("q")["status"] == "succeeded"
    assert len(sandbox.batches()) == 1
    assert "held by" in say(box, "show", "q")
    assert "released by" in say(box, "show", "q")


def test_commands_that_wait_are_told(box: Box) -> None:
    """While nobody is there to hear of them, and what is none at all."""
    with box.running(BATCHBOX_QUIET_SECONDS="0.05") as daemon:
        box.drop("q.jsonl", request("a"))
        wait_for(lambda: daemon.events("job.taken"), "the job")
    (box.root / "control" / "cancel-20260102T030405Z-0123456789ab").touch()
    (box.root / "control" / "notes.txt").touch()
    shown = say(box, "status")
    assert "cancel 20260102T030405Z-0123456789ab, asked for by" in shown
    assert "waits for batchbox to be started" in shown
    assert "control/notes.txt" in shown
    assert "is no command" in shown
    assert {one["name"] for one in box.status()["commands"]} == {
        "cancel-20260102T030405Z-0123456789ab",
        "notes.txt",
    }


def test_retry_drops_what_was_not_answered(box: Box, sandbox: Sandbox) -> None:
    """Into the same queue under a name of its own; once, and only what there is."""
    sandbox.outcome("question b", "errored", error_type="invalid_request_error", message="no")
    with box.running():
        box.drop("q.jsonl", request("a") + request("b"), "nightly")
        assert box.await_receipt("q", "nightly")["status"] == "partial"
        sandbox.clear()
        wait_for(lambda: box.status()["finished"] == 1, "the archive")
        assert "dropped again, as q.retry.jsonl" in say(box, "retry", "q.jsonl")
        assert box.await_receipt("q.retry", "nightly")["requests"] == 1
        wait_for(lambda: box.status()["finished"] == 2, "the archive")
        assert "was asked again as q.retry.jsonl" in say(box, "retry", "q", code=2)
        box.drop("good.jsonl", request("a"))
        box.drop("bad.jsonl", b"oops\n")
        for stem in ("good", "bad"):
            box.await_receipt(stem)
        wait_for(lambda: box.status()["finished"] == 4, "the archive")
    assert "nothing to try again" in say(box, "retry", "good.jsonl", code=2)
    assert "correct rejected/bad.jsonl" in say(box, "retry", "bad.jsonl", code=2)
    assert 'no job is called "nope"' in say(box, "retry", "nope", code=2)


def test_retry_of_what_waits_for_nothing_leaves_no_command(box: Box, sandbox: Sandbox) -> None:
    """It says so instead, whether the daemon runs or not."""
    with box.running(BATCHBOX_POLL_SECONDS="30"):
        box.drop("q.jsonl", request("a"))
        wait_for(sandbox.batches, "the batch")
        assert "there is nothing to try again" in say(box, "retry", "q.jsonl")
    assert DOWN in say(box, "retry", "q.jsonl")
    assert json.loads(box.command("retry", "q.jsonl", "--json").stdout)["left"] is None
    assert not list((box.root / "control").iterdir())


def test_retry_drops_no_other_files_errors(box: Box, sandbox: Sandbox) -> None:
    """A name that was free again has another file's errors: they are not taken for those of the first."""
    sandbox.outcome("question b", "errored", times=2, error_type="invalid_request_error", message="no")
    with box.running():
        jobs = []
        for number, line in enumerate((request("b"), request("b", more="other")), start=1):
            for path in box.root.glob("outbox/*"):
                path.unlink()  # a reader takes what is for him
            box.drop("q.jsonl", line)
            jobs.append(box.await_receipt("q")["job"])
            wait_for(lambda: box.status()["finished"] == number, "the archive")  # noqa: B023
        assert "is not what was published for this file" in say(box, "retry", jobs[0], code=2)
        assert "dropped again" in say(box, "retry", jobs[1])
        box.await_receipt("q.retry")


def test_a_name_in_control_that_no_text_can_hold(box: Box) -> None:
    """It is told with the rest, and hides nothing of it."""
    os.close(os.open(os.fsencode(box.root) + b"/control/cancel-\xff", os.O_CREAT | os.O_WRONLY))
    box.command("pause")
    with box.running() as daemon:
        wait_for(lambda: daemon.events("command.refused"), "the refusal")
        wait_for(lambda: box.status()["flags"] == ["PAUSE"], "the health")
        assert "cancel-%FF" in (box.root / "state" / "health.json").read_text()
        assert "is no command" in say(box, "status")


def test_two_who_retry_at_once_ask_once(box: Box, sandbox: Sandbox) -> None:
    """One of them is told that it was done."""
    sandbox.outcome("question b", "errored", error_type="invalid_request_error", message="no")
    with box.running():
        box.drop("q.jsonl", request("b"))
        box.await_receipt("q")
        wait_for(lambda: box.status()["finished"] == 1, "the archive")
        words = [*PROGRAM, "retry", "q.jsonl"]
        both = [subprocess.Popen(words, env=box.env(), stderr=subprocess.DEVNULL) for _ in range(2)]
        assert sorted(one.wait(DEADLINE) for one in both) == [0, 2]
        box.await_receipt("q.retry")
    assert len(sandbox.batches()) == 2


def test_a_time_that_no_calendar_has(box: Box) -> None:
    """A file in control/ from beyond the year 9999 is told like any other."""
    path = box.root / "control" / "junk"
    path.touch()
    found = [*path.stat()]
    found[stat.ST_MTIME] = 10**14
    assert read_note("junk", os.stat_result(found)).since.year == 9999


def test_a_link_in_the_place_of_a_command(box: Box, tmp_path: Path) -> None:
    """Nothing is made where it leads to, and the way out is told."""
    (box.root / "control" / "PAUSE").symlink_to(tmp_path / "elsewhere")
    assert "control/PAUSE" in say(box, "status")
    job = "20260102T030405Z-0123456789ab"
    (box.root / "control" / f"cancel-{job}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        leave_command(box.root, Command(Verb.CANCEL, job))
    assert not (tmp_path / "elsewhere").exists()
