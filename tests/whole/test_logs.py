"""The log of the real daemon, as the journal and a person see it."""

import json
import os
import re
import subprocess
from contextlib import suppress

import pytest

from batchbox.telemetry.logs import is_journal
from batchbox_sandbox.remote import Sandbox
from tests.support.daemon import DEADLINE, PROGRAM, Box, request, wait_for

BAD_KEY = {"status": 401, "error_type": "authentication_error", "message": "invalid x-api-key"}


def test_what_needs_a_person_is_an_error_in_the_journal(box: Box) -> None:
    """Where stderr is the journal each line has its syslog level: 3 for what needs a person."""
    log = box.root.with_name("spool.log")
    log.touch()
    stream = f"{log.stat().st_dev}:{log.stat().st_ino}"
    (box.root / "control" / "PAUSE").touch()
    (box.root / "control" / "cancel-nonsense").touch()
    with box.running(JOURNAL_STREAM=stream):
        wait_for(lambda: b"command.refused" in log.read_bytes(), "the refusal")
        wait_for(lambda: b"flag.stands" in log.read_bytes(), "the flag")
    found = [re.fullmatch(r"<(\d)>(\{.*\})", line) for line in log.read_text().splitlines()]
    levels = {json.loads(line[2])["event"]: line[1] for line in found if line}
    assert all(found)
    assert (levels["command.refused"], levels["flag.stands"], levels["daemon.started"]) == ("3", "4", "6")


@pytest.mark.parametrize("stream", ["", "0:0", "nonsense"])
def test_no_level_where_stderr_is_not_the_journal(stream: str) -> None:
    """The variable is inherited: it alone says nothing of where stderr leads now."""
    assert not is_journal({"JOURNAL_STREAM": stream} if stream else {})
    found = os.fstat(2)
    assert is_journal({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})


def test_a_bad_key_is_one_error_that_says_what_to_do(box: Box, sandbox: Sandbox) -> None:
    """However often it is tried: told once as an error, with the fix; what needs nobody is a warning."""
    sandbox.order("create", "refuse", times=2, **BAD_KEY)
    with box.running() as daemon:
        box.drop("q.jsonl", request("a"))
        box.await_receipt("q")
    stopped = daemon.events("sending.stopped")
    assert [one["level"] for one in stopped] == ["error"]
    assert "key" in stopped[0]["fix"]
    assert len(daemon.events("part.postponed")) == 1


def test_one_who_reads_no_more_stops_no_work(box: Box) -> None:
    """A log whose reader hangs costs lines, and nothing else; a stop is heard."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)  # as it is for whoever begins with it
    with subprocess.Popen([*PROGRAM, "run"], env=box.env(), stderr=writer) as daemon:
        box.drop("q.jsonl", request("a"))
        box.await_receipt("q")
        daemon.terminate()
        assert daemon.wait(DEADLINE) == 0
    os.close(reader)
    os.close(writer)


def test_an_outage_of_asking_that_comes_back_is_told_again(box: Box, sandbox: Sandbox) -> None:
    """Its end is told, so that the next one is no repetition."""
    with box.running() as daemon:
        for number in (1, 2):
            box.drop(f"{number}.jsonl", request("a"))
            wait_for(lambda: len(daemon.events("part.submitted")) == number, "the batch")  # noqa: B023
            sandbox.order("list", "refuse", times=1, **BAD_KEY)
            wait_for(lambda: len(daemon.events("api.answered")) == number, "the end")  # noqa: B023
            box.await_receipt(f"{number}")
    assert len(daemon.events("api.unreachable")) == 2
