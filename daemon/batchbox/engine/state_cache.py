"""What the loop remembers between turns. All of it can be lost at any time.

The manifests are the truth; this is what was read of them, and what only this process can know: when it
began to wait, and what the API said last.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from batchbox.cost.limits import BudgetLimits, SpendLedger
from batchbox.domain.backoff import Backoff
from batchbox.domain.batch import Batch
from batchbox.domain.job import JobId, Manifest
from batchbox.domain.states import PartState
from batchbox.engine.quota import InFlight
from batchbox.engine.steps.poll import Polled
from batchbox.engine.steps.submit import SubmitCursor, Submitted
from batchbox.ports.storage import Stored
from batchbox.scheduling.actions import PartKey
from batchbox.scheduling.deadlines import RETAINED, Deadline
from batchbox.scheduling.retention import Archive, Totals
from batchbox.scheduling.view import Doubt, View

FASTEST_POLL = 5.0
SLOWEST_POLL = 30.0
T = TypeVar("T")
AGE_PER_SECOND = 24.0  # poll every 5 s for two minutes, every 30 s after twelve


class StateCache:
    """Jobs by id, and what is known beyond their manifests."""

    def __init__(self) -> None:
        self.jobs: dict[JobId, Stored] = {}
        self.changed: set[JobId] = set()
        self._manifests: dict[JobId, Manifest] = {}
        self._names: Counter[tuple[str, str]] = Counter()
        self.held: dict[JobId, tuple[str, str]] = {}  # queue and stem of those in hold/, as far as known
        self.queues: Counter[str] = Counter()  # jobs of each, as far as it has any
        self.busy: set[JobId] = set()
        self.risky: set[JobId] = set()
        self.suspects: set[JobId] = set()
        self.backoffs: dict[JobId, Backoff] = {}
        self.refused: dict[str, tuple[str, str]] = {}  # commands that cannot be carried out: problem and fix
        self.create = Backoff()
        self.resting: dict[JobId, float] = {}  # failed for a cause that all share: others try first
        self.flight = InFlight()
        self.read = Backoff()
        self.batches: dict[str, Batch] = {}
        self.missing: dict[str, float] = {}
        self._missing_since: dict[str, float] = {}
        self.doubts: dict[tuple[JobId, PartKey], Doubt] = {}
        self.found: dict[tuple[JobId, PartKey], frozenset[str]] = {}
        self.horizon: SubmitCursor | None = None
        self.deadlines: list[Deadline] = []  # as of the last look, those that are still there
        self.archives: Mapping[Archive, Totals] = {}
        self.books = SpendLedger()
        self.purse = BudgetLimits()
        self.submitting = False
        self.polling = False
        self.next_poll = 0.0

    def remember(self, stored: Stored, now: float) -> None:
        """Take in a manifest as it was read or written at *now*."""
        job = stored.manifest
        self.drop(job.job)
        self.free_name(job.job)
        self.jobs[job.job] = stored
        self._manifests[job.job] = job
        self.books.note(job)
        self._names[_name(job)] += 1
        self.queues[job.source.queue] += 1
        self.flight.note(job, self.batches)
        in_doubt = {(job.job, part.key) for part in job.parts if part.state is PartState.IN_DOUBT}
        for key in in_doubt:
            self.doubts.setdefault(key, Doubt(since=now))
        for key in [key for key in self.doubts if key[0] == job.job and key not in in_doubt]:
            del self.doubts[key]
            self.found.pop(key, None)

    def manifests(self) -> Iterable[Manifest]:
        """Return the jobs under way."""
        return self._manifests.values()

    def drop(self, job: JobId) -> Stored | None:
        """Have *job* read again, and keep what only this process knows of it."""
        self.changed.add(job)
        stored = self.jobs.pop(job, None)
        if stored:
            del self._manifests[job]
            self.flight.drop(job)
            name = _name(stored.manifest)
            _count_down(self._names, name)
            _count_down(self.queues, name[0])
        return stored

    def forget(self, job: JobId) -> None:
        """Drop a job that is in work/ no more."""
        stored = self.drop(job)
        self.books.lapse(job)
        for part in stored.manifest.parts if stored else ():
            for batch_id in (*part.candidates, part.batch_id or ""):  # if it comes back, it is missed anew
                self.missing.pop(batch_id, None)
                self._missing_since.pop(batch_id, None)
        self.deadlines = [one for one in self.deadlines if one.job != job]
        self.note_success(job)
        self.suspects.discard(job)
        for key in [key for key in self.doubts if key[0] == job]:
            del self.doubts[key]
            self.found.pop(key, None)

    def keep_name(self, job: Manifest) -> None:
        """Let no other job have the name of one in hold/: its producer was promised it."""
        self.free_name(job.job)
        self.held[job.job] = _name(job)
        self._names[_name(job)] += 1

    def free_name(self, job: JobId) -> None:
        """Take that back: it lies in hold/ no more."""
        if name := self.held.pop(job, None):
            _count_down(self._names, name)

    def note_look(self, key: tuple[JobId, PartKey], found: frozenset[str], now: float) -> None:
        """Keep what the first look for a part in doubt found."""
        if key in self.doubts:
            self.doubts[key] = replace(self.doubts[key], looked_at=now)
            self.found[key] = found

    def note_poll(self, polled: Polled, now: float, today: datetime) -> None:
        """Keep what the API said of the running batches."""
        self.horizon = polled.horizon
        self.batches = {batch.id: batch for batch in polled.batches.values() if batch}
        gone = {batch_id for batch_id, batch in polled.batches.items() if batch is None}
        self._missing_since = {batch_id: self._missing_since.get(batch_id, now) for batch_id in gone}
        self.missing = {batch_id: now - since for batch_id, since in self._missing_since.items()}
        for batch_id, created_at in self._submitted():
            if batch_id in gone and today - created_at > RETAINED:
                # nobody will ever see it again: let the fetch of its rows find that out
                spelled = created_at.isoformat()
                self.batches[batch_id] = Batch(batch_id, ended=True, total=0, created_at=spelled)

        for job in self._manifests.values():  # some of their batches may have ended
            self.flight.note(job, self.batches)

    def note_success(self, job: JobId) -> None:
        """Forget what has failed before: a step of the job has ended well."""
        self.backoffs.pop(job, None)
        self.resting.pop(job, None)

    def note_sent(self, sent: Submitted, key: PartKey, now: float, soon: float) -> None:
        """Keep what the end of a submission means for the next, and poll within *soon* seconds."""
        job = sent.stored.manifest
        self.create, self.horizon = Backoff(), sent.horizon
        self.next_poll = min(self.next_poll, now + soon)
        self.remember(sent.stored, now)
        part = job.part(key)
        if part.state is PartState.SUBMITTED:
            self.flight.note_accepted(part.requests)

    def _submitted(self) -> list[tuple[str, datetime]]:
        return [
            (part.batch_id, datetime.fromisoformat(part.submitted_at))
            for stored in self.jobs.values()
            for part in stored.manifest.parts
            if part.state is PartState.SUBMITTED and part.batch_id and part.submitted_at
        ]

    def _cursors(self) -> Iterator[datetime]:
        """Yield when, at the latest known, the batches began to be made that parts in doubt might be."""
        for stored in self.jobs.values():
            for part in stored.manifest.parts:
                if part.state is PartState.CANDIDATES and part.intent:
                    with suppress(ValueError, TypeError):
                        yield datetime.fromisoformat(part.intent.date).astimezone(UTC)

    def has_part(self, states: frozenset[PartState]) -> bool:
        """Say whether any part is in one of *states*."""
        return any(part.state in states for job in self._manifests.values() for part in job.parts)

    def poll_interval(self, today: datetime) -> float:
        """Return seconds between polls: the younger the youngest batch, the shorter."""
        ages = [today - created_at for created_at in (*self._cursors(), *(at for _, at in self._submitted()))]
        youngest = min(ages, default=timedelta(0)).total_seconds()
        return min(SLOWEST_POLL, max(FASTEST_POLL, youngest / AGE_PER_SECOND))

    def owned(self) -> frozenset[str]:
        """Return the batches that parts are known to be."""
        parts = (part for stored in self.jobs.values() for part in stored.manifest.parts)
        return frozenset(part.batch_id for part in parts if part.batch_id)

    def reservations(self, but: JobId | None = None) -> Callable[[str, str], bool]:
        """Return a test whether a job other than *but* has a queue and stem; any thread may ask."""
        own = _name(self._manifests[but]) if but in self._manifests else self.held.get(but or "")
        return lambda queue, stem: self._names.get((queue, stem), 0) > ((queue, stem) == own)

    def view(
        self, now: float, paused: bool, doubt_seconds: float, slots: int, most: int | None = None
    ) -> View:
        """Return all that the plan depends on, as it is and becomes. *most*: requests allowed at the API."""
        return View(
            now=now,
            jobs=self._manifests,
            busy=self.busy,
            paused=paused,
            submitting=self.submitting,
            polling=self.polling,
            slots=slots - len(self.busy),
            doubt_seconds=doubt_seconds,
            next_poll=self.next_poll,
            backoffs=self.backoffs,
            create=self.create,
            read=self.read,
            batches=self.batches,
            missing=self.missing,
            doubts=self.doubts,
            risky=self.risky,
            suspects=self.suspects,
            resting=self.resting,
            quota=self.flight.quota(most, now),
            purse=self.purse,
        )


def _count_down(counter: Counter[T], one: T) -> None:
    counter[one] -= 1
    if not counter[one]:
        del counter[one]


def _name(job: Manifest) -> tuple[str, str]:
    return (job.source.queue, job.stem)
