"""Deadlines: answers that the API deletes soon are told of long before, again and again."""

from batchbox.reports.status_snapshot import StatusSnapshot
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Log, Start, health, told
from tests.support.daemon import request
from tests.support.engine import Engine

TWO = request("a") + request("b")
HOUR = 3600.0
DAY = 24 * HOUR
VERY_SELDOM = {"scan_seconds": HOUR / 2, "poll_seconds": HOUR}


def wait_unfetched(engine: Engine, sandbox: Sandbox, days: float) -> None:
    """Let a batch end, and nobody be able to ask for it."""
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))
    sandbox.end()
    sandbox.order("list", "refuse", times=10**6, status=401)
    engine.clock.advance(days * DAY)


def test_answers_about_to_be_lost(start: Start, slow: Sandbox, log: Log) -> None:
    """From the twentieth day on it is told daily, from the twenty-seventh hourly and louder."""
    conditions: list[StatusSnapshot] = []
    engine = start(on=slow, **VERY_SELDOM)
    engine.ctx.pulse.beat = conditions.append  # type: ignore[method-assign,assignment]
    wait_unfetched(engine, slow, 19.5)
    engine.run_for(2 * HOUR)
    assert told(log, "answers.at_risk") == []
    engine.run_for(3 * DAY)
    assert [event["log_level"] for event in told(log, "answers.at_risk")] == ["error"] * 3
    (job,) = engine.manifests()
    event = told(log, "answers.at_risk")[0]
    assert (event["job"], event["batch"]) == (job.job, job.parts[0].batch_id)
    assert ("a.jsonl" in event["problem"], "batchbox status" in event["fix"]) == (True, True)
    (deadline,) = health(engine)["deadlines"]
    assert (deadline["job"], deadline["urgent"]) == (job.job, False)
    assert conditions[-1].at_risk == 1
    before = len(told(log, "answers.at_risk"))
    engine.clock.advance(5 * DAY)
    engine.run_for(6 * HOUR)
    levels = [event["log_level"] for event in told(log, "answers.at_risk")[before:]]
    assert 5 <= levels.count("critical") <= 7
    assert set(levels[1:]) == {"critical"}
    slow.clear()
    engine.run_to_end()
    engine.run_for(HOUR)
    assert health(engine)["deadlines"] == []
    assert conditions[-1].at_risk == 0


def test_held_answers_about_to_be_lost(start: Start, slow: Sandbox, log: Log) -> None:
    """A job in hold/ is told of too, with the command that lets it go on; a damaged one stops nothing."""
    engine = start(on=slow, **VERY_SELDOM)
    engine.drop("b.jsonl", TWO)
    wait_unfetched(engine, slow, 0)
    engine.run_until(lambda: engine.states() == ["submitted"] * 2)
    for job in engine.manifests():
        engine.ctx.spool.park(job.job, "a person wanted it so", "release it")
    held = {job.source.name: job.job for job in engine.manifests("hold")}
    (engine.root / "hold" / held["b.jsonl"] / "manifest.json").write_bytes(b"damaged")
    engine.clock.advance(21 * DAY)
    engine.run_for(2 * HOUR)
    (event,) = told(log, "answers.at_risk")
    assert event["job"] == held["a.jsonl"]
    assert f"batchbox release {held['a.jsonl']}" in event["fix"]
    assert [one["job"] for one in health(engine)["deadlines"]] == [held["a.jsonl"]]


def test_told_of_while_the_spool_is_away(start: Start, slow: Sandbox, log: Log) -> None:
    """What is in memory is told of all the same; nothing is removed."""
    engine = start(on=slow, **VERY_SELDOM, keep_done_days=1)
    wait_unfetched(engine, slow, 0)
    engine.run_for(HOUR)
    away = engine.root.rename(engine.root.with_name("away"))
    engine.clock.advance(21 * DAY)
    engine.run_for(2 * HOUR)
    assert told(log, "spool.offline")
    assert len(told(log, "answers.at_risk")) == 1
    assert told(log, "upkeep.failed") == []
    away.rename(engine.root)
