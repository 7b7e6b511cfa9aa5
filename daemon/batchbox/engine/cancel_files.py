"""Withdrawals: what `NAME.jsonl.cancel` in the inbox asks for.

A file of that name that lies in the inbox is taken as one that is canceled; jobs under way and held ones are
asked to end, durably; then the file that asked is removed, for their receipts answer it. One that finds
nothing to end is taken itself, and gets a receipt of its own.

What was dropped under the very name is meant before what only answers under it (the second `NAME.jsonl` as
`NAME~2`): so somebody else's file is ended only if nothing has that name of its own.
"""

from collections.abc import Iterator

import structlog

from batchbox.domain.errors import BatchboxError, Damaged, Stop
from batchbox.domain.file_types import form_of
from batchbox.domain.job import Manifest
from batchbox.domain.marker_files import is_answered_as, is_cancel, subject_of
from batchbox.domain.output_names import show
from batchbox.domain.stability import InboxFile, Sightings, WaitReason, Writer
from batchbox.domain.states import JobState
from batchbox.engine.admission import CHANGED, FLAGGED, Waiting
from batchbox.engine.jobs import Jobs
from batchbox.engine.state_cache import StateCache
from batchbox.engine.steps.claim import claim
from batchbox.engine.steps.context import Context
from batchbox.ports.storage import Stored

AT_ONCE = 32  # each may be made durable, and the loop must stay awake
UNREADABLE = WaitReason(
    "waits until every file under way can be read", "see batchbox status for those that cannot"
)

log = structlog.get_logger()


