"""Publishing, archiving, parking: a job leaves work/ by renames, and each may be done again."""

import json
import os
from pathlib import Path

import pytest

from batchbox.domain.job import Manifest
from batchbox.domain.records import Output
from batchbox.domain.states import JobState
from batchbox.storage.local.local_spool import LocalSpool
from batchbox.storage.local.manifest_files import read_manifest
from tests.storage.support import CONTENT, JOB, LATER_JOB, mount_memory, names, take, tree, with_mounts

DAY = "2026-01-02"
RESULTS = Output(folder="outbox", name="x.results.jsonl", source="results.jsonl", size=4, sha256="")
RECEIPT = Output(folder="outbox", name="x.receipt.json", source="receipt.json", size=4, sha256="")
REFUSED = Output(folder="rejected", name="x.jsonl", source="request.jsonl", size=4, sha256="")


def write(spool: LocalSpool, name: str, content: bytes = b"rows") -> None:
    """Write a file of the job's."""
    with spool.create(JOB, name) as file:
        file.write(content)


@pytest.fixture(params=["default", "night"])
def manifest(request: pytest.FixtureRequest, spool: LocalSpool) -> Manifest:
    """Give a job with results and a receipt, in the default queue and in another."""
    found = take(spool).model_copy()
    write(spool, "results.jsonl")
    write(spool, "receipt.json", b"{}\n")
    return found.model_copy(update={"source": found.source.model_copy(update={"queue": request.param})})


@pytest.fixture
def outbox(spool: LocalSpool, manifest: Manifest) -> Path:
    """Give the folder in which the job's producer looks."""
    return spool.layout.queue("outbox", manifest.source.queue)


def test_an_output_moves_to_the_queue_of_its_file(
    spool: LocalSpool, manifest: Manifest, outbox: Path
) -> None:
    """By rename: the same file, whole, and in work/ no more."""
    inode = (spool.layout.job(JOB) / "results.jsonl").stat().st_ino
    spool.publish(manifest, RESULTS)
    assert (outbox / "x.results.jsonl").read_bytes() == b"rows"
    assert (outbox / "x.results.jsonl").stat().st_ino == inode
    assert not spool.has(JOB, "results.jsonl")


def test_outputs_appear_in_the_order_they_are_asked_for(
    spool: LocalSpool, manifest: Manifest, outbox: Path
) -> None:
    """One call, one file: that the receipt is the last is the caller's to keep."""
    spool.publish(manifest, RESULTS)
    assert names(outbox) == ["x.results.jsonl"]
    spool.publish(manifest, RECEIPT)
    assert names(outbox) == ["x.receipt.json", "x.results.jsonl"]


def test_a_refused_file_goes_out_byte_for_byte(spool: LocalSpool, manifest: Manifest) -> None:
    """The dropped file itself, in rejected/."""
    spool.publish(manifest, REFUSED)
    assert tree(spool.layout.queue("rejected", manifest.source.queue)) == {"x.jsonl": CONTENT}
    assert not spool.has(JOB, "request.jsonl")


def test_published_before_is_published(spool: LocalSpool, manifest: Manifest, outbox: Path) -> None:
    """Asked for again it is left as it is, even when the producer has already fetched it."""
    spool.publish(manifest, RESULTS)
    before = tree(spool.layout.root)
    spool.publish(manifest, RESULTS)
    assert tree(spool.layout.root) == before
    (outbox / "x.results.jsonl").unlink()
    spool.publish(manifest, RESULTS)
    assert names(outbox) == []


@pytest.mark.parametrize("kind", ["file", "folder", "dangling"])
def test_nothing_in_the_outbox_is_ever_overwritten(
    spool: LocalSpool, manifest: Manifest, outbox: Path, kind: str
) -> None:
    """A name that appeared meanwhile stays as it is, and the output stays in work/ for another try."""
    outbox.mkdir(exist_ok=True)
    place = outbox / "x.results.jsonl"
    if kind == "file":
        place.write_bytes(b"somebody's")
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to("nowhere")
    before = os.lstat(place)
    with pytest.raises(FileExistsError):
        spool.publish(manifest, RESULTS)
    assert os.path.samestat(os.lstat(place), before)
    assert spool.has(JOB, "results.jsonl")
    place.rename(outbox / "aside")
    spool.publish(manifest, RESULTS)
    assert place.read_bytes() == b"rows"


