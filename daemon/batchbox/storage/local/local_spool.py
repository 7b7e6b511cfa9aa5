"""A spool kept in folders on a local disk: `ports.storage.Spool`."""

import errno
import os
from collections.abc import Collection, Container, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import BinaryIO

from batchbox.domain.errors import Damaged, Offline
from batchbox.domain.file_types import ALL_ENDINGS
from batchbox.domain.job import JobId, Manifest
from batchbox.domain.output_names import names_of, rejected_name
from batchbox.domain.records import Output
from batchbox.domain.stability import InboxFile, Inspection
from batchbox.domain.states import JobState
from batchbox.formats.local_files import Fetch
from batchbox.ports.storage import Stored
from batchbox.storage.local import command_files, durable, hold, inbox
from batchbox.storage.local.archive import LocalArchives, read_finished
from batchbox.storage.local.claims import has_remains, is_file, require_file, unmake
from batchbox.storage.local.disk_reserve import Reserve
from batchbox.storage.local.freeze import freeze
from batchbox.storage.local.layout import (
    BEGUN,
    DEFAULT_QUEUE,
    FOLDERS,
    JOB_NAME,
    KEPT,
    MANIFEST,
    REQUEST,
    Layout,
)
from batchbox.storage.local.local_files import LocalFiles, find_allowed_folders
from batchbox.storage.local.lock import LocalLease, prove
from batchbox.storage.local.manifest_files import (
    read_manifest,
    refuse_newer,
    replace_manifest,
    write_manifest,
)
from batchbox.storage.local.marker_files import LocalMarkerFiles
from batchbox.storage.local.notification_files import NotificationFiles
from batchbox.storage.local.status_file import write_health

BUFFER = 1 << 18
FULL = (errno.ENOSPC, errno.EDQUOT)
MADE_ANEW = ("control", "state", "done", "rejected", "hold")  # may be moved away at any time


