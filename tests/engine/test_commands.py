"""What a person decides about one job: cancel, release, adopt, resubmit."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from batchbox.domain.batch import Page
from batchbox.domain.operator_commands import Command, Verb
from batchbox.engine.jobs import AT_ONCE
from batchbox.ports.api import Api
from batchbox.storage.local.command_files import leave_command
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.promises import check_outputs, check_promises
from tests.support.daemon import request
from tests.support.engine import Engine

TWO = request("a") + request("b")


def count_posts(sandbox: Sandbox) -> int:
    return sum(1 for call in sandbox.calls() if call["operation"] == "create")


def job_of(engine: Engine, folder: str = "work") -> str:
    (job,) = engine.manifests(folder)
    return job.job


def be_undecided(engine: Engine, sandbox: Sandbox) -> str:
    """Bring a job into hold/: its answer was lost, and what may be its batch was deleted; return that id."""
    sandbox.order("create", "drop_after")
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("candidates"))
    batch_id = str(sandbox.batches()[0]["id"])
    sandbox.delete(batch_id)
    engine.run_until(lambda: engine.states("hold") == ["undecided"])
    return batch_id


def be_gone(engine: Engine, sandbox: Sandbox) -> None:
    """Bring a job into hold/: its results were archived before they were fetched."""
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))
    (batch,) = sandbox.batches()
    sandbox.end()
    sandbox.archive(batch["id"])
    engine.run_until(lambda: engine.states("hold") == ["gone"])


def be_sent(engine: Engine, sandbox: Sandbox) -> None:
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))
    assert sandbox.batches()


def check_end(engine: Engine, status: str, *outcomes: str) -> None:
    """Check that the one file has its receipt, and each request the row it should have."""
    receipt = engine.receipt("a")
    assert receipt["status"] == status
    assert [row["result"]["type"] for row in engine.rows("a")] == list(outcomes)
    assert not list((engine.root / "work").iterdir())
    assert not list((engine.root / "hold").iterdir())
    (job,) = engine.manifests("done")
    check_outputs(engine, job)


def test_release_undecided(start: Start, slow: Sandbox) -> None:
    """It is looked for again, in full, before it is sent again."""
    engine = start(on=slow)
    be_undecided(engine, slow)
    engine.ask("release", job_of(engine, "hold"))
    since = engine.clock.seconds
    engine.run_until(engine.is_in("submitted"))
    assert engine.clock.seconds - since >= 959.9
    slow.end()
    engine.run_to_end()
    check_end(engine, "succeeded", "succeeded", "succeeded")
    assert count_posts(slow) == 2


def test_release_gone(start: Start, slow: Sandbox) -> None:
    """What is gone is fetched again, not paid again; if it is gone still, it is held again."""
    engine = start(on=slow)
    be_gone(engine, slow)
    engine.ask("release", job_of(engine, "hold"))
    engine.run_until(lambda: engine.states("hold") == ["gone"])
    assert count_posts(slow) == 1


class Blind:
    """An API that does not show what it has, for as long as *blind*."""

    def __init__(self, real: Api) -> None:
        self._real = real
        self.blind = False

    def __getattr__(self, name: str) -> Any:
        if self.blind and name == "page":
            return lambda *_arguments, **_more: Page((), has_more=False)
        if self.blind and name == "retrieve":
            return lambda _batch_id: None
        return getattr(self._real, name)


@pytest.mark.parametrize("ends", [False, True])
def test_adopt_ours(tmp_path: Path, slow: Sandbox, ends: bool) -> None:
    """The batch that a person names is proven by its rows, and not sent again."""
    blinds: list[Blind] = []

    def blind(real: Api) -> Api:
        blinds.append(Blind(real))
        return cast("Api", blinds[-1])

    engine = Engine(tmp_path / "spool", slow.url, wrap_api=blind)
    slow.order("create", "drop_after")
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("candidates"))
    blinds[-1].blind = True
    engine.run_until(lambda: engine.states("hold") == ["undecided"])
    blinds[-1].blind = False
    (batch,) = slow.batches()
    if ends:
        slow.end()
    engine.ask("adopt", job_of(engine, "hold"), batch["id"])
    engine.run_for(600)
    slow.end()
    engine.run_to_end()
    check_end(engine, "succeeded", "succeeded", "succeeded")
    assert count_posts(slow) == 1
    engine.close()


def adopt_stranger(sandbox: Sandbox) -> str:
    stranger = sandbox.stranger(2)
    sandbox.end()
    return stranger


def adopt_nothing(_sandbox: Sandbox) -> str:
    return "msgbatch_that_never_was"


@pytest.mark.parametrize("choose", [adopt_stranger, adopt_nothing])
def test_adopt_wrongly(start: Start, slow: Sandbox, choose: Callable[[Sandbox], str]) -> None:
    """A batch that is not ours, or is none, is not believed: the job is held again, with that reason."""
    engine = start(on=slow)
    be_undecided(engine, slow)
    batch_id = choose(slow)
    engine.ask("adopt", job_of(engine, "hold"), batch_id)
    engine.run_until(lambda: engine.states("hold") == ["undecided"])
    (part,) = engine.parts("hold")
    assert batch_id in (part.doubt or "")
    assert count_posts(slow) == 1
    assert not list((engine.root / "outbox").iterdir())


@pytest.mark.parametrize("bring", [be_undecided, be_gone])
def test_resubmit(start: Start, slow: Sandbox, bring: Callable[[Engine, Sandbox], object]) -> None:
    """It is sent again at once, because a person said so; the receipt names the batches that are known."""
    engine = start(on=slow)
    bring(engine, slow)
    since = engine.clock.seconds
    engine.ask("resubmit", job_of(engine, "hold"))
    engine.run_until(engine.is_in("submitted"))
    assert engine.clock.seconds - since < 900
    slow.end()
    engine.run_to_end()
    check_end(engine, "succeeded", "succeeded", "succeeded")
    assert count_posts(slow) == 2
    known = [batch["id"] for batch in slow.batches()]
    named = engine.receipt("a")["batches"]
    assert named == (known if bring is be_gone else known[-1:])


@pytest.mark.parametrize("verb", ["cancel", "release", "resubmit"])
@pytest.mark.parametrize("turns", range(4))
def test_crash_on_the_way_back(start: Start, slow: Sandbox, verb: str, turns: int) -> None:
    """A command is carried out as often as it is found: killed in between, it ends as if it had not been."""
    engine = start(on=slow)
    be_undecided(engine, slow)
    job = job_of(engine, "hold")
    name = f"{verb}-{job}"
    (engine.root / "control" / name).touch()
    engine.clock.advance(61)
    engine.run_turns(turns)
    engine.crash_and_restart()
    (engine.root / "control" / name).touch()  # its removal was lost with the power
    engine.run_until(lambda: not (engine.root / "control" / name).exists())
    if verb != "cancel":
        engine.run_until(engine.is_in("submitted"))
    slow.end()
    engine.run_to_end()
    answer = "canceled" if verb == "cancel" else "succeeded"
    check_end(engine, answer, answer, answer)
    assert count_posts(slow) == (1 if verb == "cancel" else 2)


@pytest.mark.parametrize("name", ["cancle-x", "adopt-20261122T000000Z-0123456789ab", "notes.txt", "cancel-"])
def test_no_command(engine: Engine, sandbox: Sandbox, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no command is told once and left alone."""
    (engine.root / "control" / name).touch()
    engine.drop("a.jsonl", TWO)
    engine.run_to_end()
    engine.run_for(600)
    assert capsys.readouterr().out.count("command.refused") == 1
    assert (engine.root / "control" / name).exists()
    check_promises(engine, sandbox)


