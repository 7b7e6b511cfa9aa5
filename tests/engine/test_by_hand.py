"""What an operator does with a file that is under way: put it aside, take it back, try again now."""

import errno
from collections.abc import Callable

import pytest

from batchbox.domain.job import Manifest
from batchbox.domain.records import Output
from batchbox.domain.states import JobState
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine

TWO = request("a") + request("b")
HOUR = 3600.0


def count_posts(sandbox: Sandbox) -> int:
    return sum(1 for call in sandbox.calls() if call["operation"] == "create")


def be_ready(engine: Engine, sandbox: Sandbox) -> None:
    sandbox.order("create", "refuse", status=429, retry_after=3600)
    engine.drop("a.jsonl", TWO)
    engine.run_until(lambda: engine.states() == ["ready"] and sandbox.calls())


def be_in_doubt(engine: Engine, sandbox: Sandbox) -> None:
    sandbox.order("create", "drop_after")
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("in_doubt"))


def be_suspected(engine: Engine, sandbox: Sandbox) -> None:
    sandbox.order("create", "drop_after")
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("candidates"))


def be_sent(engine: Engine, _sandbox: Sandbox) -> None:
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))


Bring = Callable[[Engine, Sandbox], None]
SENT = (["submitted"], ["candidates"])
BRINGS = [be_ready, be_in_doubt, be_suspected, be_sent]


def the_job(engine: Engine, folder: str = "work") -> Manifest:
    (job,) = engine.manifests(folder)
    return job


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("bring", BRINGS)
def test_held_as_it_was(start: Start, slow: Sandbox, bring: Bring, crash: bool) -> None:
    """It lies in hold/ unchanged for as long as nobody takes it back; then it goes on, and was paid once."""
    engine = start(on=slow)
    bring(engine, slow)
    before = the_job(engine)
    posts = count_posts(slow)
    engine.ask("hold", before.job)
    assert the_job(engine, "hold").parts == before.parts
    if crash:
        engine.crash_and_restart()
    engine.run_for(3 * HOUR)
    assert the_job(engine, "hold").parts == before.parts
    assert not engine.manifests()
    assert count_posts(slow) == posts
    slow.clear()
    engine.ask("release", before.job)
    engine.run_until(lambda: engine.states() in SENT)
    slow.end()
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "succeeded"
    (decision,) = the_job(engine, "done").decisions
    assert (decision.verb, decision.batch_id) == ("release", None)
    assert decision.problem.startswith(f"held by {decision.by};")
    assert decision.held_at
    check_promises(engine, slow)


def test_what_ends_meanwhile_is_fetched_after_it(start: Start, slow: Sandbox) -> None:
    """A batch goes on while its file is held; its answers are not lost and not asked for again."""
    engine = start(on=slow)
    be_sent(engine, slow)
    job = the_job(engine).job
    engine.ask("hold", job)
    slow.end()
    engine.run_for(HOUR)
    assert not list((engine.root / "outbox").iterdir())
    engine.ask("retry", job)  # of a file that is held it does what a release does
    engine.run_to_end()
    assert count_posts(slow) == 1
    check_promises(engine, slow)


def test_a_held_file_is_canceled(start: Start, slow: Sandbox) -> None:
    """A cancel takes it back to be ended, batch and all."""
    engine = start(on=slow)
    be_sent(engine, slow)
    job = the_job(engine).job
    engine.ask("hold", job)
    engine.ask("cancel", job)
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "canceled"
    check_promises(engine, slow)


def test_a_resubmit_of_what_is_not_in_question_sends_nothing_again(start: Start, slow: Sandbox) -> None:
    """A batch that is known is neither given up nor paid for twice, whatever a file in control/ says."""
    engine = start(on=slow)
    be_sent(engine, slow)
    job = the_job(engine).job
    engine.ask("hold", job)
    engine.ask("resubmit", job)
    engine.run_for(HOUR)
    assert engine.states() == ["submitted"]
    slow.end()
    engine.run_to_end()
    assert count_posts(slow) == 1
    check_promises(engine, slow)


def test_not_yet_checked(engine: Engine, sandbox: Sandbox) -> None:
    """A file that was only taken is held as it is, and checked once it is taken back."""
    engine.drop("a.jsonl", TWO)
    engine.ctx.spool.freeze = refuse_to_freeze  # type: ignore[method-assign]
    engine.run_until(lambda: engine.loop.memory.backoffs)
    job = the_job(engine)
    assert job.state is JobState.TAKEN
    engine.ask("hold", job.job)
    engine.crash_and_restart()
    engine.run_for(HOUR)
    assert the_job(engine, "hold") == job
    engine.ask("release", job.job)
    engine.run_to_end()
    check_promises(engine, sandbox)


def refuse_to_freeze(job: str) -> None:
    raise OSError(errno.EIO, "bad disk", job)


