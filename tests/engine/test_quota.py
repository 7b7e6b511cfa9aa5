"""The quota: no more requests at the API than there is room for, set or learnt; and nobody starves of it."""

from collections.abc import Iterator

import pytest

from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.engine.conftest import Log, Start, health, told
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine

HOUR = 3600.0
TWO = request("a") + request("b")


@pytest.fixture
def narrow() -> Iterator[Sandbox]:
    """Give a stand-in with room for four requests, whose batches end only when they are told to."""
    with running(SandboxSettings(work_seconds=1e6, cancel_seconds=0.0, queue_limit=4)) as found:
        yield found


def count_posts(sandbox: Sandbox) -> int:
    return sum(1 for call in sandbox.calls() if call["operation"] == "create")


def count_there(engine: Engine) -> int:
    return sum(part.requests for part in engine.parts() if part.state.value == "submitted")


def bring_home(engine: Engine, sandbox: Sandbox) -> None:
    """End all batches, again and again, until nothing is left to do."""
    while not engine.is_done():
        sandbox.end()
        engine.run_for(310)


def drop_in_order(engine: Engine, files: dict[str, bytes]) -> None:
    """Drop files of which each is older than the next, by the time at which they are taken."""
    for name, content in files.items():
        engine.drop(f"{name}.jsonl", content)
        engine.run_for(2)


def test_no_more_is_sent_than_is_set(start: Start, slow: Sandbox, log: Log) -> None:
    """What has no room waits, is shown with the figures, and goes out when some of it was answered."""
    engine = start(on=slow, poll_seconds=300, max_queued_requests=5)
    for name in "abcd":
        engine.drop(f"{name}.jsonl", TWO)
    engine.run_for(HOUR)
    assert sorted(engine.states()) == ["ready", "ready", "submitted", "submitted"]
    assert health(engine)["sending"] is None
    shown = health(engine)["crowded"]
    assert "4 of 5 requests" in shown["problem"]
    assert shown["fix"].startswith("nothing to do")
    assert len(told(log, "sending.crowded")) == 1
    engine.crash_and_restart()
    engine.run_for(HOUR)
    assert count_there(engine) == 4
    slow.end()
    engine.run_until(lambda: len(slow.batches()) == 4)
    engine.run_until(lambda: health(engine)["crowded"] is None)
    bring_home(engine, slow)
    check_promises(engine, slow)


def test_a_file_is_cut_so_that_each_part_fits(start: Start, slow: Sandbox) -> None:
    """A file with more requests than may be there at once goes out piece by piece."""
    engine = start(on=slow, poll_seconds=300, max_queued_requests=4, queue={"calm": {"priority": "low"}})
    engine.drop("a.jsonl", b"".join(request(str(number)) for number in range(10)))
    engine.drop("b.jsonl", b"".join(request(str(number)) for number in range(10)), "calm")
    engine.run_for(120)
    assert count_there(engine) == 4
    by_queue = {job.source.queue: [part.requests for part in job.parts] for job in engine.manifests()}
    assert by_queue == {"default": [4, 4, 2], "calm": [3, 3, 3, 1]}
    bring_home(engine, slow)
    check_promises(engine, slow)


def test_the_room_is_learnt(start: Start, narrow: Sandbox, log: Log) -> None:
    """One refusal is enough: nothing is sent in vain again until there is room."""
    engine = start(on=narrow, poll_seconds=300)
    for name in "abcd":
        engine.drop(f"{name}.jsonl", TWO)
    engine.run_for(HOUR / 2)
    assert count_there(engine) == 4
    assert count_posts(narrow) == 3
    assert "4 of 4 requests" in health(engine)["crowded"]["problem"]
    assert [facts["limit"] for facts in told(log, "quota.learnt")] == [4]
    narrow.end()
    engine.run_until(lambda: count_posts(narrow) == 5)
    bring_home(engine, narrow)
    check_promises(engine, narrow)


def test_what_was_learnt_is_forgotten_after_an_hour(start: Start, narrow: Sandbox) -> None:
    """The account may have been given more room: it is tried again, once an hour."""
    engine = start(on=narrow, poll_seconds=300)
    for name in "abc":
        engine.drop(f"{name}.jsonl", TWO)
    engine.run_for(4.5 * HOUR)
    assert count_there(engine) == 4
    assert 3 + 3 <= count_posts(narrow) <= 3 + 5


def test_a_large_part_gets_its_room(start: Start, narrow: Sandbox) -> None:
    """Small files that keep coming do not fill the room for which a large one waits."""
    engine = start(on=narrow, poll_seconds=300)
    large = TWO + request("c") + request("d")
    drop_in_order(engine, {"small": TWO, "large": large, "x": request("x"), "y": request("y")})
    engine.run_for(HOUR / 4)
    assert count_there(engine) == 2
    narrow.end()
    engine.run_until(lambda: count_there(engine) == 4)
    assert [job.stem for job in engine.manifests() if job.parts[0].batch_id][-1:] == ["large"]
    bring_home(engine, narrow)
    check_promises(engine, narrow)


def test_other_429s_teach_nothing(start: Start, slow: Sandbox) -> None:
    """A limit on money says nothing about room: once it is lifted, all goes out."""
    engine = start(on=slow, poll_seconds=300)
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))
    slow.order("create", "refuse", status=429, error_code="enforced_spend_limit_reached")
    for name in "bcd":
        engine.drop(f"{name}.jsonl", TWO)
    engine.run_until(lambda: count_there(engine) == 8)
    slow.end()
    engine.run_to_end()
    check_promises(engine, slow)
