"""`cancel`, `release`, `adopt` and `resubmit` as a person types them, while the daemon runs and while not."""

import re
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from batchbox.readmodel.survey import survey
from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.support.daemon import Box, Daemon, request, wait_for

TWO = request("a") + request("b")
UP = "  batchbox is running: it is done within moments\n"
DOWN = "batchbox is not running; it is done once it is"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Give a stand-in whose batches end when they are told to."""
    with running(SandboxSettings(work_seconds=3600, cancel_seconds=0.2)) as found:
        yield found


def be_held(box: Box, sandbox: Sandbox, daemon: Daemon, name: str = "held.jsonl") -> str:
    """Bring a file into hold/: its answer was lost, and what may be its batch deleted; return the job."""
    before = len(daemon.events("job.held"))
    known = {batch["id"] for batch in sandbox.batches()}
    sandbox.order("create", "drop_after")
    box.drop(name, TWO)
    wait_for(lambda: is_in(box, "candidates"), "the suspicion")
    (fresh,) = [batch["id"] for batch in sandbox.batches() if batch["id"] not in known]
    sandbox.delete(fresh)
    wait_for(lambda: len(daemon.events("job.held")) > before, "the hold")
    return str(daemon.events("job.held")[-1]["job"])


def is_in(box: Box, state: str) -> bool:
    return any(part.state == state for job in survey(box.root).jobs for part in job.parts)


def be_sent(box: Box, sandbox: Sandbox, name: str) -> None:
    before = len(sandbox.batches())
    box.drop(name, TWO)
    wait_for(lambda: len(sandbox.batches()) > before, f"the batch of {name}")
    wait_for(lambda: is_in(box, "submitted"), "its id")


def say(box: Box, *words: str) -> str:
    """Return what a command says that does what it should."""
    done = box.command(*words, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def refuse(box: Box, code: int, *words: str) -> str:
    """Return what a command says that is refused: a sentence, and what to do."""
    before = set((box.root / "control").iterdir())
    done = box.command(*words, COLUMNS="80")
    assert done.returncode == code, done.stdout + done.stderr
    assert not done.stdout
    assert "Traceback" not in done.stderr
    assert set((box.root / "control").iterdir()) == before, "it left a command all the same"
    return done.stderr


def check_row_types(box: Box, stem: str, status: str, outcome: str) -> None:
    assert box.await_receipt(stem)["status"] == status
    assert [(row["custom_id"], row["result"]["type"]) for row in box.rows(stem)] == [
        ("a", outcome),
        ("b", outcome),
    ]
    wait_for(lambda: not list((box.root / "control").iterdir()), "an empty control folder")


def test_cancel_by_name_id_and_beginning(box: Box, sandbox: Sandbox) -> None:
    """Each way to name a file ends that file and no other; the API is told."""
    with box.running():
        for name in ("name.jsonl", "id.jsonl", "beginning.jsonl", "stays.jsonl"):
            be_sent(box, sandbox, name)
        jobs = {job["file"]: str(job["job"]) for job in box.status()["jobs"]}
        assert say(box, "cancel", "name.jsonl") == f"name.jsonl is to be canceled\n{UP}"
        say(box, "cancel", jobs["id.jsonl"])
        say(box, "cancel", jobs["beginning.jsonl"][:-2])
        for stem in ("name", "id", "beginning"):
            check_row_types(box, stem, "canceled", "canceled")
        assert [job["file"] for job in box.status()["jobs"]] == ["stays.jsonl"]
        refused = refuse(box, 2, "cancel", "name.jsonl")
        assert "name.jsonl has its receipt already" in refused
        sandbox.end()
        check_row_types(box, "stays", "succeeded", "succeeded")
    assert "canceled" in say(box, "show", "name.jsonl")


def test_shown_while_it_is_canceled(box: Box, sandbox: Sandbox) -> None:
    """Until the API has ended the batch, `status` says that the file is being canceled."""
    sandbox.order("cancel", "refuse", times=10**6, status=500)
    with box.running():
        be_sent(box, sandbox, "q.jsonl")
        say(box, "cancel", "q.jsonl")
        wait_for(lambda: "being canceled" in box.status()["jobs"][0]["state"], "the state")
        assert "being canceled: waiting for its batch" in re.sub(r"\s+", " ", say(box, "status"))
        assert "in work/" in say(box, "show", "q.jsonl")
        say(box, "cancel", "q")  # once more does no harm
        sandbox.clear()
        check_row_types(box, "q", "canceled", "canceled")
    assert len(sandbox.batches()) == 1


def test_what_is_refused_of_a_held_file(box: Box, sandbox: Sandbox) -> None:
    """What cannot be meant is refused with 2, changes nothing, and says what could be."""
    with box.running() as daemon:
        job = be_held(box, sandbox, daemon)
        told = say(box, "status")
        for word in (f"hold/{job}", "adopt", "resubmit", "release", "cancel", "deleted or archived"):
            assert word in told
        assert all(len(line) <= 80 for line in told.splitlines() if str(box.root) not in line)
        assert "in hold/" in say(box, "show", "held.jsonl")
        assert "--pay-again" in refuse(box, 2, "resubmit", "held.jsonl")
        assert "no batch id" in refuse(box, 2, "adopt", "held.jsonl", "../x")
        assert "Missing argument" in refuse(box, 2, "adopt", "held.jsonl")
        be_sent(box, sandbox, "run.jsonl")
        for words in (["release"], ["adopt"], ["resubmit", "--pay-again"]):
            batch = ["msgbatch_x"] if words == ["adopt"] else []
            refused = refuse(box, 2, *words, "run.jsonl", *batch)
            assert "run.jsonl is under way" in refused
        assert [one["job"] for one in box.status()["held"]] == [job]
    assert len(sandbox.batches()) == 2


def test_nothing_to_name(box: Box, tmp_path: Path) -> None:
    """No such job, no spool, a folder that is none: a sentence and the exit code of the README."""
    for verb, more in (("cancel", ()), ("release", ()), ("adopt", ("msgbatch_x",)), ("resubmit", ())):
        assert 'no job is called "nope"' in refuse(box, 2, verb, "nope", *more)
    assert "is not a spool" in refuse(box, 3, "cancel", "x", "--spool", str(tmp_path))
    done = box.command("release", "x", BATCHBOX_SPOOL="")
    assert done.returncode in (2, 3), done.stderr
    assert "what to do" in done.stderr


def test_a_name_that_means_two(box: Box, sandbox: Sandbox) -> None:
    """A name or a beginning of several files is refused with their ids; an id of them is not."""
    with box.running():
        be_sent(box, sandbox, "q.jsonl")
        be_sent(box, sandbox, "q.jsonl")
        jobs = [str(job["job"]) for job in box.status()["jobs"]]
        refused = refuse(box, 2, "cancel", "q.jsonl")
        assert all(job in refused for job in jobs)
        assert "no job is called" in refuse(box, 2, "cancel", "20")
        say(box, "cancel", jobs[0])
        wait_for(lambda: [one["job"] for one in box.status()["jobs"]] == jobs[1:], "the other alone")


def test_an_empty_name_means_no_job(box: Box, sandbox: Sandbox) -> None:
    """A variable that was never set must not cancel the only file there is."""
    with box.running():
        be_sent(box, sandbox, "q.jsonl")
        refuse(box, 2, "cancel", "")


@pytest.mark.parametrize(
    ("verb", "is_up"), [("cancel", True), ("cancel", False), ("release", False), ("resubmit", True)]
)
def test_a_held_file_is_decided(box: Box, sandbox: Sandbox, verb: str, is_up: bool) -> None:
    """What a person decides is done at once, or, where the daemon is down, at its next start."""
    with box.running() as daemon:
        be_held(box, sandbox, daemon)
        if not is_up:
            daemon.kill()
        said = say(box, verb, "held.jsonl", *(["--pay-again"] if verb == "resubmit" else []))
        assert (DOWN in said) is not is_up
        if not is_up:
            assert "held.jsonl" in say(box, "status")
        with nullcontext() if is_up else box.running():
            if verb != "cancel":
                wait_for(lambda: len(sandbox.batches()) == 2, "the second batch")
                sandbox.end()
            answer = "canceled" if verb == "cancel" else "succeeded"
            check_row_types(box, "held", answer, answer)
    assert not list((box.root / "hold").iterdir())


def test_adopt(box: Box, sandbox: Sandbox) -> None:
    """A batch that is not ours is not believed, however often; the file is held again and says so."""
    stranger = sandbox.stranger(2)
    with box.running() as daemon:
        be_held(box, sandbox, daemon)
        assert say(box, "adopt", "held.jsonl", stranger) == f"held.jsonl is to adopt {stranger}\n{UP}"
        wait_for(lambda: is_in(box, "candidates"), "the adoption")
        assert "waits until a batch that may be it" in re.sub(r"\s+", " ", say(box, "status"))
        assert "in work/" in say(box, "show", "held.jsonl")
        sandbox.end()
        wait_for(lambda: len(daemon.events("job.held")) == 2, "the second hold")
        assert f"{stranger} is not this part" in box.status()["held"][0]["problem"]
        say(box, "cancel", "held.jsonl")
        check_row_types(box, "held", "canceled", "canceled")
    assert len(sandbox.batches()) == 2


def test_no_right_to_ask(box: Box, sandbox: Sandbox) -> None:
    """Where no command can be left, that is told, and nothing is done."""
    with box.running():
        be_sent(box, sandbox, "q.jsonl")
    shutil.rmtree(box.root / "control")
    (box.root / "control").write_bytes(b"")
    done = box.command("cancel", "q.jsonl")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "control" in done.stderr
    assert not done.stdout
