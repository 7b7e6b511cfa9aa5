"""What the engine asks of the world: a spool, the API, a clock.

The engine knows no paths, no rename and no HTTP. One implementation of `Spool` keeps folders on a local
disk; nothing here says so.
"""

from collections.abc import Collection, Container, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

from batchbox.domain.job import JobId, Manifest
from batchbox.domain.records import Output, Owner
from batchbox.domain.stability import InboxFile, Inspection
from batchbox.ports.side_stores import ArchiveStore, MarkerFileStore, NotificationStore

if TYPE_CHECKING:  # commands that only look have no use for the decoder
    from batchbox.formats.local_files import Fetch


@dataclass(frozen=True, slots=True)
class Stored:
    """A manifest as it was read or written, with the version that the next write must name."""

    manifest: Manifest
    version: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Whose spool it is and who holds it: what every manifest carries."""

    spool_id: str
    epoch: int
    owner: Owner


class Lease(Protocol):
    """The right to be the one active daemon of a spool."""

    @property
    def taken(self) -> Taken:
        """Return whose it is."""

    def holds(self, seconds: float) -> bool:
        """Say whether it is held now and for the next *seconds*; asked before every paid byte."""


class Spool(Protocol):
    """Where files come in, jobs are kept and answers are put. Every write is durable on return.

    Raises `Offline` when the spool is not the one that was opened, `OSError` when the disk refuses.
    """

    @property
    def lease(self) -> Lease:
        """Return the right to work this spool."""

    @property
    def archives(self) -> ArchiveStore:
        """Return what is kept of the past; one thread at a time may ask."""

    @property
    def companions(self) -> MarkerFileStore:
        """Return what lies beside dropped files and is about them; any thread may ask."""

    @property
    def letters(self) -> NotificationStore:
        """Return the letters that are on their way."""

    def check(self) -> None:
        """Raise `Offline` unless this is the spool that was opened."""

    def scan(self) -> list[InboxFile]:
        """Return every file in the inbox that is meant for us."""

    def examine(self, incoming: InboxFile) -> Inspection:
        """Look into a file in the inbox: whether it is being written, whether it ends in a newline."""

    def take(self, incoming: InboxFile, manifest: Manifest) -> Stored | None:
        """Make *incoming* ours under *manifest*; None if it was gone. The manifest is durable first."""

    def jobs(self, known: Container[JobId] = ()) -> Iterable[JobId]:
        """Return the jobs that are neither finished nor held; at those *known* only by name."""

    def load(self, job: JobId) -> Stored | None:
        """Return the manifest; None if there is no such job. Raise `Damaged` if it cannot be believed."""

    def save(self, manifest: Manifest, if_version: int, from_reserve: bool = False) -> Stored:
        """Replace the manifest whole. Raise `Lost` unless the stored one has *if_version*.

        With *from_reserve*, what `reserve` kept is used up if nothing else is left.
        """

    def reserve(self, job: JobId) -> None:
        """Keep room for the manifest that must be written after a paid call, whatever else fills the disk."""

    def begin(self, job: JobId) -> None:
        """Note that a step has begun; the note stays if the process dies of it."""

    def end(self, job: JobId) -> None:
        """Take that note back: the step has ended, well or not."""

    def deaths(self, job: JobId) -> int:
        """Return how many steps of the job have begun and never ended."""

    def request(self, job: JobId) -> tuple[InboxFile, Inspection]:
        """Look again at the file of a job that was taken."""

    def freeze(self, job: JobId) -> None:
        """Make the file that was taken one that nobody else can change; the one it was may go on changing."""

    def open(self, job: JobId, name: str, here_and_there: bool = False) -> BinaryIO:
        """Open a file of the job's for reading, from its start or *here_and_there*.

        Raise `Damaged` if the job is there and the file is not.
        """

    def attachments(self, queue: str, folder: str | None, others: Collection[str]) -> "Fetch":
        """Return what reads the files that lines of *queue* name: beside them, or in its declared *folder*.

        *others* are the declared queues whose files are none of its business.
        """

    def has(self, job: JobId, name: str) -> bool:
        """Say whether the job has that file."""

    def create(self, job: JobId, name: str) -> AbstractContextManager[BinaryIO]:
        """Write a file of the job's: there whole when the block ends, not there if it raises."""

    def discard(self, job: JobId, names: Iterable[str]) -> None:
        """Remove files of the job's, as far as they are there."""

    def describe(self, job: JobId, name: str) -> tuple[int, str]:
        """Return size and SHA-256 of a file of the job's."""

    def publish(self, manifest: Manifest, output: Output) -> None:
        """Move a finished file out, by one rename, onto a free name; done before is done."""

    def retire(self, manifest: Manifest, date: str) -> None:
        """Move a finished job to the archive."""

    def park(self, job: JobId, problem: str, fix: str) -> bool:
        """Move a job aside for a person, with the reason; False if it is there already, or nowhere."""

    def why_held(self, job: JobId) -> tuple[str, str | None]:
        """Return why a job is held, or was until a person moved it back, and since when, if known."""

    def held(self) -> list[JobId]:
        """Return the jobs that were moved aside."""

    def load_held(self, job: JobId) -> Stored | None:
        """Return the manifest of a job that was moved aside; None if there is none. Raise `Damaged`."""

    def bring_back(self, manifest: Manifest, if_version: int) -> Stored:
        """Put a job that was moved aside under way again, as *manifest*."""

    def commands(self) -> list[str]:
        """Return what people have asked for, by name, oldest first."""

    def asked_by(self, name: str) -> str:
        """Return the name of the user who left that command; empty if it is gone."""

    def dismiss(self, name: str) -> None:
        """Forget a command that was carried out."""

    def finished(self, date: str) -> Iterable[Manifest]:
        """Return the jobs that were archived on that day, or on a later one, as far as they can be read."""

    def is_taken(self, queue: str, stem: str, own: Container[str] = ()) -> bool:
        """Say whether the outbox holds a name of that stem, other than those that are the asker's *own*."""

    def free_bytes(self) -> int:
        """Return the room that is left."""

    def flags(self) -> frozenset[str]:
        """Return what people have put up: PAUSE (send and take nothing), DRAIN (take nothing)."""

    def report(self, health: dict[str, object]) -> None:
        """Put down how things are, for whoever looks; may be lost at any time."""
