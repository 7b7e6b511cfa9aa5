"""Money: what would exceed a limit waits for a person, its producer is told, and nothing is counted twice."""

from typing import Any

import pytest

from batchbox.engine import daily_spend
from batchbox.reports.receipt_model import HeldNotice, Receipt
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Log, Start, health, told
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine

HALF = request("a", max_tokens=100_000)  # half a dollar at most; what it does cost is next to nothing
DAY = 86_400.0


def held(engine: Engine) -> str:
    """Return the one job in hold/."""
    (job,) = engine.manifests("hold")
    return job.job


def notice(engine: Engine, stem: str = "a", queue: str = "") -> dict[str, Any]:
    """Return what the producer was told; it has the published shape."""
    found: dict[str, Any] = HeldNotice.model_validate_json(
        engine.path(stem, "held.json", queue).read_bytes()
    ).model_dump(by_alias=True)
    return found


def change(engine: Engine, **settings: Any) -> None:
    """Let other settings hold, as a reload does."""
    engine.ctx.settings = engine.ctx.settings.model_copy(update=settings)


def names(engine: Engine) -> list[str]:
    """Return what lies in the outbox."""
    return sorted(path.name for path in (engine.root / "outbox").iterdir() if path.is_file())


def test_too_dear(start: Start, sandbox: Sandbox, log: Log) -> None:
    """A file that may cost too much is not sent: it waits, and its producer reads why and what to do."""
    engine = start(max_cost_per_file=0.25)
    engine.drop("a.jsonl", HALF)
    engine.drop("b.jsonl", request("b"))
    engine.run_to_end()
    found = notice(engine)
    assert found["reason"].startswith("it may cost up to 0.5001 USD: more than allowed (max_cost_per_file")
    assert held(engine) in found["what_to_do"]
    assert (found["kind"], found["requests"], found["receipt"]) == ("held", 1, "a.receipt.json")
    assert found["exceeded"][0]["limit"] == 0.25
    assert found["estimate"]["output_tokens"] == 100_000
    assert [facts["problem"] for facts in told(log, "job.held")] == [found["reason"]]
    assert (engine.receipt("b")["status"], len(sandbox.batches())) == ("succeeded", 1)
    assert not list((engine.root / "hold").glob("*/held.json"))
    check_promises(engine, sandbox, held=1)


def test_released(start: Start, sandbox: Sandbox) -> None:
    """Once somebody approves of it, it is sent and answered under its own name, and the receipt says so."""
    engine = start(max_cost_per_file=0.25, max_cost_per_day=0.0)
    engine.drop("a.jsonl", HALF)
    engine.run_to_end()
    engine.crash_and_restart()
    engine.ask("release", held(engine))
    engine.run_to_end()
    receipt = engine.receipt("a")
    assert receipt["status"] == "succeeded"
    assert receipt["held"]["reason"] == notice(engine)["reason"]
    assert receipt["held"]["approved_at"]
    assert receipt["held"]["approved_by"]
    assert Receipt.model_validate(receipt).estimate
    engine.run_for(120)
    (spent,) = health(engine)["spent"]
    assert (spent["queue"], spent["max_cost_usd"], spent["requests"]) == (None, 0.0, 1)
    assert spent["cost_usd"] == receipt["cost_usd"] > 0
    assert names(engine) == ["a.held.json", "a.receipt.json", "a.results.jsonl"]
    check_promises(engine, sandbox)


def test_canceled(start: Start, sandbox: Sandbox) -> None:
    """Canceled, it ends in its receipt, unsent."""
    engine = start(max_cost_per_file=0.25)
    engine.drop("a.jsonl", HALF)
    engine.run_to_end()
    engine.ask("cancel", held(engine))
    engine.run_to_end()
    receipt = engine.receipt("a")
    assert (receipt["status"], receipt["cost_usd"], receipt["held"]["approved_at"]) == ("canceled", 0.0, None)
    assert sandbox.batches() == []
    check_promises(engine, sandbox)


def test_retried_before_it_fits_and_after(start: Start, sandbox: Sandbox) -> None:
    """Asked to try, it is held again as long as it does not fit, told once, and sent when it does."""
    engine = start(max_cost_per_file=0.25)
    engine.drop("a.jsonl", HALF)
    engine.run_to_end()
    engine.ask("retry", held(engine))
    engine.run_to_end()
    assert sandbox.batches() == []
    change(engine, max_cost_per_file=1.0)
    engine.ask("retry", held(engine))
    engine.run_to_end()
    assert engine.receipt("a")["held"]["approved_at"] is None
    assert names(engine) == ["a.held.json", "a.receipt.json", "a.results.jsonl"]
    check_promises(engine, sandbox)


@pytest.mark.parametrize("restart", [False, True])
def test_a_day(start: Start, slow: Sandbox, restart: bool) -> None:
    """What is under way counts at its most: the third half dollar does not fit a day's dollar and a bit."""
    engine = start(on=slow, max_cost_per_day=1.1)
    for name in ("a", "b"):
        engine.drop(f"{name}.jsonl", HALF)
    engine.run_until(lambda: engine.states() == ["submitted", "submitted"])
    if restart:
        engine.crash_and_restart()
    engine.drop("c.jsonl", HALF)
    engine.run_until(engine.path("c", "held.json").exists)
    assert notice(engine, "c")["exceeded"][0]["spent"] == pytest.approx(1.0001, abs=1e-4)
    slow.end()
    engine.run_until(lambda: not engine.states())
    engine.ask("retry", held(engine))  # by now it is known that they cost next to nothing
    engine.run_until(engine.is_in("submitted"))
    slow.end()
    engine.run_to_end()
    assert engine.receipt("c")["status"] == "succeeded"
    check_promises(engine, slow)


