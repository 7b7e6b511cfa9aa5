"""What only a person can decide is put into hold/, is never sent again by itself, and stops nobody."""

import json
import shutil
from pathlib import Path

import pytest

from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start, health
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine

TWO = request("a") + request("b")
HOURS = 3600.0
DAYS = 24 * HOURS


def count_posts(sandbox: Sandbox) -> int:
    return sum(1 for call in sandbox.calls() if call["operation"] == "create")


def find_held(engine: Engine) -> Path:
    (folder,) = (engine.root / "hold").iterdir()
    return folder


def read_reason(engine: Engine) -> dict[str, str]:
    found: dict[str, str] = json.loads((find_held(engine) / "hold.json").read_bytes())
    return found


def move_back(engine: Engine) -> None:
    folder = find_held(engine)
    folder.rename(engine.root / "work" / folder.name)


def bring_into_doubt(engine: Engine, sandbox: Sandbox, fault: str) -> str:
    """Return the id of the one candidate of a part whose answer was lost."""
    sandbox.order("create", fault)
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("in_doubt"))
    if fault == "drop_before":
        sandbox.stranger(2)
    engine.run_until(engine.is_in("candidates"))
    return str(sandbox.batches()[0]["id"])


def test_candidate_is_deleted(start: Start, slow: Sandbox) -> None:
    """A batch that was deleted before it could be told whose it was: nothing is sent, a person decides."""
    engine = start(on=slow)
    batch_id = bring_into_doubt(engine, slow, "drop_after")
    slow.delete(batch_id)
    engine.run_to_end()
    assert batch_id in read_reason(engine)["problem"]
    assert read_reason(engine)["fix"]
    assert engine.states("hold") == ["undecided"]
    engine.run_for(2 * HOURS)
    engine.crash_and_restart()
    engine.run_for(2 * HOURS)
    assert count_posts(slow) == 1
    check_promises(engine, slow, held=1)


def test_deleted_between_the_looks(engine: Engine, sandbox: Sandbox) -> None:
    """What the first look saw and the second no more may have been ours, and was paid: nothing is sent."""
    sandbox.order("create", "drop_after")
    engine.drop("a.jsonl", TWO)
    engine.run_until(lambda: any(doubt.looked_at for doubt in engine.loop.memory.doubts.values()))
    sandbox.delete(sandbox.batches()[0]["id"])
    engine.run_to_end()
    assert engine.states("hold") == ["undecided"]
    assert count_posts(sandbox) == 1
    check_promises(engine, sandbox, held=1)


def test_moved_back(start: Start, slow: Sandbox) -> None:
    """Moved back to work/, the part is looked for anew in full, and goes out if there is nothing."""
    engine = start(on=slow)
    slow.delete(bring_into_doubt(engine, slow, "drop_before"))
    engine.run_until(lambda: engine.states("hold") == ["undecided"])
    move_back(engine)
    engine.run_until(engine.is_in("in_doubt"))
    since = engine.clock.seconds
    engine.run_until(engine.is_in("submitted"))
    assert engine.clock.seconds - since >= 959.9
    slow.end()
    engine.run_to_end()
    assert count_posts(slow) == 2
    check_promises(engine, slow)


def test_one_of_two_candidates_is_deleted(start: Start, slow: Sandbox) -> None:
    """While another candidate may still prove to be ours, nothing is given up."""
    engine = start(on=slow)
    slow.order("create", "drop_after")
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("in_doubt"))
    stranger = slow.stranger(2)
    engine.run_until(engine.is_in("candidates"))
    slow.delete(stranger)
    engine.run_for(2000)
    slow.end()
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "succeeded"
    check_promises(engine, slow)


@pytest.mark.parametrize("crash", [False, True])
def test_undecided_part_among_others(start: Start, slow: Sandbox, crash: bool) -> None:
    """A restart decides nothing that is a person's: an undecided part is not sent again by it."""
    engine = start(on=slow, max_part_requests=2)
    slow.order("create", "drop_after")
    engine.drop("a.jsonl", TWO + request("c"))
    engine.run_until(engine.is_in("candidates"))
    slow.delete(slow.batches()[0]["id"])
    engine.run_until(engine.is_in("undecided"))
    if crash:
        engine.crash_and_restart()
    engine.run_for(2 * HOURS)
    assert engine.states() == ["undecided", "submitted"]
    slow.end()
    engine.run_to_end()
    assert engine.states("hold") == ["undecided", "collected"]
    assert count_posts(slow) == 2
    check_promises(engine, slow, held=1)


def test_killed_on_the_way_to_hold(start: Start, slow: Sandbox) -> None:
    """Killed between the verdict and the move, the job goes to hold/ after the restart, unsent."""
    engine = start(on=slow)
    slow.delete(bring_into_doubt(engine, slow, "drop_after"))
    engine.run_until(engine.is_in("undecided"))
    engine.crash_and_restart()
    engine.run_to_end()
    engine.run_for(2 * HOURS)
    assert engine.states("hold") == ["undecided"]
    assert count_posts(slow) == 1
    check_promises(engine, slow, held=1)


def test_results_are_archived(start: Start, slow: Sandbox) -> None:
    """Results that can no longer be had hold the job; nobody pays for them again by himself."""
    engine = start(on=slow)
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))
    slow.archive(slow.batches()[0]["id"])
    engine.run_to_end()
    assert engine.states("hold") == ["gone"]
    assert "archived" in read_reason(engine)["problem"]
    move_back(engine)
    engine.run_to_end()
    engine.run_until(lambda: engine.states("hold") == ["gone"])
    assert count_posts(slow) == 1
    check_promises(engine, slow, held=1)


