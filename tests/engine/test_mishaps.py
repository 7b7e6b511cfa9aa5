"""What should never happen, at the worst moment: a rival writer, a full disk, a bug of our own."""

import errno
from collections.abc import Callable
from typing import cast

import pytest

from batchbox.ports.api import Api
from batchbox.ports.storage import Spool
from batchbox.storage.local.manifest_files import read_manifest, replace_manifest
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.meddling import Meddled, fail
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine

TWO = request("a") + request("b")
FULL = OSError(errno.ENOSPC, "No space left on device")


def count_posts(sandbox: Sandbox) -> int:
    return sum(1 for call in sandbox.calls() if call["operation"] == "create")


def meddle(engine: Engine, name: str, spool: bool = False) -> Meddled:
    """Open the engine again with a call of its API, or of its spool, to be meddled with."""
    engine.close()
    real: list[Meddled] = []

    def wrap(found: Spool | Api) -> Meddled:
        real.append(Meddled(found, name))
        return real[-1]

    if spool:
        engine.wrap_spool = lambda found: cast("Spool", wrap(found))
    else:
        engine.wrap_api = lambda found: cast("Api", wrap(found))
    engine.open()
    return real[0]


def rival(engine: Engine) -> Callable[[], object]:
    """Return an act: somebody else saves the one manifest there is, with another stem."""

    def act() -> None:
        (folder,) = (engine.root / "work").iterdir()
        stored = read_manifest(folder)
        assert stored
        replace_manifest(folder, stored.manifest.model_copy(update={"stem": "theirs"}), stored.version)

    return act


@pytest.mark.parametrize(
    "moment", ["before the last byte", "before the answer", "while rows come", "at first"]
)
def test_lost(engine: Engine, sandbox: Sandbox, moment: str) -> None:
    """A manifest that somebody else wrote is read again, never merged; no batch is paid twice for it."""
    name = {"while rows come": "rows", "at first": "page"}.get(moment, "create")
    meddled = meddle(engine, name)
    (meddled.after if moment == "before the answer" else meddled.before).append(rival(engine))
    engine.drop("a.jsonl", TWO)
    engine.run_to_end()
    assert engine.receipt("theirs")["status"] == "succeeded"
    assert len(sandbox.batches()) == 1
    check_promises(engine, sandbox)


@pytest.mark.parametrize("name", ["create", "rows", "page"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_bug(engine: Engine, sandbox: Sandbox, name: str, moment: str) -> None:
    """A step that fails as nobody foresaw is done again from what is on the disk; nothing is paid twice."""
    meddled = meddle(engine, name)
    acts = [fail(ZeroDivisionError("a bug")) for _ in range(2)]
    (meddled.before if moment == "before" else meddled.after).extend(acts)
    engine.drop("a.jsonl", TWO)
    engine.drop("b.jsonl", TWO)
    engine.run_to_end()
    assert (meddled.before, meddled.after) == ([], [])
    assert len(sandbox.batches()) == 2
    check_promises(engine, sandbox)


def test_bug_in_one_job(engine: Engine, sandbox: Sandbox) -> None:
    """A job whose step always fails is tried again and again, and the others go on."""
    meddled = meddle(engine, "rows")
    meddled.before.extend([fail(KeyError("a bug"))])
    engine.drop("a.jsonl", TWO)
    engine.run_until(lambda: not meddled.before)
    meddled.before.extend(fail(KeyError("a bug")) for _ in range(5))
    since = engine.clock.seconds
    engine.run_until(lambda: not meddled.before)
    assert engine.clock.seconds - since > 30, "it was not given time between the tries"
    engine.run_to_end()
    check_promises(engine, sandbox)


@pytest.mark.parametrize(
    "name", ["take", "save", "create", "describe", "discard", "publish", "retire", "open", "request", "load"]
)
@pytest.mark.parametrize("skip", [0, 1, 2, 3])
def test_disk_full(engine: Engine, sandbox: Sandbox, name: str, skip: int) -> None:
    """A disk that refuses, at any operation, costs time and nothing else."""
    meddled = meddle(engine, name, spool=True)
    meddled.before.extend([lambda: None] * skip + [fail(FULL), fail(FULL)])
    engine.drop("a.jsonl", TWO)
    engine.drop("b.jsonl", b"nonsense\n")
    engine.run_to_end()
    assert len(sandbox.batches()) == 1
    check_promises(engine, sandbox)


@pytest.mark.parametrize("skip", range(8))
def test_written_but_denied(engine: Engine, sandbox: Sandbox, skip: int) -> None:
    """A write that was done and yet reported as failed is believed as it stands on the disk."""
    meddled = meddle(engine, "save", spool=True)
    meddled.after.extend([lambda: None] * skip + [fail(OSError(errno.EIO, "fsync"))])
    engine.drop("a.jsonl", TWO)
    engine.drop("b.jsonl", TWO)
    engine.run_to_end()
    assert len(sandbox.batches()) == 2
    check_promises(engine, sandbox)


def test_marker_goes_while_it_sends(engine: Engine, sandbox: Sandbox) -> None:
    """A spool that is lost between the first byte and the last keeps the last: nothing is paid."""
    meddled = meddle(engine, "create")
    marker = engine.root / ".batchbox"
    meddled.before.append(lambda: marker.rename(engine.root / "elsewhere"))
    engine.drop("a.jsonl", TWO)
    engine.run_until(lambda: not meddled.before)
    engine.run_for(1000)
    assert sandbox.batches() == []
    (engine.root / "elsewhere").rename(marker)
    engine.run_to_end()
    assert len(sandbox.batches()) == 1
    check_promises(engine, sandbox)


def test_one_job_cannot_be_read(start: Start, slow: Sandbox) -> None:
    """A manifest that the disk does not give out stops its own job only."""
    engine = start(on=slow)
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))
    (folder,) = (engine.root / "work").iterdir()
    hidden = folder / "manifest.json"
    hidden.rename(folder / "kept")
    hidden.mkdir()
    engine.crash_and_restart()
    engine.drop("b.jsonl", TWO)
    engine.run_until(lambda: len(slow.batches()) == 2)
    slow.end()
    engine.run_until(engine.path("b", "receipt.json").exists)
    hidden.rmdir()
    (folder / "kept").rename(hidden)
    engine.run_until(engine.path("a", "receipt.json").exists)
    engine.run_to_end()
    assert count_posts(slow) == 2
    check_promises(engine, slow)
