"""A spool that an earlier version wrote is read by this one, and every job in it comes to its end."""

import base64
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from batchbox.domain.errors import Stop
from batchbox.domain.job import SCHEMA
from batchbox.domain.states import JobState, PartState
from batchbox.storage.local.layout import Layout
from batchbox.storage.local.lock import read_marker, write_marker
from batchbox.storage.local.manifest_files import read_manifest
from batchbox.storage.local.takeover import take_over
from batchbox_sandbox.remote import Sandbox
from tests.engine.promises import check_promises
from tests.support.engine import Engine
from tests.upgrade.conftest import STORED
from tests.upgrade.store import SETTINGS

Unpack = Callable[[Path], Path]

FIRST = 2  # none was released before
OTHERWISE = {"partial": "partial", "rejected": "rejected", "canceled": "canceled"}
UNSENT = {"taken", "ready", "prepared", "committed", "in doubt", "waiting"}  # what is sent once from here on
NEVER_SENT = {"rejected", "canceled"}

each = pytest.mark.parametrize("archive", STORED, ids=lambda path: path.name)


def be_itself(root: Path) -> None:
    """Let the unpacked spool be the one that was stored, and no copy of it: its marker names this inode."""
    write_marker(Layout(root), read_marker(Layout(root)))


def start(root: Path, sandbox: Sandbox) -> Engine:
    """Start today's daemon on a spool; what was dropped is what it says was."""
    engine = Engine(root, sandbox.url, settings=SETTINGS)
    for path in root.glob("**/manifest.json"):
        stored = read_manifest(path.parent)
        assert stored
        source = stored.manifest.source
        name = base64.b64decode(source.name_b64).decode()
        queue = "" if source.queue == "default" else source.queue
        request = path.with_name("request.jsonl")
        refused = root / "rejected" / queue / name
        engine.dropped[queue, name] = (request if request.exists() else refused).read_bytes()
    for path in (root / "inbox").glob("*.jsonl"):
        engine.dropped["", path.name] = path.read_bytes()
    return engine


def test_there_is_one_of_each_schema() -> None:
    """Whoever raises the number stores a spool of it."""
    assert [path.name for path in STORED] == [
        f"schema-{number}.tar.gz" for number in range(FIRST, SCHEMA + 1)
    ]


@each
def test_it_has_jobs_in_every_state(unpack: Unpack, sandbox: Sandbox, archive: Path) -> None:
    """Else it would prove little."""
    root = unpack(archive)
    be_itself(root)
    engine = start(root, sandbox)
    jobs = engine.manifests("work") + engine.manifests("hold") + engine.manifests("done")
    assert {job.state for job in jobs} == set(JobState)
    parts = Counter(part.state for job in jobs for part in job.parts)
    later = {PartState.REFUSED, PartState.CANCELED}
    assert parts.keys() >= set(PartState) - later
    assert len(engine.manifests("hold")) == 3
    assert len(list((root / "control").iterdir())) == 3
    engine.close()


@each
def test_it_is_worked_to_its_end(unpack: Unpack, sandbox: Sandbox, archive: Path) -> None:
    """Each job ends as it should, nothing is sent twice, and what waits for a person still does."""
    root = unpack(archive)
    be_itself(root)
    paid = len(sandbox.batches())
    engine = start(root, sandbox)
    engine.run_to_end()
    (parked,) = engine.manifests("hold")
    assert parked.source.name == "parked.jsonl"
    check_promises(engine, sandbox, held=1)
    assert len(sandbox.batches()) == paid + len(UNSENT)
    engine.ask("release", parked.job)
    engine.run_to_end()
    check_promises(engine, sandbox)
    assert len(sandbox.batches()) == paid + len(UNSENT)
    ends = {
        Path(name).stem: engine.receipt(Path(name).stem, queue)["status"] for queue, name in engine.dropped
    }
    assert ends == {stem: OTHERWISE.get(stem, "succeeded") for stem in ends}
    assert len(ends) >= 20
    engine.close()


@each
def test_taken_over_it_is_worked_to_its_end(unpack: Unpack, sandbox: Sandbox, archive: Path) -> None:
    """As a backup that is restored: refused at first, then taken over; nothing is paid for a second time."""
    root = unpack(archive)
    with pytest.raises(Stop, match="is a copy"):
        start(root, sandbox)
    assert take_over(root).doubted > 5
    engine = start(root, sandbox)
    engine.run_to_end()
    for job in engine.manifests("hold"):
        engine.ask("release", job.job)
    engine.run_to_end()
    check_promises(engine, sandbox)
    ids = [batch["custom_ids"][0] for batch in sandbox.batches()]
    assert len(ids) == len(set(ids))
    engine.close()
