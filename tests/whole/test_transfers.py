"""While a large file is on its way everything else goes on: scans, polls, orders, other files, a stop."""

import json
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.support.daemon import Box, Daemon, request, wait_for
from tests.support.gate import Gate, gated

COUNT = 900
QUESTION = "x" * 40_000  # more in all than sockets and the gate can hold back
SMALL_ENOUGH = 1 << 16  # lists, creates and results of small files pass the gate
GRACE = {"BATCHBOX_GRACE_SECONDS": "0.2"}


def large(question: str) -> bytes:
    """Return a file of many requests."""
    params = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 8,
        "messages": [{"role": "user", "content": question}],
    }
    lines = (json.dumps({"custom_id": f"q-{number}", "params": params}) for number in range(COUNT))
    return "".join(line + "\n" for line in lines).encode()


def is_under_way(box: Box, doing: str) -> Callable[[], dict[str, Any] | None]:
    """Return what tells how far the large file is, once some of it is through."""

    def fact() -> dict[str, Any] | None:
        jobs = box.status()["jobs"]
        transfers = [job["transfer"] for job in jobs if job["file"] == "large.jsonl" and job["transfer"]]
        return next((one for one in transfers if one["doing"] == doing and one["bytes"]), None)

    return fact


@pytest.fixture
def slow() -> Iterator[Sandbox]:
    """Give a stand-in whose batches run for as long as a test takes, so that there is something to poll."""
    with running(SandboxSettings(work_seconds=600.0)) as found:
        yield found


def check_the_rest_goes_on(
    box: Box, sandbox: Sandbox, daemon: Daemon, gate: Gate, doing: str
) -> dict[str, Any]:
    """Hold the large file back at the gate, and see that nothing else waits; return how it was told."""
    wait_for(gate.held.is_set, "the transfer to be held")
    told = wait_for(is_under_way(box, doing), "status to tell of it")
    before = len(sandbox.calls())
    box.drop("wrong.jsonl", b"nonsense\n")
    assert box.await_receipt("wrong")["status"] == "rejected"
    count = len(daemon.events("job.checked"))
    box.drop("small.jsonl", request("a"))
    wait_for(lambda: len(daemon.events("job.checked")) > count, "the small file to be checked")
    wait_for(lambda: len(sandbox.calls()) >= before + 3, "polls")
    assert box.receipt("large") is None
    assert f"{doing} part-001: " in box.command("status").stdout
    return told


@pytest.mark.parametrize("stops", [False, True], ids=["to-its-end", "stopped-in-the-midst"])
def test_while_a_large_file_goes_up(box: Box, slow: Sandbox, stops: bool) -> None:
    """Others are taken, checked and refused, batches are polled; a stop is served, and pays nothing twice."""
    content = large(QUESTION)
    with (
        gated(slow.url, up=SMALL_ENOUGH) as gate,
        box.running(ANTHROPIC_BASE_URL=gate.url, **GRACE) as daemon,
    ):
        box.drop("first.jsonl", request("z"))
        wait_for(lambda: daemon.events("part.submitted"), "a batch to poll")
        box.drop("large.jsonl", content)
        told = check_the_rest_goes_on(box, slow, daemon, gate, "sending")
        assert 0 < told["bytes"] < told["total"]
        if stops:
            assert daemon.stop(signal.SIGTERM) == 0
        gate.open()
        if not stops:
            wait_for(lambda: len(daemon.events("part.submitted")) == 3, "all to be sent")
    with box.running(ANTHROPIC_BASE_URL=slow.url):
        wait_for(lambda: len(slow.batches()) == 3, "all to be sent")
    assert sorted(batch["count"] for batch in slow.batches()) == [1, 1, COUNT]


@pytest.mark.parametrize("stops", [False, True], ids=["to-its-end", "stopped-in-the-midst"])
def test_while_many_rows_come_down(box: Box, sandbox: Sandbox, stops: bool) -> None:
    """The same while results are fetched; broken off, they are fetched anew and published once."""
    with gated(sandbox.url, down=SMALL_ENOUGH) as gate:
        with box.running(ANTHROPIC_BASE_URL=gate.url, **GRACE) as daemon:
            box.drop("large.jsonl", large("short"))
            check_the_rest_goes_on(box, sandbox, daemon, gate, "fetching")
            if stops:
                assert daemon.stop(signal.SIGTERM) == 0
            gate.open()
            if not stops:
                box.await_receipt("large")
        with box.running(ANTHROPIC_BASE_URL=sandbox.url):
            receipts = [box.await_receipt(name) for name in ("large", "small")]
    assert [receipt["status"] for receipt in receipts] == ["succeeded", "succeeded"]
    assert [row["custom_id"] for row in box.rows("large")] == [f"q-{number}" for number in range(COUNT)]
    assert len(sandbox.batches()) == 2
