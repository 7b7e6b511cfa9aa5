"""`batchbox run` as a process."""

import signal

import pytest

from batchbox_sandbox.remote import Sandbox
from tests.support.daemon import Box, request, wait_for


def test_a_file_becomes_a_batch_and_its_answers_come_back(box: Box, sandbox: Sandbox) -> None:
    """A dropped file ends in ordered results and a receipt, and is in the inbox no more."""
    with box.running():
        dropped = box.drop("q.jsonl", request("b") + request("a"))
        receipt = box.await_receipt("q")
    assert receipt["status"] == "succeeded"
    assert [row["custom_id"] for row in box.rows("q")] == ["b", "a"]
    assert not dropped.exists()
    assert len(sandbox.batches()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_clean(box: Box, sandbox: Sandbox, number: int) -> None:
    """Asked to stop with a batch running, it exits with 0 at once; the next start brings the answers."""
    with box.running() as daemon:
        wait_for(lambda: daemon.events("daemon.started"), "the start")
        box.drop("q.jsonl", request("a"))
        wait_for(lambda: daemon.events("part.submitted"), "the submission")
        assert daemon.stop(number) == 0
        assert daemon.events("daemon.stopped")
    with box.running():
        assert box.await_receipt("q")["status"] == "succeeded"
    assert len(sandbox.batches()) == 1


def test_a_second_daemon_is_refused(box: Box) -> None:
    """One spool has one daemon: the second says so and exits with 3, the first goes on."""
    with box.running() as daemon:
        wait_for(lambda: daemon.events("daemon.started"), "the start")
        second = box.command("run")
        assert second.returncode == 3
        assert "another batchbox is running" in second.stderr
        assert "Traceback" not in second.stderr
        box.drop("q.jsonl", request("a"))
        box.await_receipt("q")


def test_until_idle_works_off_what_is_there(box: Box, sandbox: Sandbox) -> None:
    """For cron: it takes, sends, waits, publishes, and exits with 0 by itself."""
    box.drop("one.jsonl", request("a"))
    box.drop("two.jsonl", request("b"), queue="nightly")
    done = box.command("run", "--until-idle")
    assert done.returncode == 0, done.stderr
    assert box.receipt("one")
    assert box.receipt("two", queue="nightly")
    assert len(sandbox.batches()) == 2


def test_until_idle_leaves_what_is_not_complete(box: Box) -> None:
    """A file that lacks its last newline does not keep it waiting, and stays where it is."""
    path = box.drop("half.jsonl", request("a").rstrip(b"\n"))
    done = box.command("run", "--until-idle")
    assert done.returncode == 0, done.stderr
    assert path.exists()
    assert "does not end in a newline" in done.stderr


def test_a_producer_that_writes_in_place_is_waited_for(box: Box) -> None:
    """A file that is open for writing is left alone until its writer closes it."""
    path = box.root / "inbox" / "slow.jsonl"
    with box.running():
        with path.open("wb") as file:
            file.write(request("a"))
            file.flush()
            found = wait_for(lambda: box.waiting("slow.jsonl"), "the reason why it waits")
            assert "open for writing" in found["problem"]
            file.write(request("b"))
        assert box.await_receipt("slow")["requests"] == 2


def test_the_parts_of_a_file_are_merged_in_order(box: Box, sandbox: Sandbox) -> None:
    """A file over the limits goes out in several batches and comes back as one file."""
    ids = [f"id-{n}" for n in range(25)]
    with box.running(BATCHBOX_MAX_PART_REQUESTS="10"):
        box.drop("big.jsonl", b"".join(map(request, ids)))
        box.await_receipt("big")
    assert [row["custom_id"] for row in box.rows("big")] == ids
    assert sorted(batch["count"] for batch in sandbox.batches()) == [5, 10, 10]


def test_a_name_used_twice_is_numbered(box: Box) -> None:
    """The second file of a name gets ~2 and overwrites nothing."""
    with box.running():
        box.drop("q.jsonl", request("first"))
        box.await_receipt("q")
        box.drop("q.jsonl", request("second"))
        box.await_receipt("q~2")
    assert box.rows("q")[0]["custom_id"] == "first"
    assert box.rows("q~2")[0]["custom_id"] == "second"


def test_only_what_the_api_knows_is_sent(box: Box, sandbox: Sandbox) -> None:
    """The key goes out with every call, and nothing of ours lies in the spool that holds it."""
    with box.running(ANTHROPIC_API_KEY="canary-5f2c"):
        box.drop("q.jsonl", request("a"))
        box.await_receipt("q")
        log = box.root.with_name("spool.log").read_bytes()
    assert all(call["key"] for call in sandbox.calls())
    assert b"canary-5f2c" not in log
    files = [path for path in box.root.rglob("*") if path.is_file()]
    assert not [path for path in files if b"canary-5f2c" in path.read_bytes()]