def test_namesake_of_a_held_job(start: Start, slow: Sandbox) -> None:
    """A name that was taken while a job was held is that other file's; each keeps its own receipt."""
    engine = start(on=slow)
    be_undecided(engine, slow)
    engine.drop("a.jsonl", TWO)
    engine.dropped["", "a.jsonl"] = TWO
    engine.run_until(engine.is_in("submitted"))
    engine.ask("resubmit", job_of(engine, "hold"))
    assert {job.stem for job in engine.manifests()} == {"a", "a~2"}
    engine.run_until(lambda: engine.states() == ["submitted", "submitted"])
    slow.end()
    engine.run_to_end()
    assert [engine.receipt(stem)["status"] for stem in ("a", "a~2")] == ["succeeded", "succeeded"]


@pytest.mark.parametrize("verb", ["cancel", "release", "resubmit"])
def test_a_command_that_cannot_be_removed(start: Start, slow: Sandbox, verb: str) -> None:
    """What may pay is not even begun then, and a cancel is carried out once; nothing turns in circles."""
    engine = start(on=slow)
    be_undecided(engine, slow)
    job = job_of(engine, "hold")
    (engine.root / "control" / f"{verb}-{job}").touch()
    engine.ctx.spool.dismiss = refuse_to_dismiss  # type: ignore[method-assign]
    engine.clock.advance(61)
    engine.run_for(3000)
    assert count_posts(slow) == 1
    assert engine.states("hold") == ([] if verb == "cancel" else ["undecided"])
    if verb == "cancel":
        check_end(engine, "canceled", "canceled", "canceled")


def test_a_folder_is_no_command(start: Start, slow: Sandbox) -> None:
    """Only files are commands: what cannot be removed as one is left alone."""
    engine = start(on=slow)
    be_undecided(engine, slow)
    (engine.root / "control" / f"resubmit-{job_of(engine, 'hold')}").mkdir()
    engine.run_for(3000)
    assert engine.states("hold") == ["undecided"]
    assert count_posts(slow) == 1


def refuse_to_dismiss(name: str) -> None:
    raise PermissionError(errno.EACCES, "not allowed", name)


def test_commands_that_fail_do_not_keep_others_waiting(engine: Engine, sandbox: Sandbox) -> None:
    """However many are tried again and again at each look, a new one is carried out."""
    jobs = [f"20260102T030405Z-{number:012x}" for number in range(AT_ONCE + 1)]
    for job in jobs:
        (engine.root / "hold" / job).mkdir()
        (engine.root / "hold" / job / "manifest.json").write_bytes(b"{")
        leave_command(engine.root, Command(Verb.CANCEL, job))
    engine.run_for(5)
    sandbox.order("create", "refuse", times=99, status=429, retry_after=3600)
    engine.drop("a.jsonl", request("a"))
    engine.run_until(lambda: engine.states() == ["ready"])
    (job,) = (path.name for path in (engine.root / "work").iterdir() if not path.name.startswith("."))
    leave_command(engine.root, Command(Verb.CANCEL, job))
    engine.run_until(engine.path("a", "receipt.json").exists)
    assert engine.receipt("a")["status"] == "canceled"
    assert len(list((engine.root / "control").iterdir())) == len(jobs)