@pytest.mark.parametrize("bring", [be_in_doubt, be_sent])
@pytest.mark.parametrize("turns", range(3))
def test_killed_on_the_way_to_hold(start: Start, slow: Sandbox, bring: Bring, turns: int) -> None:
    """Killed anywhere, and the command there again: it is held once, with its reason, and paid once."""
    engine = start(on=slow)
    bring(engine, slow)
    job = the_job(engine).job
    (engine.root / "control" / f"hold-{job}").touch()
    engine.clock.advance(61)
    engine.run_turns(turns)
    engine.crash_and_restart()
    (engine.root / "hold" / job / "hold.json").unlink(missing_ok=True)  # or it ended before it was written
    (engine.root / "control" / f"hold-{job}").touch()
    engine.run_until(lambda: not (engine.root / "control" / f"hold-{job}").exists())
    assert "held by" in engine.ctx.spool.why_held(job)[0]
    assert not engine.manifests()
    engine.ask("release", job)
    engine.run_until(lambda: engine.states() in SENT)
    slow.end()
    engine.run_to_end()
    assert count_posts(slow) == 1
    check_promises(engine, slow)


def test_what_is_being_published_is_not_held(
    engine: Engine, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of its outputs may be out: it is brought to its end."""
    publish = engine.ctx.spool.publish

    def refuse(manifest: Manifest, output: Output) -> None:
        raise OSError(errno.EIO, "bad disk", f"{manifest.job} {output.name}")

    engine.ctx.spool.publish = refuse  # type: ignore[method-assign]
    engine.drop("a.jsonl", TWO)
    engine.run_until(lambda: engine.loop.memory.backoffs)
    job = the_job(engine)
    assert job.state is JobState.PUBLISHING
    engine.ask("hold", job.job)
    assert "command.idle" in capsys.readouterr().out
    assert the_job(engine) == job
    engine.ctx.spool.publish = publish  # type: ignore[method-assign]
    engine.run_to_end()
    check_promises(engine, sandbox)


def test_retry_does_not_wait_for_what_the_api_asked(start: Start, slow: Sandbox) -> None:
    """A person knows better than a Retry-After; other files go on with it."""
    engine = start(on=slow)
    be_ready(engine, slow)
    job = the_job(engine).job
    since = engine.clock.seconds
    engine.ask("retry", job)
    engine.run_until(engine.is_in("submitted"))
    assert engine.clock.seconds - since < 60
    slow.end()
    engine.run_to_end()
    assert count_posts(slow) == 2
    check_promises(engine, slow)


def test_retry_that_fails_again_waits_longer(start: Start, slow: Sandbox) -> None:
    """It is one more failure, not a first one: nobody can make the daemon knock without end."""
    engine = start(on=slow)
    be_ready(engine, slow)
    engine.run_until(lambda: engine.loop.memory.create.failures == 1)
    slow.order("create", "refuse", status=429)
    engine.ask("retry", the_job(engine).job)
    engine.run_until(lambda: count_posts(slow) == 2 and not engine.loop.memory.submitting)
    engine.run_until(lambda: not engine.loop.memory.busy)
    assert engine.loop.memory.create.failures == 2


def test_retry_asks_for_answers_at_once(start: Start, slow: Sandbox) -> None:
    """What waits because the API could not be asked is asked for now."""
    engine = start(on=slow)
    be_sent(engine, slow)
    slow.order("list", "refuse", status=529, retry_after=3600)
    engine.run_until(lambda: not engine.loop.memory.read.is_open(engine.clock.seconds))
    slow.end()
    since = engine.clock.seconds
    engine.ask("retry", the_job(engine).job)
    engine.run_to_end()
    assert engine.clock.seconds - since < 120
    check_promises(engine, slow)


def test_retry_of_a_job_that_failed_alone(engine: Engine, sandbox: Sandbox) -> None:
    """Its own wait is over at once, and only its own."""
    freeze = engine.ctx.spool.freeze
    engine.ctx.spool.freeze = refuse_to_freeze  # type: ignore[method-assign]
    engine.drop("a.jsonl", TWO)
    engine.run_until(lambda: any(one.failures > 8 for one in engine.loop.memory.backoffs.values()))
    engine.ctx.spool.freeze = freeze  # type: ignore[method-assign]
    since = engine.clock.seconds
    engine.ask("retry", the_job(engine).job)
    assert engine.clock.seconds - since < 1
    assert not engine.loop.memory.backoffs
    engine.run_to_end()
    check_promises(engine, sandbox)


@pytest.mark.parametrize("verb", ["hold", "retry"])
def test_nothing_to_do(start: Start, slow: Sandbox, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A command for what is gone, or waits for nothing but its batch, is told and removed."""
    engine = start(on=slow)
    be_sent(engine, slow)
    job = the_job(engine).job if verb == "retry" else "20260102T030405Z-0123456789ab"
    engine.ask(verb, job)
    assert "command.idle" in capsys.readouterr().out
    assert engine.states() == ["submitted"]
    assert count_posts(slow) == 1
