"""A copied or restored spool is refused, and taken over without paying for anything twice."""

import errno
import shutil
from pathlib import Path
from typing import cast

import pytest

from batchbox.domain.errors import Stop
from batchbox.ports.storage import Spool
from batchbox.storage.local.takeover import take_over
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.meddling import Meddled, fail
from tests.engine.promises import check_outputs
from tests.support.daemon import request
from tests.support.engine import Engine

TWO = request("a") + request("b")


def copy(engine: Engine) -> Path:
    target = engine.root.with_name("copy")
    shutil.copytree(engine.root, target, copy_function=shutil.copy2)
    return target


def open_copy(engine: Engine, target: Path) -> Engine:
    return Engine(target, engine.url, dropped=engine.dropped)


def test_refused(start: Start, slow: Sandbox) -> None:
    """A daemon does not start on a copy, whatever lies in it, and says what to do; nothing is touched."""
    engine = start(on=slow)
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))
    target = copy(engine)
    before = sorted(path.name for path in target.glob("**/*"))
    with pytest.raises(Stop, match="is a copy") as stopped:
        open_copy(engine, target)
    assert "--take-over" in stopped.value.fix
    assert sorted(path.name for path in target.glob("**/*")) == before


def test_moved(tmp_path: Path, sandbox: Sandbox) -> None:
    """A spool that was moved on its own disk is itself."""
    engine = Engine(tmp_path / "spool", sandbox.url)
    engine.drop("a.jsonl", TWO)
    engine.close()
    moved = open_copy(engine, engine.root.rename(tmp_path / "elsewhere"))
    moved.run_to_end()
    assert moved.receipt("a")["status"] == "succeeded"
    moved.close()


def test_sent_since(start: Start, slow: Sandbox) -> None:
    """What was sent after the copy was made is found by its mark, and not sent again."""
    engine = start(on=slow)
    slow.order("create", "refuse", status=429, retry_after=60)
    engine.drop("a.jsonl", TWO)
    engine.run_until(lambda: engine.states() == ["ready"] and engine.parts()[0].attempt)
    target = copy(engine)
    engine.run_until(engine.is_in("submitted"))
    assert take_over(target).doubted == 1
    second = open_copy(engine, target)
    second.run_until(second.is_in("candidates"))
    slow.end()
    second.run_to_end()
    assert second.receipt("a")["status"] == "succeeded"
    assert len(slow.batches()) == 1
    (job,) = second.manifests("done")
    check_outputs(second, job)
    second.close()


def test_not_sent_since(start: Start, slow: Sandbox) -> None:
    """What was not sent is, once it was looked for in vain."""
    engine = start(on=slow)
    slow.order("create", "refuse", status=429, retry_after=60)
    engine.drop("a.jsonl", TWO)
    engine.run_until(lambda: engine.states() == ["ready"] and engine.parts()[0].attempt)
    target = copy(engine)
    take_over(target)
    take_over(target)
    second = open_copy(engine, target)
    second.run_until(second.is_in("submitted"))
    slow.end()
    second.run_to_end()
    assert second.receipt("a")["status"] == "succeeded"
    assert len(slow.batches()) == 1
    second.close()


def test_rows_that_expired_since(start: Start, slow: Sandbox) -> None:
    """Rows that the other spool may have asked for again are not asked for again: they end in errors."""
    engine = start(on=slow)
    slow.outcome("question b", "expired")
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))
    target = copy(engine)
    slow.end()
    engine.run_until(lambda: len(slow.batches()) == 2)
    take_over(target)
    second = open_copy(engine, target)
    second.run_to_end()
    assert second.receipt("a")["status"] == "partial"
    assert [row["custom_id"] for row in second.rows("a", "errors")] == ["b"]
    assert len(slow.batches()) == 2
    second.close()


def test_restored_beside_what_was_finished(start: Start, sandbox: Sandbox) -> None:
    """A job that is in the archive already is archived beside it."""
    engine = start()
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))
    (folder,) = (engine.root / "work").iterdir()
    kept = engine.root.with_name("kept")
    shutil.copytree(folder, kept)
    engine.run_to_end()
    engine.crash_and_restart()
    kept.rename(folder)
    engine.run_to_end()
    assert not list((engine.root / "work").iterdir())
    assert len(list(engine.root.glob("done/*/*"))) == 2
    assert len(sandbox.batches()) == 1


def test_held_and_released_since(tmp_path: Path, sandbox: Sandbox) -> None:
    """What was held unsent is looked for too, before a release sends it."""
    engine = Engine(tmp_path / "spool", sandbox.url)
    engine.drop("a.jsonl", TWO)
    sandbox.order("create", "refuse", status=429, retry_after=60)
    engine.run_until(lambda: engine.states() == ["ready"] and engine.parts()[0].attempt)
    (job,) = engine.manifests()
    engine.ctx.spool.park(job.job, "a person wanted it so", "release it")
    engine.crash_and_restart()
    target = copy(engine)
    engine.ask("release", job.job)
    engine.run_to_end()
    assert take_over(target).held == 1
    second = open_copy(engine, target)
    second.ask("release", job.job)
    second.run_to_end()
    assert second.receipt("a")["status"] == "succeeded"
    assert len(sandbox.batches()) == 1
    second.close()
    engine.close()


def test_running(engine: Engine) -> None:
    """A spool that is being worked is not taken over."""
    with pytest.raises(Stop, match="is running"):
        take_over(engine.root)


def test_only_taken(tmp_path: Path, sandbox: Sandbox) -> None:
    """A file that was not checked yet waits for a person: under which marks it was sent, nobody knows."""
    ill = fail(OSError(errno.EIO, "the disk is ill"))

    def frail(real: Spool) -> Spool:
        return cast("Spool", Meddled(real, "freeze", [ill] * 9))

    engine = Engine(tmp_path / "spool", sandbox.url, wrap_spool=frail)
    engine.drop("a.jsonl", TWO)
    engine.run_until(lambda: engine.loop.memory.backoffs)
    target = copy(engine)
    engine.close()
    assert take_over(target).held == 1
    second = open_copy(engine, target)
    second.run_to_end()
    assert not sandbox.batches()
    second.ask("release", second.manifests("hold")[0].job)
    second.run_to_end()
    assert second.receipt("a")["status"] == "succeeded"
    assert len(sandbox.batches()) == 1
    second.close()
