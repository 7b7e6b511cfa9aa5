"""Fair between queues: one flood does not starve the others, from the inbox to the outbox."""

from batchbox.engine.admission import JUDGED_AT_ONCE
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start, health
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine

ONE = request("a")
HOUR = 3600.0


def flood(engine: Engine, queue: str, number: int, content: bytes = ONE) -> None:
    for one in range(number):
        engine.drop(f"f{one:04}.jsonl", content, queue)


def jobs_of(engine: Engine, queue: str) -> int:
    return engine.loop.memory.queues[queue]


def test_a_flood_leaves_places_to_others(start: Start, slow: Sandbox) -> None:
    """While jobs last a day, a flood takes four fifths of the places, and who comes next finds some."""
    engine = start(on=slow, max_jobs=10, poll_seconds=600, queue={"flood": {}, "other": {}})
    flood(engine, "flood", 12)
    engine.run_for(130)
    assert jobs_of(engine, "flood") == 8
    assert "its share of max_jobs" in health(engine)["waiting"][0]["problem"]
    engine.drop("a.jsonl", ONE, "other")
    engine.run_until(lambda: jobs_of(engine, "other") == 1)
    assert jobs_of(engine, "flood") == 8
    while not engine.is_done():
        slow.end()
        engine.run_for(610)
    check_promises(engine, slow)


def test_one_queue_alone_has_all_places(start: Start, slow: Sandbox) -> None:
    """Nothing is kept free for nobody."""
    engine = start(on=slow, max_jobs=5, poll_seconds=600)
    flood(engine, "", 8)
    engine.run_for(130)
    assert jobs_of(engine, "default") == 5


def test_two_floods_get_the_same(start: Start, slow: Sandbox) -> None:
    """What becomes free one by one goes to each in turn, scan after scan."""
    engine = start(on=slow, max_jobs=4, poll_seconds=100)
    flood(engine, "x", 9)
    flood(engine, "y", 9)
    while min(jobs_of(engine, "x"), jobs_of(engine, "y")) == 0:
        engine.run_for(61)
    for _ in range(4):
        slow.end()
        engine.run_for(121)
    done = [len(list((engine.root / "outbox" / queue).glob("*.receipt.json"))) for queue in "xy"]
    assert sum(done) >= 8
    assert abs(done[0] - done[1]) <= 2


def test_files_that_cannot_be_taken_hide_no_other_queue(start: Start) -> None:
    """A thousand unfinished files of one queue are gone through beside the others, not before them."""
    engine = start(quiet_seconds=0.0)
    flood(engine, "bad", 2 * JUDGED_AT_ONCE, ONE.rstrip())
    engine.drop("good.jsonl", ONE, "other")
    engine.run_turns(2)
    assert jobs_of(engine, "other") == 1


def test_urgent_files_are_taken_and_answered_first(start: Start, sandbox: Sandbox) -> None:
    """A file that may be urgent does not wait for those that came before it, in any queue."""
    engine = start(transfers=1, queue={"fast": {"max_priority": "urgent"}})
    flood(engine, "flood", 12)
    engine.drop("b.low.jsonl", ONE, "fast")
    engine.drop("a.urgent.jsonl", ONE, "fast")
    engine.run_until(engine.path("a.urgent", "receipt.json", "fast").exists)
    receipts = list((engine.root / "outbox").glob("*/*.receipt.json"))
    assert len(receipts) <= 4
    engine.run_to_end()
    order = sorted(
        (receipt.stat().st_mtime_ns, receipt.name)
        for receipt in (engine.root / "outbox").glob("*/*.receipt.json")
    )
    assert order[-1][1] == "b.low.receipt.json"
    check_promises(engine, sandbox)


def test_a_flood_at_work_lets_others_pass(start: Start, sandbox: Sandbox) -> None:
    """What comes while a flood is checked, sent, fetched and published is answered among its first."""
    engine = start(transfers=1)
    flood(engine, "flood", 16)
    engine.run_until(lambda: jobs_of(engine, "flood") >= 10)
    engine.drop("a.jsonl", ONE, "other")
    engine.run_until(engine.path("a", "receipt.json", "other").exists)
    assert len(list((engine.root / "outbox" / "flood").glob("*.receipt.json"))) < 12
    engine.run_to_end()
    check_promises(engine, sandbox)
