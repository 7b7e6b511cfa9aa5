"""The world of the model: what lies on the disk, what the daemon remembers, what the service holds.

All of it is hashable values, so that a state that was seen before is known again. The manifests are the
real ones; a number stands for each, and what no decision depends on (attempts, texts, times) is left out
of them. A batch is named by its place in the order in which the service created them.

What is believed of the service, and so holds in every world:

    a create that is cut off makes a batch within the settle time, or never makes one;
    a batch is in the list within the settle time and the wait between the two looks;
    one list may leave one batch out (`Limits.flaps`), two in a row do not.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from batchbox.domain.batch import Batch
from batchbox.domain.job import JobId, Manifest
from batchbox.domain.part import Part
from batchbox.domain.records import Input, Owner, SourceFile
from batchbox.domain.states import HELD, JobState, PartState
from batchbox.formats.batch_body import HEAD, TAIL, write_items
from batchbox.scheduling.actions import JobAction, PartKey
from batchbox.scheduling.view import Doubt

REQUEST = "q"
INDEX = b'[1,"q"]\n'

NOW = 1_000_000.0  # monotonic seconds: time stands still, and what waits grows older
TODAY = datetime(2025, 2, 1, tzinfo=UTC)
SETTLE = 900.0
APART = timedelta(hours=26)  # between two creations: more than the margin of a look without its cursor
LONG_AGO = "2020-01-01T00:00:00Z"
STRANGER = "zzzz"
JOBS = "abcd"
FORGETFUL = frozenset({PartState.READY, PartState.CANCELED, PartState.COLLECTED, PartState.REFUSED})


@dataclass(frozen=True)
class Limits:
    """How big a world is: everything that would otherwise never end."""

    jobs: int = 1
    parts: int = 1
    strangers: int = 0
    deletions: int = 0
    pardons: int = 0  # how often a person may choose to release or to resubmit
    has_adoptions: bool = False
    has_cancels: bool = False
    has_holds: bool = False  # a person may put any job aside at any moment of rest, and take it back
    flaps: int = 0
    expiries: int = 0
    page: int = 1000
    has_disk_errors: bool = True
    has_old_cursors: bool = True
    is_refused_early: bool = False  # a body may be refused before all of it was sent
    is_deleted_unseen: bool = False  # a batch of ours may be deleted before any look could have seen it

    def __str__(self) -> str:
        """Name what differs from the smallest world."""
        plain = Limits()
        facts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return "-".join(f"{name}={value}" for name, value in facts.items() if value != getattr(plain, name))


class Stay(NamedTuple):
    """A batch at the service: whose it is, and how far it is."""

    nonce: str
    listed: bool
    ended: bool = False
    deleted: bool = False
    expired: bool = False
    canceled: bool = False


class Flight(NamedTuple):
    """A step under way: what it was given, and every answer that the world has given it since."""

    action: JobAction
    start: int
    cursor: int | None  # of the horizon it was given: -1 for "there was none", None for "not known"
    owned: frozenset[str]
    found: frozenset[str]
    log: tuple[object, ...] = ()


class Job(NamedTuple):
    """A job: where its folder is, its manifest as it is on the disk, and who works on it."""

    where: str
    manifest: int
    flight: Flight | None = None
    pardons: int = 0  # how often a person has chosen to risk another batch


class Wait(NamedTuple):
    """What the process knows of a part in doubt."""

    job: JobId
    part: PartKey
    doubt: Doubt
    found: frozenset[str] = frozenset()


class State(NamedTuple):
    """Everything at one moment."""

    jobs: tuple[Job, ...]
    waits: tuple[Wait, ...] = ()
    pending: tuple[str, ...] = ()  # nonces of requests that left whole and may still be carried out
    stays: tuple[Stay, ...] = ()
    flaps: int = 0


class Shelf:
    """Gives each manifest a number, and the manifest for a number."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}
        self._manifests: list[Manifest] = []

    def put(self, manifest: Manifest) -> int:
        """Return the number of *manifest*, less what no decision depends on."""
        parts = tuple(_strip(part) for part in manifest.parts)
        key = (manifest.job, bool(manifest.cancel_asked_at), *(_key(part) for part in parts))
        if key not in self._numbers:
            self._numbers[key] = len(self._manifests)
            self._manifests.append(manifest.model_copy(update={"parts": parts, "revision": 0}))
        return self._numbers[key]

    def get(self, number: int) -> Manifest:
        """Return the manifest of that number."""
        return self._manifests[number]


def _strip(part: Part) -> Part:
    """Return *part* without texts, times and counts; what its next attempt writes anew goes as well."""
    facts: dict[str, object] = {"attempt": 0, "submitted_at": None, "ended_at": None, "collected_at": None}
    facts |= {"prepared_at": None, "doubted_at": None, "refused_at": None}
    facts |= {"doubt": None, "refusal": None, "outcomes": {}, "usage": {}}
    if part.state in FORGETFUL:
        facts |= {"intent": None, "ruled_out": ()}
    return part.model_copy(update=facts)


def _key(part: Part) -> tuple[object, ...]:
    intent = part.intent and (part.intent.cursor, part.intent.date)
    facts = (part.key, part.state, part.nonce, intent, part.candidates, part.ruled_out, part.batch_id)
    return (*facts, part.adopting, part.abandoned, part.again, part.crc32)


def write_body(nonce: str) -> bytes:
    """Return the body of a part: one request."""
    return HEAD + write_items([(REQUEST, b"{}")], nonce) + TAIL


def make_part(number: int, nonce: str) -> Part:
    """Return a part that is ready to be sent."""
    sums = {"crc32": zlib.crc32(write_body(nonce)), "index_crc32": zlib.crc32(INDEX)}
    return Part(number=number, nonce=nonce, requests=1, bytes=9, **sums)


def make_jobs(limits: Limits) -> Iterator[Manifest]:
    """Yield the jobs with which a world begins: their parts are alike but for the nonce."""
    for name in JOBS[: limits.jobs]:
        parts = tuple(make_part(number, nonce=f"{name}{number}") for number in range(1, limits.parts + 1))
        yield Manifest(
            spool_id="s",
            epoch=1,
            owner=Owner(host="h", boot_id="b", pid=1),
            job=name,
            state=JobState.RUNNING,
            source=SourceFile(name="a.jsonl", name_b64="", queue="", size=9, inode=3, mtime_ns=5),
            stem=name,
            input=Input(lines=1, requests=1, bytes=9, sha256=""),
            parts=parts,
            taken_at="2025-01-01T00:00:00Z",
        )


def is_in_question(manifest: Manifest) -> bool:
    """Say whether a part of it waits for what only a person can decide."""
    return any(part.state in HELD for part in manifest.parts)


def name_of(index: int) -> str:
    """Return the id of the batch that was created as that one."""
    return f"b{index}"


def index_of(batch_id: str) -> int:
    """Return the place of a batch in the order of creation."""
    return int(batch_id[1:])


def created_at(index: int) -> str:
    """Return when the service created a batch."""
    return (TODAY - timedelta(days=20) + index * APART).isoformat()


def show_batch(index: int, ended: bool, canceling: bool = False) -> Batch:
    """Return a batch as the API describes it; all have the same number of requests."""
    return Batch(name_of(index), ended, total=1, created_at=created_at(index), canceling=canceling)