class CancelFiles:
    """Heeds them."""

    def __init__(self, ctx: Context, memory: StateCache, roster: Jobs) -> None:
        self._ctx = ctx
        self._memory = memory
        self._roster = roster
        self._sightings = Sightings()
        self._asking: dict[tuple[str, bytes], InboxFile] = {}
        self._heeded: set[InboxFile] = set()  # they found something to end
        self._named: set[InboxFile] = set()  # something was dropped under the very name
        self._waiting: set[InboxFile] = set()
        self._stuck: set[InboxFile] = set()  # what they ask cannot be done, or they cannot be removed

    def look(self, now: float, flags: frozenset[str]) -> Iterator[Waiting]:
        """Do what is asked, as of the last scan; yield those that have to wait. *flags*: those that stand."""
        seen = [one for one in self._ctx.spool.companions.seen if is_cancel(one.name)]
        self._sightings.update(seen, now)
        self._asking = {(one.queue, subject_of(one.name)): one for one in seen}
        self._heeded &= set(seen)
        self._stuck &= set(seen)
        self._named &= set(seen)
        flag = next((FLAGGED[flag] for flag in FLAGGED if flag in flags), None)
        seen.sort(key=self._waiting.__contains__)
        self._waiting = set()
        for one in seen[:AT_ONCE]:
            if obstacle := self._try_to_heed(one, now, flag):
                self._waiting.add(one)
                yield Waiting(one, obstacle)

    @property
    def is_going_on(self) -> bool:
        """Say whether something was ended and what asked for that is about to be removed."""
        return bool(self._heeded - self._stuck)

    def note_taken(self, job: Manifest) -> None:
        """Remember that a file was taken as one that is canceled."""
        asking = self._asking.get((job.source.queue, job.source.exact_name))
        if asking and job.cancel_asked_by:
            self._heeded.add(asking)
            self._named.add(asking)

    def _try_to_heed(self, asking: InboxFile, now: float, flag: WaitReason | None) -> WaitReason | None:
        self._stuck.discard(asking)
        try:
            return asking.obstacle or self._find_writer(asking, now) or self._heed(asking, now, flag)
        except (BatchboxError, OSError) as error:
            self._stuck.add(asking)
            return WaitReason(str(error), getattr(error, "fix", ""))

    def _find_writer(self, asking: InboxFile, now: float) -> WaitReason | None:
        """Return why it has to be left alone for a moment: programs that upload set its times at the end."""
        finding, rules = self._ctx.spool.examine(asking), self._ctx.settings.settle_rules()
        if finding.obstacle or finding.writer is Writer.SOME:
            return finding.obstacle or WaitReason("is still open for writing", expected=True)
        quiet = rules.quiet if finding.writer is Writer.NONE else rules.quiet_blind
        return CHANGED if now - self._sightings.since(asking) < quiet else None

    def _heed(self, asking: InboxFile, now: float, flag: WaitReason | None) -> WaitReason | None:
        memory, subject = self._memory, subject_of(asking.name)
        is_in_inbox = form_of(subject) and self._ctx.spool.companions.is_there(asking.queue, subject)
        if is_in_inbox or any(_is_named(asking, job) for job in memory.manifests()):
            self._named.add(asking)
        meant = [job for job in list(memory.manifests()) if self._means(asking, job)]
        if meant and asking not in self._named and self._find_held(asking):
            meant = [job for job in meant if self._means(asking, job)]
        pending = [obstacle for job in meant if (obstacle := self._ask(job, asking, now))]
        if is_in_inbox:
            told = f"waits until {show(subject)} has been taken, which is ended then"
            pending.append(WaitReason(told, expected=True))
        if memory.backoffs.keys() - memory.jobs.keys():
            pending.append(UNREADABLE)
        if pending:
            return pending[0]
        self._ask_held(asking)
        if asking in self._heeded:
            self._ctx.spool.companions.remove(*asking.place, asking.inode, asking.ctime_ns)
            self._heeded.discard(asking)
            return None
        if not flag and (stored := claim(self._ctx, asking, memory.reservations())):
            memory.remember(stored, now)
        return flag

    def _ask(self, job: Manifest, asking: InboxFile, now: float) -> WaitReason | None:
        """Have a job under way end; return why that has to wait."""
        if job.cancel_asked_at:
            self._heeded.add(asking)
            return None
        if job.job in self._memory.busy or job.state not in (JobState.TAKEN, JobState.RUNNING):
            return WaitReason(f"waits for a step of {job.job} to end", expected=True)
        version = self._memory.jobs[job.job].version
        stored = self._ctx.spool.save(job.cancel_asked(self._ctx.stamp(), show(asking.name)), version)
        self._memory.remember(stored, now)
        self._memory.backoffs.pop(job.job, None)
        self._note(job, asking)
        return None

    def _ask_held(self, asking: InboxFile) -> None:
        for stored in self._find_held(asking):
            self._roster.end_held(stored, show(asking.name))
            self._note(stored.manifest, asking)

    def _find_held(self, asking: InboxFile) -> list[Stored]:
        """Return what is meant of what is held; by the very name, if anything of that name is held."""
        found = [stored for stored in self._held() if self._means(asking, stored.manifest)]
        if any(_is_named(asking, stored.manifest) for stored in found):
            self._named.add(asking)
        return [stored for stored in found if self._means(asking, stored.manifest)]

    def _held(self) -> Iterator[Stored]:
        for held in self._ctx.spool.held():
            try:
                stored = self._ctx.spool.load_held(held)
            except (Damaged, Stop):
                continue  # whose it is cannot be told
            if stored:
                yield stored

    def _means(self, asking: InboxFile, job: Manifest) -> bool:
        if _is_named(asking, job):
            return True
        if asking in self._named or not _may_mean(asking, job):
            return False
        return is_answered_as(subject_of(asking.name), job.source.exact_name, job.stem)

    def _note(self, job: Manifest, asking: InboxFile) -> None:
        self._heeded.add(asking)
        log.info("job.cancel_asked", job=job.job, queue=job.source.queue, file=show(asking.name))


def _is_named(asking: InboxFile, job: Manifest) -> bool:
    return _may_mean(asking, job) and job.source.exact_name == subject_of(asking.name)


def _may_mean(asking: InboxFile, job: Manifest) -> bool:
    return asking.queue == job.source.queue and not is_cancel(job.source.exact_name)
