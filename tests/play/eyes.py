"""What can be seen from outside at any moment, and what must hold of it at every one."""

import base64
import hashlib
import json
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from batchbox.domain.job import Manifest
from batchbox.domain.part import Part
from batchbox.domain.states import TRANSITIONS, PartState
from batchbox.ports.storage import Stored
from batchbox.storage.local.manifest_files import read_manifest
from batchbox_sandbox.remote import Sandbox
from tests.engine.promises import check_paid_once, check_rows
from tests.support.engine import Engine

ARROWS = {(before, after) for (before, _), after in TRANSITIONS.items()}
ENDINGS = (".results.jsonl", ".errors.jsonl", ".receipt.json")
REQUEST = "request.jsonl"
DEATHS_BORNE = 3  # of the process in the midst of one file

Copy = tuple[str, str, str]  # queue, name, digest


def digest(content: bytes) -> str:
    """Return the SHA-256 of *content*."""
    return hashlib.sha256(content).hexdigest()


def queue_of(job: Manifest) -> str:
    """Return the folder of a job's queue."""
    return "" if job.source.queue == "default" else job.source.queue


def name_of(job: Manifest) -> str:
    """Return the name under which a job's file was dropped."""
    return base64.b64decode(job.source.name_b64).decode(errors="surrogateescape")


@dataclass
class Eyes:
    """Looks, and remembers what it saw."""

    root: Path
    sandbox: Sandbox
    engine: Engine = field(init=False)
    dropped: Counter[Copy] = field(default_factory=Counter)
    outputs: dict[Path, str] = field(default_factory=dict)
    receipts: dict[str, Path] = field(default_factory=dict)  # by job, each that ever was
    consumed: set[str] = field(default_factory=set)  # jobs of which the outbox holds nothing any more
    deaths: int = 0
    held: set[str] = field(default_factory=set)  # jobs that ever were
    deleted: list[str] = field(default_factory=list)  # batches that were deleted
    complaints: list[str] = field(default_factory=list)  # what was seen while the engine was at work
    _read: dict[Path, tuple[int, int, Manifest]] = field(default_factory=dict)

    def look(self) -> None:
        """Look at everything."""
        assert not self.complaints, "\n".join(self.complaints)
        jobs = self.jobs()
        self.check_outbox()
        self.check_stems(jobs)
        self.check_copies(jobs)
        self.check_held(jobs)
        check_paid_once(self.engine, self.sandbox)

    def jobs(self) -> dict[Path, Manifest]:
        """Return every job there is, by its folder; each has a manifest that can be read."""
        root = self.root
        folders = [*root.glob("work/*/"), *root.glob("hold/*/"), *root.glob("done/*/*/")]
        return {folder: self._manifest(folder) for folder in sorted(folders)}

    def _manifest(self, folder: Path) -> Manifest:
        found = (folder / "manifest.json").stat()
        inode, mtime, known = self._read.get(folder, (0, 0, None))
        if known and (inode, mtime) == (found.st_ino, found.st_mtime_ns):
            return known
        stored = read_manifest(folder)
        assert stored, f"{folder} has no manifest"
        assert folder.name == stored.manifest.job
        self._read[folder] = (found.st_ino, found.st_mtime_ns, stored.manifest)
        return stored.manifest

    def check_outbox(self) -> None:
        """Nothing that lies in the outbox is half done, or ever changes, or comes without what it names."""
        outbox = self.root / "outbox"
        found = {path: path.read_bytes() for path in outbox.rglob("*") if path.is_file()}
        for path, expected in self.outputs.items():
            assert path in found, f"{path} is gone"
            assert digest(found[path]) == expected, f"{path} has changed"
        fresh = found.keys() - self.outputs.keys()
        if not fresh:
            return
        named = self._named()
        for path in fresh:
            assert path.name.endswith(ENDINGS)
            assert named.get(path) == (len(found[path]), digest(found[path])), f"{path} is not as was named"
            self.outputs[path] = digest(found[path])
        for path in fresh:
            if path.name.endswith(ENDINGS[2]):
                self._check_receipt(path, found[path])

    def _named(self) -> dict[Path, tuple[int, str]]:
        """Return the outputs that manifests promise."""
        return {
            self._place(output.folder, job, output.name): (output.size, output.sha256)
            for job in self.jobs().values()
            for output in job.outputs
            if job.job not in self.consumed
        }

    def _place(self, folder: str, job: Manifest, name: str) -> Path:
        return self.root / folder / queue_of(job) / name

    def _check_receipt(self, path: Path, content: bytes) -> None:
        """Check that a receipt is the job's only one, and that all it names is there, row by row."""
        receipt = json.loads(content)
        folder, job = next((at, one) for at, one in self.jobs().items() if one.job == receipt["job"])
        assert job.job not in self.receipts, f"{job.job} has two receipts"
        self.receipts[job.job] = path
        assert receipt["status"] == job.status
        for output in receipt["outputs"]:
            place = self._place(output["folder"], job, output["name"])
            assert place.exists(), f"{path} is out before {place}"
            data = place.read_bytes()
            assert (len(data), digest(data)) == (output["size"], output["sha256"])
        assert job.input
        if job.status == "rejected":
            assert [output["sha256"] for output in receipt["outputs"]] == [job.input.sha256]
            return
        request = (folder / REQUEST).read_bytes()
        assert receipt["input"]["sha256"] == digest(request)
        check_rows(self.engine, job, receipt, request, queue_of(job))

    def check_stems(self, jobs: dict[Path, Manifest]) -> None:
        """No two jobs have one name in the outbox; one that was held reserves its name only at its end."""
        self.held |= {job.job for folder, job in jobs.items() if folder.parent.name == "hold"}
        present = [job for job in jobs.values() if job.job not in self.consumed]
        stems = [(job.source.queue, job.stem) for job in present if job.job not in self.held or job.outputs]
        assert len(set(stems)) == len(stems), "two jobs have one name"

    def check_copies(self, jobs: dict[Path, Manifest]) -> None:
        """Every file that was dropped lies in exactly one place, under its name, byte for byte."""
        inbox = self.root / "inbox"
        found: Counter[Copy] = Counter()
        for path in inbox.rglob("*.jsonl"):
            queue = "" if path.parent == inbox else path.parent.name
            found[queue, path.name, digest(path.read_bytes())] += 1
        refused = {path for path in (self.root / "rejected").rglob("*") if path.is_file()}
        for folder, job in jobs.items():
            places = {
                self._place("rejected", job, one.name) for one in job.outputs if one.folder == "rejected"
            }
            for path in [folder / REQUEST, *(places & refused)]:
                if path.exists():
                    found[queue_of(job), name_of(job), digest(path.read_bytes())] += 1
            refused -= places
        assert found == +self.dropped, "a file is lost, doubled or changed"
        assert not refused, "a refused file is nobody's"

    def check_held(self, jobs: dict[Path, Manifest]) -> None:
        """Nobody is asked to decide, but because a batch was deleted before it was proven, or of deaths."""
        for folder, job in jobs.items():
            if folder.parent.name != "hold":
                continue
            reason = json.loads((folder / "hold.json").read_bytes()) if self.deaths < DEATHS_BORNE else {}
            doubts = [part.doubt or "" for part in job.parts if part.state is PartState.UNDECIDED]
            assert doubts or self.deaths >= DEATHS_BORNE, f"{job.job} is held for nothing: {reason}"
            assert all(any(batch in doubt for batch in self.deleted) for doubt in doubts)


