"""Queues: what becomes of a folder that nobody declared."""

import pytest

from batchbox.cli.control.send_command import find_job, strip_place
from batchbox.domain.errors import Stop
from batchbox.readmodel.survey import find_jobs
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.support.engine import prompts


def test_a_folder_that_nobody_declared_is_a_queue(start: Start) -> None:
    """Without a table of its own, it has the usual settings."""
    engine = start(queue={"nightly": {}})
    engine.drop("a.jsonl", prompts("one"), "adhoc")
    engine.run_to_end()
    assert engine.receipt("a", "adhoc")["status"] == "succeeded"


def test_a_folder_that_nobody_declared_is_refused(start: Start, sandbox: Sandbox) -> None:
    """Where that is set, its files come back with a receipt that says why, and nothing is sent."""
    engine = start(undeclared_queues="refuse", queue={"nightly": {}})
    engine.drop("a.jsonl", prompts("one"), "nihgtly")
    engine.run_to_end()
    receipt = engine.receipt("a", "nihgtly")
    assert receipt["status"] == "rejected"
    assert "line" not in receipt["mistakes"][0]
    assert 'no queue "nihgtly"' in receipt["mistakes"][0]["problem"]
    assert 'did you mean "nightly"?' in receipt["mistakes"][0]["fix"]
    assert (engine.root / "rejected" / "nihgtly" / "a.jsonl").read_bytes() == prompts("one")
    assert not sandbox.batches()


@pytest.mark.parametrize("folder", ["New folder", "default", "d\u00e9j\u00e0 vu"])
def test_a_folder_that_cannot_be_a_queue_gives_its_files_back(
    start: Start, sandbox: Sandbox, folder: str
) -> None:
    """Nobody would ever look into it: its files get a receipt in the outbox itself that says why."""
    engine = start()
    engine.drop("a.jsonl", prompts("one"), folder)
    engine.drop("a.jsonl", prompts("two"))
    engine.run_to_end()
    receipt = engine.receipt(f"{folder}%2Fa")
    assert receipt["status"] == "rejected"
    assert f'"{folder}" of the inbox cannot be a queue' in receipt["mistakes"][0]["problem"]
    assert (engine.root / "rejected" / f"{folder}%2Fa.jsonl").read_bytes() == prompts("one")
    assert engine.receipt("a")["status"] == "succeeded"
    assert len(sandbox.batches()) == 1


@pytest.mark.parametrize("queue", ["", "nightly"])
def test_declared_queues_and_the_inbox_itself_are_used(start: Start, queue: str) -> None:
    """Nothing that was declared is refused."""
    engine = start(undeclared_queues="refuse", queue={"nightly": {}})
    engine.drop("a.jsonl", prompts("one"), queue)
    engine.run_to_end()
    assert engine.receipt("a", queue)["status"] == "succeeded"


@pytest.mark.parametrize(
    ("queue", "name", "given", "asked"),
    [
        ("", "a", "normal", None),
        ("", "a.urgent", "normal", "urgent"),
        ("fast", "a", "normal", None),
        ("fast", "a.urgent", "urgent", "urgent"),
        ("fast", "a.low", "low", "low"),
        ("slow", "a", "low", None),
        ("slow", "a.urgent", "low", "urgent"),
        ("first", "a", "urgent", None),
    ],
)
def test_the_receipt_tells_which_priority_a_file_got(
    start: Start, queue: str, name: str, given: str, asked: str | None
) -> None:
    """What its name asks for, as far as its queue allows that; if it got another, a sentence says so."""
    queues = {
        "fast": {"max_priority": "urgent"},
        "slow": {"priority": "low"},
        "first": {"priority": "urgent"},
    }
    engine = start(queue=queues)
    engine.drop(f"{name}.jsonl", prompts("one"), queue)
    engine.run_to_end()
    receipt = engine.receipt(name, queue)
    assert (receipt["priority"], receipt["priority_asked"]) == (given, asked)
    assert (f"went out as {given}" in receipt["message"]) == (asked not in (None, given))


def test_a_name_with_its_queue_means_no_other_file(start: Start, slow: Sandbox) -> None:
    """As status prints it: with several files of a name, a command must not end or release another one's."""
    engine = start(on=slow, queue={"aa": {}, "bb": {}})
    engine.drop("r.jsonl", prompts("one"), "bb")
    engine.drop("r.jsonl", prompts("two"))
    engine.drop("odd.jsonl", prompts("three"), "New folder")
    engine.run_until(lambda: len(slow.batches()) == 2)
    engine.run_until((engine.root / "outbox" / "New folder%2Fodd.receipt.json").exists)
    in_bb, outside = (
        next(job.job for job in engine.manifests() if job.source.queue == queue)
        for queue in ("bb", "default")
    )
    for text, found in (
        ("bb/r.jsonl", [in_bb]),
        ("inbox/bb/r", [in_bb]),
        ("default/r.jsonl", [outside]),
        ("aa/r.jsonl", []),
        (f"hold/{in_bb}", [in_bb]),
    ):
        assert [job.job for _, job in find_jobs(engine.root, strip_place(text))] == found
    assert len(find_jobs(engine.root, "r.jsonl")) == 2
    assert len(find_jobs(engine.root, strip_place("New folder/odd.jsonl"))) == 1
    with pytest.raises(Stop, match=r"aa/r\.jsonl"):
        find_job(engine.root, "aa/r.jsonl", ("work",))
