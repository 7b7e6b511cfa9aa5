"""SIGKILL at any moment of a run of several files, then a restart."""

import random

import pytest

from batchbox.sandbox.remote import Sandbox
from tests.support.daemon import Box, Daemon, request, wait_for

FILES = {f"job-{n}": [f"{n}-{line}" for line in range(2 * n + 1)] for n in range(4)}
KILLS = 12
SMALL_PARTS = {"BATCHBOX_MAX_PART_REQUESTS": "3"}


def drop_all(box: Box) -> None:
    for stem, ids in FILES.items():
        box.drop(f"{stem}.jsonl", b"".join(request(custom_id) for custom_id in ids))
    box.drop("wrong.jsonl", b"not a request\n")


def check_all(box: Box, sandbox: Sandbox) -> None:
    """Check the promises: a receipt a file, rows in order, nothing accepted twice, nothing left."""
    for stem, ids in FILES.items():
        receipt = box.await_receipt(stem)
        assert receipt["status"] == "succeeded", receipt
        assert [row["custom_id"] for row in box.rows(stem)] == ids
    assert box.await_receipt("wrong")["status"] == "rejected"
    accepted = [custom_id for batch in sandbox.batches() for custom_id in batch["custom_ids"]]
    assert len(accepted) == len(set(accepted)), "a request was accepted twice"
    bases = sorted(custom_id.rpartition("-")[0] for custom_id in accepted)
    assert bases == sorted(custom_id for ids in FILES.values() for custom_id in ids)
    wait_for(lambda: not list((box.root / "work").iterdir()), "an empty work folder")


def await_events(box: Box, daemon: Daemon, number: int) -> None:
    """Wait until the daemon has logged *number* more events, or has nothing left to do."""

    def lines() -> int:
        return daemon.log.read_bytes().count(b"\n")

    enough = lines() + number
    work = box.root / "work"
    wait_for(lambda: lines() >= enough or (lines() > 0 and not list(work.iterdir())), "some events")


@pytest.mark.parametrize("seed", range(10))
def test_kill_at_any_moment(box: Box, sandbox: Sandbox, seed: int) -> None:
    """Killed again and again, it ends with every receipt and pays for every request once."""
    moments = random.Random(seed)
    drop_all(box)
    for _ in range(KILLS):
        daemon = box.start(**SMALL_PARTS)
        await_events(box, daemon, moments.randrange(1, 14))
        daemon.kill()
    with box.running(**SMALL_PARTS):
        check_all(box, sandbox)


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "late"])
def test_kill_while_the_answer_is_awaited(box: Box, sandbox: Sandbox, fault: str) -> None:
    """Killed with a submission in doubt, it finds its batch, or sends once more if there is none."""
    details = {"seconds": 5} if fault == "late" else {}
    sandbox.order("create", fault, times=2, **details)
    drop_all(box)
    daemon = box.start(**SMALL_PARTS)
    wait_for(lambda: [call for call in sandbox.calls() if call["method"] == "POST"], "a submission")
    daemon.kill()
    with box.running(**SMALL_PARTS):
        check_all(box, sandbox)
