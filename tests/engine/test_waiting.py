"""It keeps going: whatever refuses to work is waited for, shown, and tried again by itself."""

import json
from typing import Any

import pytest

from batchbox.engine.mailbox import StopAsked
from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.api.wire import recording
from tests.engine.conftest import Start
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine

ONE = request("a")
HOUR = 3600.0


def count_posts(sandbox: Sandbox) -> int:
    return sum(1 for call in sandbox.calls() if call["operation"] == "create")


def read_health(engine: Engine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((engine.root / "state" / "health.json").read_bytes())
    return found


@pytest.mark.parametrize(
    "details",
    [
        {"status": 401},
        {"status": 402},
        {"status": 403},
        {"status": 429, "error_code": "enforced_spend_limit_reached"},
        {"status": 400, "message": "You have reached your specified workspace API usage limits."},
        {"status": 400, "error_code": "organization_on_hold"},
    ],
)
def test_account(engine: Engine, sandbox: Sandbox, details: dict[str, Any]) -> None:
    """Key, billing and limits stop all sending, are shown, are probed, and never cost a file."""
    sandbox.order("create", "refuse", times=8, **details)
    for name in "abc":
        engine.drop(f"{name}.jsonl", ONE)
    engine.run_until(lambda: count_posts(sandbox) == 7)
    engine.run_turns(1)
    shown = read_health(engine)["sending"]
    assert str(details["status"]) in shown["problem"]
    assert shown["fix"]
    assert engine.states() == ["ready"] * 3
    engine.run_to_end()
    assert count_posts(sandbox) == 8 + 3
    check_promises(engine, sandbox)


@pytest.mark.parametrize(("asked", "waited"), [(500, 500), (10 * HOUR, HOUR), (None, 1)])
def test_retry_after(engine: Engine, sandbox: Sandbox, asked: float | None, waited: float) -> None:
    """The wait that the API asks for is kept, up to an hour, by all jobs."""
    sandbox.order("create", "refuse", status=429, retry_after=asked)
    engine.drop("a.jsonl", ONE)
    engine.run_until(lambda: count_posts(sandbox) == 1)
    since = engine.clock.seconds
    engine.drop("b.jsonl", ONE)
    engine.run_until(lambda: count_posts(sandbox) == 2)
    assert waited <= engine.clock.seconds - since < waited + 60
    engine.run_to_end()
    check_promises(engine, sandbox)


@pytest.mark.parametrize(
    ("fault", "details"),
    [
        ("refuse", {"status": 503}),
        ("refuse", {"status": 529}),
        ("html", {"status": 502}),
        ("drop_before", {}),
    ],
)
def test_outage(engine: Engine, sandbox: Sandbox, fault: str, details: dict[str, Any]) -> None:
    """An outage of hours costs a few probes and no file; a part is sent at most once while it lasts."""
    sandbox.order("any", fault, times=10**6, **details)
    for name in "abc":
        engine.drop(f"{name}.jsonl", ONE)
    engine.run_for(2 * HOUR)
    assert count_posts(sandbox) <= 3
    assert len(sandbox.calls()) < 2 * HOUR / 30
    sandbox.clear()
    engine.run_to_end()
    assert len(sandbox.batches()) == 3
    check_promises(engine, sandbox)


def test_nobody_listens(start: Start) -> None:
    """No network: nothing is in doubt, and the work begins by itself when there is one."""
    with recording() as closed:
        url = closed.url
    engine = start(on=Sandbox(url))
    engine.drop("a.jsonl", ONE)
    engine.run_for(2 * HOUR)
    assert engine.states() == ["ready"]
    with running(SandboxSettings(work_seconds=0.0, port=int(url.rpartition(":")[2]))) as sandbox:
        engine.run_to_end()
        check_promises(engine, sandbox)


def test_outage_while_running(start: Start, slow: Sandbox) -> None:
    """Batches that run through an outage are collected after it."""
    engine = start(on=slow)
    engine.drop("a.jsonl", ONE)
    engine.run_until(engine.is_in("submitted"))
    slow.order("any", "refuse", times=10**6, status=500)
    slow.end()
    calls = len(slow.calls())
    engine.run_for(HOUR)
    assert 10 < len(slow.calls()) - calls < HOUR / 30
    assert read_health(engine)["asking"]["problem"]
    slow.clear()
    engine.run_to_end()
    check_promises(engine, slow)


def test_pause(start: Start, slow: Sandbox) -> None:
    """PAUSE sends and takes nothing, but brings home what is out."""
    engine = start(on=slow)
    engine.drop("out.jsonl", ONE)
    engine.run_until(engine.is_in("submitted"))
    slow.order("create", "refuse", status=429, retry_after=600)
    engine.drop("ready.jsonl", ONE)
    engine.run_until(lambda: sorted(engine.states()) == ["ready", "submitted"])
    (engine.root / "control" / "PAUSE").touch()
    engine.run_for(120)
    engine.drop("waits.jsonl", ONE)
    slow.end()
    engine.run_for(HOUR)
    assert engine.receipt("out")["status"] == "succeeded"
    assert engine.states() == ["ready"]
    assert (engine.root / "inbox" / "waits.jsonl").exists()
    assert read_health(engine)["flags"] == ["PAUSE"]
    (engine.root / "control" / "PAUSE").unlink()
    engine.run_until(lambda: len(slow.batches()) == 3)
    slow.end()
    engine.run_to_end()
    check_promises(engine, slow)


def test_drain(engine: Engine, sandbox: Sandbox) -> None:
    """DRAIN takes nothing more, and brings to its end what was taken."""
    sandbox.order("create", "refuse", status=429, retry_after=600)
    engine.drop("a.jsonl", ONE)
    engine.run_until(lambda: count_posts(sandbox) == 1)
    (engine.root / "control" / "DRAIN").touch()
    engine.run_for(120)
    engine.drop("b.jsonl", ONE)
    engine.run_for(HOUR)
    assert engine.receipt("a")["status"] == "succeeded"
    assert (engine.root / "inbox" / "b.jsonl").exists()
    (engine.root / "control" / "DRAIN").unlink()
    engine.run_to_end()
    check_promises(engine, sandbox)


def test_max_jobs(start: Start, slow: Sandbox) -> None:
    """More files than may be under way wait in the inbox, and say so."""
    engine = start(on=slow, max_jobs=2)
    for name in "abc":
        engine.drop(f"{name}.jsonl", ONE)
    engine.run_until(lambda: engine.states() == ["submitted"] * 2)
    engine.run_for(120)
    assert len(engine.manifests()) == 2
    assert "max_jobs" in read_health(engine)["waiting"][0]["problem"]
    slow.end()
    engine.run_until(lambda: len(slow.batches()) == 3)
    slow.end()
    engine.run_to_end()
    check_promises(engine, slow)


def test_marker_is_gone(start: Start, slow: Sandbox) -> None:
    """A spool that is not there is left alone: nothing published, nothing sent; back, it goes on."""
    engine = start(on=slow)
    engine.drop("a.jsonl", ONE)
    engine.run_until(engine.is_in("submitted"))
    marker = engine.root / ".batchbox"
    marker.rename(engine.root / "elsewhere")
    slow.end()
    engine.drop("b.jsonl", ONE)
    engine.run_for(HOUR)
    assert list((engine.root / "outbox").iterdir()) == []
    assert count_posts(slow) == 1
    (engine.root / "elsewhere").rename(marker)
    engine.run_until(lambda: count_posts(slow) == 2)
    slow.end()
    engine.run_to_end()
    check_promises(engine, slow)


def test_marker_is_another(engine: Engine, sandbox: Sandbox) -> None:
    """A spool in the place of ours is not ours, even if it says so."""
    marker = engine.root / ".batchbox"
    copy = marker.read_bytes()
    marker.rename(engine.root / "elsewhere")
    marker.write_bytes(copy)
    engine.drop("a.jsonl", ONE)
    engine.run_for(HOUR)
    assert (engine.root / "inbox" / "a.jsonl").exists()
    assert sandbox.calls() == []


def test_stop(start: Start, slow: Sandbox) -> None:
    """Asked to stop, it returns; what is out is found again by the next start."""
    engine = start(on=slow)
    engine.drop("a.jsonl", ONE)
    engine.run_until(engine.is_in("submitted"))
    engine.mailbox.put(StopAsked())
    engine.loop.run()
    assert engine.states() == ["submitted"]
    engine.crash_and_restart()
    slow.end()
    engine.run_to_end()
    assert count_posts(slow) == 1
    check_promises(engine, slow)


def test_in_threads(start: Start, sandbox: Sandbox) -> None:
    """With steps that really run beside each other: one create is stuck, and all else goes on."""
    engine = start(threads=True, max_part_requests=2, answer_seconds=1.0)
    sandbox.order("create", "late", seconds=0.5, skip=2)
    for name in "abcd":
        engine.drop(f"{name}.jsonl", b"".join(request(f"{name}{n}") for n in range(5)))
    engine.run_to_end()
    assert len(sandbox.batches()) == 12
    check_promises(engine, sandbox)