@pytest.mark.parametrize("verb", ["cancel", "resubmit"])
@pytest.mark.parametrize("is_found", [False, True])
def test_what_was_given_up_was_paid_for(start: Start, slow: Sandbox, verb: str, is_found: bool) -> None:
    """What it cost nobody will ever know: the receipt says so. For the day it counts, once more if sent."""
    engine = start(on=slow, max_requests_per_day=100)
    if is_found:
        engine.drop("a.jsonl", TWO)
        engine.run_until(engine.is_in("submitted"))
        slow.archive(slow.batches()[0]["id"])
    else:
        slow.delete(bring_into_doubt(engine, slow, "drop_after"))
    engine.run_to_end()
    assert engine.states("hold") == ["gone" if is_found else "undecided"]
    engine.ask(verb, find_held(engine).name)
    if verb == "resubmit":
        engine.run_until(engine.is_in("submitted"))
        slow.end()
    engine.run_to_end()
    receipt = engine.receipt("a")
    assert (receipt["cost_usd"], receipt["unbatched_usd"]) == (None, None)
    assert receipt["cost"].startswith("unknown")
    engine.run_for(120)
    (spent,) = health(engine)["spent"]
    assert spent["requests"] == (4 if verb == "resubmit" else 2)
    assert spent["cost_usd"] > 0


@pytest.mark.parametrize("deleted", [True, False])
def test_29_days(start: Start, slow: Sandbox, deleted: bool) -> None:
    """A batch that nobody shows any more is waited for 29 days, then held."""
    engine = start(on=slow)
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))
    if deleted:
        slow.delete(slow.batches()[0]["id"])
    else:
        slow.order("list", "refuse", times=10**6, status=500)
        slow.order("retrieve", "not_found", times=10**6)
    engine.run_for(2 * HOURS)
    engine.clock.advance(28 * DAYS)
    engine.run_for(2 * HOURS)
    assert engine.states() == ["submitted"]
    engine.clock.advance(1 * DAYS)
    engine.run_for(2 * HOURS)
    assert engine.states("hold") == (["gone"] if deleted else [])
    slow.clear()
    slow.end()
    engine.run_to_end()
    assert count_posts(slow) == 1
    check_promises(engine, slow, held=1 if deleted else 0)


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone", "not json"])
def test_damaged_manifest(start: Start, slow: Sandbox, damage: str) -> None:
    """A manifest that cannot be believed holds its job, is never read as "not sent", and stops nobody."""
    engine = start(on=slow)
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))
    engine.drop("b.jsonl", TWO)
    engine.run_until(lambda: engine.states() == ["submitted"] * 2)
    victim = next(job for job in engine.manifests() if job.source.name == "a.jsonl")
    path = engine.root / "work" / victim.job / "manifest.json"
    data = path.read_bytes()
    spoiled = {"cut": data[:100], "flipped": data.replace(b"submitted", b"ready____"), "not json": b"\0" * 50}
    path.unlink() if damage == "gone" else path.write_bytes(spoiled[damage])
    engine.crash_and_restart()
    slow.end()
    engine.run_to_end()
    assert find_held(engine).name == victim.job
    assert (find_held(engine) / "request.jsonl").read_bytes() == TWO
    assert read_reason(engine)["problem"]
    assert engine.receipt("b")["status"] == "succeeded"
    assert count_posts(slow) == 2


def test_copied_back(start: Start, slow: Sandbox) -> None:
    """A held job that was copied and not moved cannot go back to hold/: it waits, and stops nobody."""
    engine = start(on=slow)
    slow.delete(bring_into_doubt(engine, slow, "drop_after"))
    engine.run_until(lambda: engine.states("hold") == ["undecided"])
    folder = find_held(engine)
    copy = engine.root / "work" / folder.name
    shutil.copytree(folder, copy)
    (copy / "manifest.json").write_bytes(b"damaged")
    engine.drop("b.jsonl", request("c"))
    engine.run_until(lambda: "submitted" in engine.states("*/*/") or slow.batches()[1:])
    slow.end()
    engine.run_until(engine.path("b", "receipt.json").exists)
    assert copy.exists()
    assert count_posts(slow) == 2


def test_body_is_damaged(engine: Engine, sandbox: Sandbox) -> None:
    """What is sent is what was checked: a body that is not, is held and not sent."""
    sandbox.order("create", "refuse", status=429, retry_after=100)
    engine.drop("a.jsonl", TWO)
    engine.run_until(lambda: engine.states() == ["ready"] and sandbox.calls())
    (body,) = (engine.root / "work").glob("*/part-001.body.json")
    body.write_bytes(body.read_bytes().replace(b"question", b"Question"))
    engine.run_to_end()
    assert "part-001" in read_reason(engine)["problem"]
    assert sandbox.batches() == []
    check_promises(engine, sandbox, held=1)


def test_moved_back_without_its_reason(start: Start, slow: Sandbox) -> None:
    """Killed before the reason was written, a job is not taken for one that a person gave back."""
    engine = start(on=slow)
    slow.delete(bring_into_doubt(engine, slow, "drop_after"))
    engine.run_until(lambda: engine.states("hold") == ["undecided"])
    (find_held(engine) / "hold.json").unlink()
    move_back(engine)
    engine.run_for(2 * HOURS)
    assert engine.states("hold") == ["undecided"]
    assert read_reason(engine)["problem"]
    assert count_posts(slow) == 1
    check_promises(engine, slow, held=1)