class LocalSpool:
    """One spool, held by this process until `close`."""

    def __init__(self, root: Path, epoch: int) -> None:
        self.layout = Layout(root)
        self.lease = LocalLease(self.layout, epoch)
        self.archives = LocalArchives(self.layout)
        self.companions = LocalMarkerFiles(self.layout)
        self.letters = NotificationFiles(self.layout)
        self._reserve = Reserve(self.layout.health.parent)
        try:
            refuse_newer(self.layout)
            prove(self.layout)
            self.sees_writers = inbox.test_lease(self.layout)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let another process have it."""
        self.lease.release()

    def check(self) -> None:
        """Raise `Offline` unless the marker that was locked and all folders stand in their places."""
        self.lease.check()
        for name in FOLDERS:
            path = self.layout.root / name
            if durable.is_folder(path) or (name in MADE_ANEW and not durable.is_there(path)):
                continue
            state = "is not a folder" if durable.is_there(path) else "is gone"
            raise Offline(f"{path} {state}", "put it back, itself and no link; work goes on by itself")

    def scan(self) -> list[InboxFile]:
        """Return every wanted name in the inbox."""
        companions: list[InboxFile] = []
        seen = inbox.finish_claims(self.layout, inbox.scan(self.layout, companions))
        self.companions.seen = companions
        return seen

    def examine(self, incoming: InboxFile) -> Inspection:
        """Look into a file in the inbox."""
        return inbox.examine(self._place(incoming), incoming, self.sees_writers)

    def _place(self, incoming: InboxFile) -> Path:
        return self.layout.queue("inbox", incoming.queue) / os.fsdecode(incoming.name)

    def take(self, incoming: InboxFile, manifest: Manifest) -> Stored | None:
        """Make the file ours: the folder with its manifest first, so that the name cannot be lost."""
        folder = self.layout.job(manifest.job)
        os.mkdir(folder, 0o700)
        try:
            stored = write_manifest(folder, manifest)
            durable.sync_folder(self.layout.work)
            if inbox.claim(self._place(incoming), folder / REQUEST):
                require_file(incoming, folder / REQUEST)
                return stored
        except BaseException:
            unmake(folder)
            raise
        unmake(folder)
        return None

    def jobs(self, known: Container[JobId] = ()) -> Iterator[JobId]:
        """Yield the jobs under way, oldest first. A folder that never got its file is removed."""
        with os.scandir(self.layout.work) as entries:
            names = sorted(entry.name for entry in entries if JOB_NAME.fullmatch(entry.name))
        for name in names:
            if name in known or has_remains(self.layout.job(name)):
                yield name
            else:
                unmake(self.layout.job(name))

    def load(self, job: JobId) -> Stored | None:
        """Return the manifest, None if there is no such job (any more)."""
        folder = self.layout.job(job)
        stored = read_manifest(folder)
        has_request = durable.is_there(folder / REQUEST)
        if stored is None and has_remains(folder):
            fix = "what is left of it is kept; drop its file again if it was never sent"
            raise Damaged(f"the manifest of {job} is gone", fix)
        if has_request and not is_file(folder / REQUEST):
            raise Damaged(f"what was taken as the file of {job} is not a file", "drop the file itself")
        if stored and stored.manifest.state is JobState.TAKEN and not has_request:
            unmake(folder)  # the file is still in the inbox
            return None
        return stored

    def save(self, manifest: Manifest, if_version: int, from_reserve: bool = False) -> Stored:
        """Replace the manifest whole, on a full disk at the cost of the reserve."""
        folder, marked = self.layout.job(manifest.job), self._sign(manifest)
        try:
            return replace_manifest(folder, marked, if_version)
        except OSError as error:
            if not from_reserve or error.errno not in FULL:
                raise
        self._reserve.free()
        return replace_manifest(folder, marked, if_version)

    def _sign(self, manifest: Manifest) -> Manifest:
        taken = self.lease.taken
        return manifest.signed(taken.epoch, taken.owner)

    def reserve(self, job: JobId) -> None:
        """Keep room for twice the manifest as it is."""
        self._reserve.fill(2 * os.stat(self.layout.job(job) / MANIFEST).st_size)

    def begin(self, job: JobId) -> None:
        """Note that a step has begun. Not synced: a process that dies takes nothing from the page cache."""
        with open(self.layout.job(job) / BEGUN, "ab") as file:
            file.write(b".")

    def end(self, job: JobId) -> None:
        """Take the note back."""
        durable.remove(self.layout.job(job) / BEGUN)

    def deaths(self, job: JobId) -> int:
        """Return how many steps of the job have begun and never ended."""
        with suppress(FileNotFoundError):
            return os.stat(self.layout.job(job) / BEGUN).st_size
        return 0

    def request(self, job: JobId) -> tuple[InboxFile, Inspection]:
        """Look again at the file of a job that was taken."""
        path = self.layout.job(job) / REQUEST
        found = os.lstat(path)
        incoming = InboxFile("", b"", found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        return incoming, inbox.examine(path, incoming, self.sees_writers)

    def freeze(self, job: JobId) -> None:
        """Make the file that was taken ours alone, by a private copy unless it is so already."""
        freeze(self.layout.job(job) / REQUEST, self.sees_writers)

    def open(self, job: JobId, name: str, here_and_there: bool = False) -> BinaryIO:
        """Open a file of the job's for reading; a buffer would be filled anew at every jump."""
        try:
            return open(self.layout.job(job) / name, "rb", buffering=0 if here_and_there else BUFFER)
        except FileNotFoundError:
            if durable.is_there(self.layout.job(job)):
                raise Damaged(
                    f"{name} of {job} is gone", "see what became of it, and check the disk"
                ) from None
            raise

    def attachments(self, queue: str, folder: str | None, others: Collection[str]) -> Fetch:
        """Return what reads the files that lines of *queue* name."""
        return LocalFiles(find_allowed_folders(self.layout, queue, folder, others), self.sees_writers).read

    def has(self, job: JobId, name: str) -> bool:
        """Say whether the job has that file."""
        return durable.is_there(self.layout.job(job) / name)

    def create(self, job: JobId, name: str) -> AbstractContextManager[BinaryIO]:
        """Write a file of the job's, there whole or not at all."""
        return durable.write_whole(self.layout.job(job) / name)

    def discard(self, job: JobId, names: Iterable[str]) -> None:
        """Remove files of the job's."""
        for name in names:
            durable.remove(self.layout.job(job) / name)

    def describe(self, job: JobId, name: str) -> tuple[int, str]:
        """Return size and SHA-256 of a file of the job's."""
        return durable.digest(self.layout.job(job) / name)

    def publish(self, manifest: Manifest, output: Output) -> None:
        """Move a finished file out. A source that is not there was moved before."""
        source = self.layout.job(manifest.job) / output.source
        folder = self.layout.queue(output.folder, manifest.source.queue)
        if output.folder != "outbox":
            durable.make_folder(self.layout.root / output.folder)
        if manifest.source.queue != DEFAULT_QUEUE:
            durable.make_folder(folder)
        if durable.is_there(source):
            durable.move_onto_free(source, folder / output.name)
        else:
            durable.sync_folder(folder)  # it may have been moved a moment before a crash

    def retire(self, manifest: Manifest, date: str) -> None:
        """Move a finished job to the archive, with nothing but its file and its manifest."""
        folder, target = self.layout.job(manifest.job), self.layout.archived(manifest.job, date)
        if not durable.is_there(folder):
            return
        for name in set(os.listdir(folder)) - KEPT:
            durable.remove(folder / name)
        durable.make_folder(target.parent.parent)
        durable.make_folder(target.parent)
        while durable.is_there(target):  # it came back with a backup
            target = target.with_name(f"{target.name}~")
        durable.move(folder, target)

    def park(self, job: JobId, problem: str, fix: str) -> bool:
        """Move a job to hold/, with the reason."""
        return hold.park(self.layout, job, problem, fix)

    def why_held(self, job: JobId) -> tuple[str, str | None]:
        """Return what hold.json says, wherever the job is."""
        reasons = (hold.read_reason(folder) for folder in (self.layout.held(job), self.layout.job(job)))
        return next(((one.problem, one.since) for one in reasons if one.since), ("", None))

    def held(self) -> list[JobId]:
        """Return the jobs that lie in hold/."""
        return hold.find_jobs(self.layout)

    def load_held(self, job: JobId) -> Stored | None:
        """Return the manifest of a job in hold/."""
        return read_manifest(self.layout.held(job))

    def bring_back(self, manifest: Manifest, if_version: int) -> Stored:
        """Move a job from hold/ to work/."""
        return hold.bring_back(self.layout, self._sign(manifest), if_version)

    def commands(self) -> list[str]:
        """Return the names in control/ that are no flags."""
        return [note.name for note in command_files.read_commands(self.layout)]

    def asked_by(self, name: str) -> str:
        """Return whose file that command is."""
        return command_files.find_asker(self.layout, name)

    def dismiss(self, name: str) -> None:
        """Remove a command, durably."""
        command_files.dismiss(self.layout, name)

    def finished(self, date: str) -> Iterator[Manifest]:
        """Yield what lies in done/DATE, and in folders of later days."""
        return read_finished(self.layout, date)

    def is_taken(self, queue: str, stem: str, own: Container[str] = ()) -> bool:
        """Say whether the outbox or the rejected files hold a name of that stem, but for *own* ones."""
        outbox = self.layout.queue("outbox", queue)
        rejected = self.layout.queue("rejected", queue)
        refused = (rejected / rejected_name(stem, ending) for ending in ALL_ENDINGS)
        names = (outbox / name for name in names_of(stem) if name not in own)
        return any(durable.is_there(path) for path in (*refused, *names))

    def free_bytes(self) -> int:
        """Return the room that is left for us."""
        found = os.statvfs(self.layout.root)
        return found.f_bavail * found.f_frsize

    def flags(self) -> frozenset[str]:
        """Return the flags that stand in control/."""
        return frozenset(note.name for note in command_files.read_flags(self.layout))

    def report(self, health: dict[str, object]) -> None:
        """Put down how things are."""
        write_health(self.layout.health, health)