def test_an_output_that_cannot_be_moved_stays(spool: LocalSpool, manifest: Manifest, outbox: Path) -> None:
    """Where a rename is impossible nothing is copied bit by bit into the producer's sight."""
    outbox.mkdir(exist_ok=True)

    def publish() -> list[object]:
        mount_memory(outbox)
        try:
            spool.publish(manifest, RESULTS)
        except OSError as error:
            return [error.strerror, names(outbox), spool.has(JOB, "results.jsonl")]
        return []

    assert with_mounts(publish) == ["Invalid cross-device link", [], True]


def test_the_archive_keeps_the_file_and_its_manifests(spool: LocalSpool, manifest: Manifest) -> None:
    """Bodies, rows and temporary files go; the last manifest and the one before stay."""
    stored = spool.save(manifest.model_copy(update={"state": JobState.DONE}), if_version=0)
    write(spool, "part-001.rows.jsonl")
    (spool.layout.job(JOB) / ".part-002.rows.jsonl.tmp").write_bytes(b"half")
    spool.retire(stored.manifest, DAY)
    archived = spool.layout.archived(JOB, DAY)
    assert names(archived) == ["manifest.json", "manifest.previous.json", "request.jsonl"]
    assert (archived / "request.jsonl").read_bytes() == CONTENT
    assert read_manifest(archived) == stored
    assert names(spool.layout.work) == []
    assert list(spool.jobs()) == []


def test_archived_before_is_archived(spool: LocalSpool, manifest: Manifest) -> None:
    """Asked for again it is left as it is; two jobs of a day lie side by side."""
    spool.retire(manifest, DAY)
    before = tree(spool.layout.root)
    spool.retire(manifest, DAY)
    assert tree(spool.layout.root) == before
    spool.retire(take(spool, LATER_JOB), DAY)
    assert names(spool.layout.root / "done" / DAY) == [JOB, LATER_JOB]


def test_a_parked_job_lies_in_hold_with_its_reason(spool: LocalSpool, manifest: Manifest) -> None:
    """All its files go with it, and what a person has to know stands beside the manifest."""
    before = tree(spool.layout.job(JOB))
    spool.park(JOB, "a “problem”", "a fix")
    held = tree(spool.layout.held(JOB))
    assert json.loads(held.pop("hold.json")) == {"problem": "a “problem”", "fix": "a fix"}
    assert held == before
    assert names(spool.layout.work) == []
    assert list(spool.jobs()) == []
    assert spool.load(JOB) is None
    assert manifest.job == JOB


def test_a_job_moved_back_by_a_person_goes_on(spool: LocalSpool, manifest: Manifest) -> None:
    """Moving the folder is all it takes; the old reason is not in the way, neither then nor later."""
    spool.park(JOB, "a problem", "a fix")
    spool.layout.held(JOB).rename(spool.layout.job(JOB))
    assert list(spool.jobs()) == [JOB]
    assert spool.load(JOB)
    spool.park(JOB, "another problem", "")
    assert json.loads((spool.layout.held(JOB) / "hold.json").read_bytes())["problem"] == "another problem"
    spool.layout.held(JOB).rename(spool.layout.job(JOB))
    spool.retire(manifest, DAY)
    assert "hold.json" not in names(spool.layout.archived(JOB, DAY))


def test_a_job_with_nothing_but_a_file_can_be_parked(root: Path, spool: LocalSpool) -> None:
    """One whose manifest is gone as well."""
    take(spool)
    (root / "work" / JOB / "manifest.json").unlink()
    spool.park(JOB, "a problem", "a fix")
    assert names(root / "hold" / JOB) == ["hold.json", "request.jsonl"]