def test_one_at_a_time(start: Start, slow: Sandbox) -> None:
    """Files that wait together are not let through for the same money, and the rest of the day is used."""
    engine = start(on=slow, threads=True, max_cost_per_day=1.1)
    for number in range(5):
        engine.drop(f"{number}.jsonl", HALF)
    engine.run_until(lambda: len(engine.manifests("hold")) == 3)
    assert sorted(engine.states()) == ["submitted", "submitted"]
    assert len(slow.batches()) == 2


@pytest.mark.parametrize("at_once", [1, 50])
def test_the_count_survives_a_restart(
    start: Start, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """What was finished today counts after a restart as well, and what was finished yesterday does not."""
    monkeypatch.setattr(daily_spend, "READ_AT_ONCE", at_once)
    finished = 3
    engine = start(max_requests_per_day=finished)
    for number in range(finished):
        engine.drop(f"{number}.jsonl", request("a"))
    engine.run_to_end()
    engine.crash_and_restart()
    engine.drop("more.jsonl", request("a"))
    engine.run_to_end()
    assert notice(engine, "more")["exceeded"][0]["spent"] == finished
    engine.clock.advance(DAY)
    engine.crash_and_restart()
    engine.ask("retry", held(engine))
    engine.run_to_end()
    assert engine.receipt("more")["status"] == "succeeded"
    check_promises(engine, sandbox)


def test_midnight(start: Start, sandbox: Sandbox) -> None:
    """A new day begins with nothing spent, without a restart."""
    engine = start(max_requests_per_day=1)
    engine.drop("a.jsonl", HALF)
    engine.run_to_end()
    engine.clock.advance(DAY)
    engine.drop("b.jsonl", HALF)
    engine.run_to_end()
    assert engine.receipt("b")["status"] == "succeeded"
    engine.clock.set_back(DAY)  # and what was sent since counts for the day that it is again
    engine.drop("c.jsonl", HALF)
    engine.run_to_end()
    assert notice(engine, "c")["exceeded"][0]["spent"] == 2
    check_promises(engine, sandbox, held=1)


def test_the_clock_is_set_back_over_a_restart(start: Start, sandbox: Sandbox) -> None:
    """What was finished "tomorrow" counts for today, as it does without the restart."""
    engine = start(max_requests_per_day=1)
    engine.clock.advance(DAY)
    engine.drop("a.jsonl", HALF)
    engine.run_to_end()
    engine.clock.set_back(DAY)
    engine.crash_and_restart()
    engine.drop("b.jsonl", HALF)
    engine.run_to_end()
    assert notice(engine, "b")["exceeded"][0]["spent"] == 1
    check_promises(engine, sandbox, held=1)


def test_queues(start: Start, sandbox: Sandbox) -> None:
    """Each queue has its own limits, besides those over all."""
    queues = {"small": {"max_requests_per_day": 0}, "dear": {"max_cost_per_file": 1.0}}
    engine = start(max_cost_per_file=0.25, queue=queues)
    for queue in ("small", "dear", "other"):
        engine.drop("a.jsonl", request("a") if queue == "small" else HALF, queue)
    engine.run_to_end()
    assert notice(engine, queue="small")["exceeded"][0]["queue"] == "small"
    assert notice(engine, queue="other")["exceeded"][0]["setting"] == "max_cost_per_file"
    assert engine.receipt("a", "dear")["status"] == "succeeded"
    check_promises(engine, sandbox, held=2)


def test_unknown_price(start: Start, sandbox: Sandbox) -> None:
    """A model without a known price waits as soon as there is any limit of cost, and says so."""
    engine = start(max_cost_per_day=1e6)
    engine.drop("a.jsonl", request("a", model="claude-of-tomorrow"))
    engine.run_to_end()
    assert notice(engine)["reason"].startswith("what it may cost is not known")
    assert notice(engine)["estimate"]["cost_usd"] is None
    engine.ask("release", held(engine))
    engine.run_to_end()
    receipt = engine.receipt("a")
    assert receipt["cost"] == "unknown: no price is known for what claude-of-tomorrow used"
    check_promises(engine, sandbox)


def test_limits_are_read_again(start: Start, sandbox: Sandbox) -> None:
    """A limit that is set or lifted while it runs holds for what has not begun."""
    engine = start()
    engine.drop("a.jsonl", HALF)
    engine.run_to_end()
    change(engine, max_requests_per_day=1)
    engine.drop("b.jsonl", HALF)
    engine.run_to_end()
    assert notice(engine, "b")["exceeded"][0]["spent"] == 1
    change(engine, max_requests_per_day=None)
    engine.drop("c.jsonl", HALF)
    engine.run_to_end()
    assert engine.receipt("c")["status"] == "succeeded"
    check_promises(engine, sandbox, held=1)


def test_whoever_looks_after_it_is_told(start: Start) -> None:
    """The figures, and what can be done, stand where held files are shown."""
    engine = start(max_cost_per_file=0.25)
    engine.drop("a.jsonl", HALF)
    engine.run_to_end()
    (reason,) = (engine.root / "hold").glob("*/hold.json")
    assert "0.5001 USD" in reason.read_text()
    assert "batchbox release JOB" in reason.read_text()
    assert health(engine)["jobs"] == {}
