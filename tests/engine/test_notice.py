"""The notice that a file is held: its own, told once, whatever the outbox holds and whenever it is killed."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from batchbox.domain.operator_commands import Command, Verb
from batchbox.ports.storage import Spool
from batchbox.storage.local.command_files import leave_command
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.meddling import Meddled
from tests.engine.promises import check_promises
from tests.engine.test_crash import Fuse, Guarded, run_killed
from tests.engine.test_hold import find_held
from tests.engine.test_money import HALF, change, held, names, notice
from tests.engine.test_notify import letters
from tests.support.daemon import request
from tests.support.engine import Engine, Killed

TELLING = {"notify_command": ["true"]}
LIMITS = {"max_cost_per_file": 0.25, "max_cost_per_day": 10.0}
STEPS = range(5, 13)  # of a run, each the last one: from the first that puts aside to the first that is paid
TOLD = 8  # the step after which the notice is there


def test_names(start: Start) -> None:
    """A notice takes no name that is taken, and while it is there no other file gets its name."""
    engine = start(max_cost_per_file=0.25)
    engine.path("a", "held.json").write_text("somebody's")
    for _ in range(2):
        engine.drop("a.jsonl", HALF)
        engine.run_to_end()
    engine.drop("a.jsonl", request("a"))
    engine.run_to_end()
    assert engine.path("a", "held.json").read_text() == "somebody's"
    assert names(engine) == [
        *("a.held.json", "a~2.held.json", "a~3.held.json", "a~4.receipt.json", "a~4.results.jsonl")
    ]
    for job in engine.manifests("hold"):
        engine.ask("release", job.job)
    engine.run_to_end()
    assert {"a~2.receipt.json", "a~3.receipt.json"} < set(names(engine))


def test_name_is_taken_at_the_last_moment(tmp_path: Path, sandbox: Sandbox) -> None:
    """What appears in the outbox just before the notice is not overwritten, nor taken for it."""
    path = tmp_path / "spool" / "outbox" / "a.held.json"

    def wrap(spool: Spool) -> Spool:
        return cast("Spool", Meddled(spool, "publish", [lambda: path.write_text("somebody's")]))

    with closing(Engine(tmp_path / "spool", sandbox.url, settings=LIMITS, wrap_spool=wrap)) as engine:
        engine.drop("a.jsonl", HALF)
        engine.run_to_end()
        assert path.read_text() == "somebody's"
        assert notice(engine, "a~2")["receipt"] == "a~2.receipt.json"


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("retry", [False, True])
def test_the_name_in_a_notice_is_kept(start: Start, restart: bool, retry: bool) -> None:
    """Once the notice is tidied away, another file of that name does not get it: its answers are others."""
    engine = start(max_cost_per_file=0.25)
    engine.drop("a.jsonl", HALF)
    engine.run_to_end()
    promised, job = notice(engine)["receipt"], held(engine)
    engine.path("a", "held.json").unlink()
    if retry:  # it goes to work/ and comes back
        engine.ask("retry", job)
        engine.run_to_end()
        engine.path("a", "held.json").unlink()
    if restart:
        engine.crash_and_restart()
    engine.drop("a.jsonl", request("other"))
    engine.run_to_end()
    assert names(engine) == ["a~2.receipt.json", "a~2.results.jsonl"]
    engine.ask("release", job)
    engine.run_to_end()
    assert (engine.receipt("a")["job"], promised) == (job, "a.receipt.json")


def test_a_name_is_free_again(start: Start) -> None:
    """Once what was held is gone, by whatever way, the next file of its name has it."""
    engine = start(max_cost_per_file=0.25)
    for verb in ("release", "cancel", ""):
        engine.drop("a.jsonl", HALF)
        engine.run_to_end()
        if verb:
            engine.ask(verb, held(engine))
        else:
            shutil.rmtree(find_held(engine))
        engine.run_for(120)
        for path in (engine.root / "outbox").iterdir():
            assert path.name.startswith("a.")
            path.unlink()
    engine.drop("a.jsonl", request("a"))
    engine.run_to_end()
    assert names(engine) == ["a.receipt.json", "a.results.jsonl"]


@pytest.mark.parametrize("is_read", [False, True])
def test_another_reason(start: Start, sandbox: Sandbox, is_read: bool) -> None:
    """Held once more for another reason, it is told of once more, beside what is still there; not for one."""
    engine = start(max_cost_per_file=0.25, notify_command=["true"])
    engine.drop("a.jsonl", HALF)
    engine.run_to_end()
    first, job = notice(engine), held(engine)
    change(engine, max_cost_per_file=None, max_requests_per_day=0)
    if is_read:
        engine.path("a", "held.json").unlink()
    for _ in range(2):
        engine.ask("retry", job)
        engine.run_to_end()
    second = notice(engine, "a" if is_read else "a~2")
    assert names(engine) == (["a.held.json"] if is_read else ["a.held.json", "a~2.held.json"])
    assert second["exceeded"][0]["setting"] == "max_requests_per_day"
    assert second["reason"] == json.loads((find_held(engine) / "hold.json").read_bytes())["problem"]
    assert (second["receipt"], first["receipt"]) == ("a.receipt.json", "a.receipt.json")
    told = [(one.id, one.data["message"].partition("word. ")[2]) for one in letters(engine)]
    assert sorted(told) == [(f"{job}-held", first["reason"]), (f"{job}-held-2", second["reason"])]
    change(engine, max_requests_per_day=None, max_cost_per_file=0.25)
    engine.ask("retry", job)
    engine.run_to_end()
    assert {f"{job}-held-3"} < {one.id for one in letters(engine)}, "a reason that comes back is news again"
    engine.ask("release", job)
    engine.run_to_end()
    assert engine.receipt("a")["held"]["reason"] == first["reason"]
    check_promises(engine, sandbox)


def test_killed_while_it_tells_of_another_reason(tmp_path: Path, sandbox: Sandbox) -> None:
    """Whenever that is, the second notice is there once, and so is its letter."""
    for length in range(1, 100):
        sandbox.reset()
        fuse, root = Fuse(float("inf")), tmp_path / str(length)
        wrap = cast("Callable[[Spool], Spool]", lambda spool, fuse=fuse: Guarded(spool, fuse))
        with closing(Engine(root, sandbox.url, settings=LIMITS | TELLING, wrap_spool=wrap)) as engine:
            engine.drop("a.jsonl", HALF)
            engine.run_to_end()
            engine.settings = TELLING | {"max_requests_per_day": 0}
            engine.crash_and_restart()
            leave_command(root, Command(Verb.RETRY, held(engine)))
            fuse.left = length
            was_killed = run_killed(engine, fuse)
            fuse.left = float("inf")
            engine.run_to_end()
            assert names(engine) == ["a.held.json", "a~2.held.json"]
            assert notice(engine, "a~2")["exceeded"][0]["setting"] == "max_requests_per_day"
            job = held(engine)
            assert [one.id for one in letters(engine)] == [f"{job}-held", f"{job}-held-2"]
        if not was_killed:
            assert length > 4
            return
    raise AssertionError("the run never ended")


@pytest.mark.parametrize("length", STEPS)
def test_killed_anywhere(tmp_path: Path, sandbox: Sandbox, length: int) -> None:
    """After any durable step of holding, telling, releasing and sending, a restart goes on with it."""
    fuse = Fuse(length)
    engine = Engine(
        tmp_path / "spool",
        sandbox.url,
        settings=LIMITS,
        wrap_spool=lambda spool: cast("Spool", Guarded(spool, fuse)),
    )
    with closing(engine):
        engine.drop("a.jsonl", HALF)
        with pytest.raises(Killed):
            run_and_release(engine)
        assert bool(engine.path("a", "held.json").exists()) is (length >= TOLD)
        assert bool(sandbox.batches()) is (length == STEPS[-1])
        fuse.left = float("inf")
        engine.crash_and_restart()
        run_and_release(engine)
        assert names(engine) == ["a.held.json", "a.receipt.json", "a.results.jsonl"]
        assert engine.receipt("a")["held"]["approved_at"]
        check_promises(engine, sandbox)


def run_and_release(engine: Engine) -> None:
    """Run to the end, and release what is held then."""
    engine.run_to_end()
    for job in engine.manifests("hold"):
        engine.ask("release", job.job)
        engine.run_to_end()