class Watched:
    """A spool, used as it is; every arrow and every moment between two renames is looked at."""

    def __init__(self, real: object, eyes: Eyes) -> None:
        self._real = real
        self._eyes = eyes

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def save(self, manifest: Manifest, if_version: int, **more: object) -> Stored:
        """Check that the state table has the arrow; save."""
        before = read_manifest(self._eyes.root / "work" / manifest.job)
        self._note(lambda: check_arrows(before.manifest if before else manifest, manifest))
        found: Stored = getattr(self._real, "save")(manifest, if_version, **more)  # noqa: B009
        return found

    def publish(self, *arguments: object) -> None:
        """Publish; look at the outbox as a producer could at that very moment."""
        getattr(self._real, "publish")(*arguments)  # noqa: B009
        self._note(self._eyes.check_outbox)

    def _note(self, check: Callable[[], None]) -> None:
        """Keep a complaint for later: raised here, the engine would take it for a failure of its own."""
        try:
            check()
        except Exception:  # noqa: BLE001  whatever it is, it is a complaint
            self._eyes.complaints.append(traceback.format_exc())


def check_arrows(before: Manifest, after: Manifest) -> None:
    """Check that *after* may follow *before*."""
    assert before.state is after.state or (before.state, after.state) in ARROWS
    old: dict[tuple[int, int], Part] = {part.key: part for part in before.parts}
    for part in after.parts:
        former = old.pop(part.key, None)
        was = former.state if former else PartState.READY
        assert was is part.state or (was, part.state) in ARROWS, f"{was} became {part.state}"
        assert former is None or former.nonce == part.nonce
    assert not old, "a part is gone"
