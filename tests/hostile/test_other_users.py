"""Several users on one machine: a daemon that is nobody special, and an inbox that everybody may write to."""

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from batchbox.api.prices import find_tiers
from batchbox.ports.storage import Spool
from batchbox.storage.local.lock import make_spool
from batchbox_sandbox.remote import Sandbox
from tests.engine.meddling import Meddled
from tests.hostile.neighbours import digest, whole
from tests.storage.support import IS_ROOT, NOBODY, fork, in_child, reap
from tests.support.engine import Engine

pytestmark = pytest.mark.skipif(not IS_ROOT, reason="needs root, to be several users")

PRODUCER = 65533
LONG = 100.0
TOLD = "cannot be read by batchbox"


@pytest.fixture
def root() -> Iterator[Path]:
    """Give a spool of the daemon's user, in whose inbox everybody may drop: sticky, as /tmp is."""
    base = Path(tempfile.mkdtemp())
    base.chmod(0o755)
    make_spool(base / "spool")
    for path in (base / "spool", *(base / "spool").rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    (base / "spool" / "inbox").chmod(0o1777)
    yield base / "spool"
    shutil.rmtree(base)


def become(user: int) -> None:
    """Be *user*, and nobody else, from here on."""
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def drop(root: Path, mode: int, name: str = "x.jsonl") -> Path:
    """Drop a file as the producer."""
    path = root / "inbox" / name
    path.write_bytes(whole(1))
    path.chmod(mode)
    os.chown(path, PRODUCER, PRODUCER)
    return path


def run(
    root: Path, sandbox: Sandbox, act: Callable[[], object] | None = None, name: str = "take"
) -> list[str]:
    """Run the engine as the daemon's user; *act* before its first call *name*. Return why files wait."""
    "localhost".encode("idna")  # what is imported late may lie where only we can read
    find_tiers("claude-sonnet-5-5", datetime.now(UTC))  # noqa: TID251

    def work() -> list[str]:
        become(NOBODY)
        real: list[Meddled] = []

        def wrap(spool: Spool) -> Spool:
            real.append(Meddled(spool, name, [act] if act else []))
            return cast("Spool", real[-1])

        engine = Engine(root, sandbox.url, wrap_spool=wrap, settings={"scan_seconds": 1.0})
        engine.run_for(LONG)
        if list((root / "inbox").glob("*.jsonl")):
            engine.run_until(lambda: waiting(root))  # one is not told of in the turn in which it is tried
        return waiting(root)

    found: list[str] = in_child(work)
    return found


def waiting(root: Path) -> list[str]:
    """Return why files wait, as `status` tells it."""
    health = json.loads((root / "state" / "health.json").read_bytes())
    return [one["problem"] for one in health["waiting"]]


def receipts(root: Path) -> list[Path]:
    """Return what was answered."""
    return sorted(root.glob("outbox/*.receipt.json"))


def test_a_readable_file_of_another_user_is_taken(root: Path, sandbox: Sandbox, tally: Counter[str]) -> None:
    """The owner of the inbox may move it though it is sticky; what is sent is what was dropped."""
    drop(root, 0o644)
    assert run(root, sandbox) == []
    assert digest(whole(1)).encode() in receipts(root)[0].read_bytes()
    tally["attempts of neighbours"] += 1


def test_a_private_file_of_another_user_stays(root: Path, sandbox: Sandbox, tally: Counter[str]) -> None:
    """It is not read, not moved, and told with its owner; nothing of it is answered."""
    path = drop(root, 0o600)
    (problem,) = run(root, sandbox)
    assert problem == f"{TOLD} (owner {PRODUCER}, mode 0600)"
    assert path.read_bytes() == whole(1)
    assert receipts(root) == []
    tally["attempts of neighbours"] += 1


@pytest.mark.parametrize("moment", ["examine", "take"])
def test_the_producer_takes_it_back(root: Path, sandbox: Sandbox, tally: Counter[str], moment: str) -> None:
    """Deleted by its owner at the last instant, the file is no job; the next one is taken."""
    path = drop(root, 0o644)
    drop(root, 0o644, "y.jsonl")
    child, tell = as_producer(path.unlink)
    assert run(root, sandbox, tell, moment) == []
    assert reap(child) == 0
    assert [one.name for one in receipts(root)] == ["y.receipt.json"]
    assert not list((root / "work").iterdir())
    tally["attempts of neighbours"] += 1


def as_producer(act: Callable[[], object]) -> tuple[int, Callable[[], object]]:
    """Start a process of the producer's that does *act* when it is told; return it, and how to tell it."""
    go, done = os.pipe(), os.pipe()

    def wait() -> None:
        become(PRODUCER)
        os.read(go[0], 1)
        act()
        os.write(done[1], b".")

    def tell() -> None:
        os.write(go[1], b".")
        os.read(done[0], 1)

    return fork(wait), tell


@pytest.mark.parametrize("moment", ["take", "request", "open"])
def test_made_private_at_the_last_instant(
    root: Path, sandbox: Sandbox, tally: Counter[str], moment: str
) -> None:
    """A file that can be read no more is kept and not answered, and the next one is taken all the same."""
    path = drop(root, 0o644)
    held = os.open(path, os.O_RDONLY)
    drop(root, 0o644, "y.jsonl")
    child, tell = as_producer(lambda: os.fchmod(held, 0o600))
    run(root, sandbox, tell, moment)
    assert reap(child) == 0
    os.close(held)
    assert "y.receipt.json" in [one.name for one in receipts(root)]
    kept = [digest(one.read_bytes()) for one in root.glob("*/**/x.jsonl")]
    kept += [digest(one.read_bytes()) for one in root.glob("*/**/request.jsonl")]
    assert kept.count(digest(whole(1))) == 2, "one of the files is lost"
    tally["attempts of neighbours"] += 1


def test_an_inbox_of_somebody_else(root: Path, sandbox: Sandbox, tally: Counter[str]) -> None:
    """In a sticky inbox that is not the daemon's the files stay, and the fix is told."""
    drop(root, 0o644)
    os.chown(root / "inbox", 0, 0)
    (problem,) = run(root, sandbox)
    assert "cannot be moved out of" in problem
    assert (root / "inbox" / "x.jsonl").read_bytes() == whole(1)
    tally["attempts of neighbours"] += 1
