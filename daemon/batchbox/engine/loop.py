"""The loop: look at the disk, plan, begin what is due, take in what finished.

One thread decides; steps run in daemon threads and only mail their end. A restart runs this same code
on what is on the disk, and so does every failed step: its job is read again and planned anew.
"""

from collections.abc import Callable

import structlog

from batchbox.domain.backoff import Backoff
from batchbox.domain.errors import Damaged, Offline, Stop, TryLater
from batchbox.domain.job import JobId
from batchbox.domain.stability import InboxFile
from batchbox.engine import dispatch
from batchbox.engine.admission import Admission
from batchbox.engine.cancel_files import CancelFiles
from batchbox.engine.cleanup import Cleanup
from batchbox.engine.crash_counter import CrashCounter
from batchbox.engine.daily_spend import DailySpend
from batchbox.engine.dispatch import StepInput, perform, perform_poll, start_thread
from batchbox.engine.failures import note_failure
from batchbox.engine.health import HealthWriter
from batchbox.engine.jobs import Jobs
from batchbox.engine.mailbox import CleanedUp, Hint, Mail, Mailbox, ReloadAsked, StepDone, StopAsked, attempt
from batchbox.engine.state_cache import FASTEST_POLL, StateCache
from batchbox.engine.steps.claim import claim
from batchbox.engine.steps.context import Context
from batchbox.engine.steps.poll import Polled, report_poll
from batchbox.engine.steps.submit import Submitted
from batchbox.ports.storage import Stored
from batchbox.scheduling import actions
from batchbox.scheduling.due_cache import DueCache
from batchbox.scheduling.view import View
from batchbox.settings.model import Settings

REST = 4.0  # times what a scan took, before anything but its time brings on another
HOPELESS = 5  # failures, about half a minute, after which a job that cannot be read keeps nobody waiting

log = structlog.get_logger()


class Loop:
    """The deciding thread. *start* runs a step; tests may run it in place.

    *reread* returns the settings as they are to be from now on; it is given those that hold.
    """

    def __init__(
        self,
        ctx: Context,
        mailbox: Mailbox,
        start: Callable[[Callable[[], None]], None] = start_thread,
        reread: Callable[[Settings], Settings] = lambda settings: settings,
    ) -> None:
        self._ctx = ctx
        self._mailbox = mailbox
        self._start = start
        self._reread = reread
        self._intake = Admission(ctx)
        self._health = HealthWriter(ctx)
        self.memory = StateCache()
        self._roster = Jobs(ctx, self.memory)
        self._withdrawals = CancelFiles(ctx, self.memory, self._roster)
        self._perils = CrashCounter(ctx, self.memory)
        self._accounts = DailySpend(ctx, self.memory)
        self._upkeep = Cleanup(ctx, self.memory, mailbox, start)
        self._agenda = DueCache()
        self._next_scan = 0.0
        self._rested = 0.0  # when a scan may come before its time again
        self._is_told = False
        self._is_owed = False  # a look through the inbox, once the one under way has ended
        self._flags: frozenset[str] = frozenset()
        self._offline = ("", "")
        self._polled = (0, 0)
        self._stopping = False
        self._has_looked = False
        self._is_unsure = False

    def run(self, until_idle: bool = False) -> None:
        """Turn until asked to stop; with *until_idle*, until nothing is left to do."""
        while not self._stopping:
            self.turn(self._mailbox.take(self._patience()))
            if until_idle and self.is_idle():
                break
        self._wind_down()

    def turn(self, mail: list[Mail]) -> None:
        """Take in *mail* and begin everything that is due."""
        for item in mail:
            self._take_in(item)
        try:
            self._ctx.spool.check()
            self._look()
            self._accounts.update()
        except (Offline, OSError) as error:
            self._go_offline(str(error), getattr(error, "fix", "see whether the disk is there and whole"))
        else:
            self._begin_due()
        self._upkeep.begin(not self._offline[0], "PAUSE" in self._flags)
        self._tell()

    def _begin_due(self) -> None:
        if self._stopping:
            return
        news, self.memory.changed = self.memory.changed, set()
        view = self._view()
        for action in self._agenda.take(view, news):
            self._begin(action)
        self.memory.flight.tell(self._agenda.crowded_out, view.quota)

    def _tell(self) -> None:
        """Say how things are: to those who look now and then, and to whoever watches over us."""
        if self._is_told and self._now() < self._health.due:
            return
        self._health.beat(self.memory, self._intake, self._flags, self._offline, self._stopping)
        if not self._offline[0]:
            self._health.report(self.memory, self._intake, self._flags)
        self._is_told = True

    def is_idle(self) -> bool:
        """Say whether nothing is left to do but what needs a person or a producer."""
        sure = self._has_looked and not self._is_unsure and not self._is_owed
        settled = not (self._intake.is_settling or self._withdrawals.is_going_on)
        quiet = sure and settled and not (self._offline[0] or self._upkeep.is_busy)
        hopeful = any(one.failures < HOPELESS for one in self.memory.backoffs.values())
        return quiet and not self.memory.jobs and not self.memory.busy and not hopeful

    def _now(self) -> float:
        return self._ctx.clock.monotonic()

    def _view(self) -> View:
        settings, paused = self._ctx.settings, "PAUSE" in self._flags
        most = settings.max_queued_requests
        return self.memory.view(self._now(), paused, settings.doubt_seconds, settings.transfers, most)

    def _patience(self) -> float:
        """Return how long there is nothing to do without news."""
        if self._offline[0]:
            return max(0.0, min(self._next_scan, self._health.due) - self._now())
        if self._intake.is_going_on or self.memory.changed:
            return 0.0
        return max(0.0, min(self._scan_due(), self._agenda.until, self._health.due) - self._now())

    def _scan_due(self) -> float:
        if self._intake.is_going_on:
            return self._next_scan
        early = 0.0 if self._is_owed else self._intake.due
        return min(self._next_scan, max(early, self._rested))

    def _go_offline(self, problem: str, fix: str) -> None:
        log.error("spool.offline", problem=problem, fix=fix)
        self._offline, self._is_told = (problem, fix), False
        self._next_scan = self._now() + self._ctx.settings.scan_seconds

    def _look(self) -> None:
        now = self._now()
        if self._offline[0] or now >= self._scan_due():
            self._scan(now)
        room = self._ctx.settings.max_jobs - len(self.memory.jobs)
        if self._flags or self._stopping:
            room = 0
        for incoming in self._intake.pick(now, max(room, 0), self.memory.queues):
            self._claim(incoming)

    def _scan(self, now: float) -> None:
        """Look at everything there is: flags, commands, jobs and, once gone through, the inbox."""
        self._next_scan = now + self._ctx.settings.scan_seconds
        self._flags = self._ctx.spool.flags()
        self._is_unsure = self._is_told = False
        self._agenda.wake_by(now)
        self._roster.look(now)
        # begun again before it has ended, a look through the inbox might never see its end
        self._is_owed = self._intake.is_going_on and not self._offline[0]
        if not self._is_owed:
            self._intake.scan(now)
            self._intake.wait_for(self._withdrawals.look(now, self._flags), now)
        self._has_looked, self._offline = True, ("", "")
        after = self._now()
        self._rested = after + REST * (after - now)

    def _claim(self, incoming: InboxFile) -> None:
        markers = self._intake.companions
        try:
            marker, by = markers.ok_marker_of(incoming), markers.canceled_by(incoming)
            stored = claim(self._ctx, incoming, self.memory.reservations(), marker, by)
        except (TryLater, OSError) as error:
            self._intake.note_failure(incoming, str(error), getattr(error, "fix", ""), self._now())
            self._is_unsure = True  # it may be in work/ all the same
            return
        if stored:
            self._withdrawals.note_taken(stored.manifest)
            self.memory.remember(stored, self._now())

    def _begin(self, action: actions.Action) -> None:
        ctx, mailbox, memory = self._ctx, self._mailbox, self.memory
        if isinstance(action, actions.Poll):
            memory.polling = True
            self._start(lambda: mailbox.put(attempt(action, lambda: perform_poll(ctx, action))))
            return
        stored = memory.jobs[action.job]
        briefing = StepInput(
            horizon=memory.horizon,
            owned=memory.owned() if isinstance(action, actions.Look) else frozenset(),
            found=memory.found.get((action.job, getattr(action, "part", (0, 0))), frozenset()),
            is_reserved=memory.reservations(but=action.job),
        )
        memory.busy.add(action.job)
        if isinstance(action, actions.Risky):
            self._perils.begin(action.job)
        memory.submitting = memory.submitting or isinstance(action, actions.Submit)
        self._start(lambda: mailbox.put(attempt(action, lambda: perform(ctx, action, stored, briefing))))

    def _take_in(self, mail: Mail) -> None:
        match mail:
            case Hint():
                self._intake.is_hinted = True
                self._next_scan = min(self._next_scan, self._rested)
            case StopAsked():
                self._stopping = True
            case ReloadAsked():
                self._ctx.settings = self._reread(self._ctx.settings)
                self._next_scan = 0.0
            case CleanedUp():
                self._upkeep.take_in(mail)
            case StepDone(action=actions.Poll()):
                self._take_in_poll(mail)
            case StepDone(action=action):
                self._take_in_step(action, mail)

    def _take_in_poll(self, mail: StepDone) -> None:
        now, today = self._now(), self._ctx.clock.now()
        self.memory.polling = False
        self._agenda.wake_by(now)
        self.memory.next_poll = now + (self._ctx.settings.poll_seconds or self.memory.poll_interval(today))
        if isinstance(mail.result, Polled):
            if self.memory.read.problem:
                log.info("api.answered")
            self.memory.read = Backoff()
            self.memory.note_poll(mail.result, now, today)
            self._polled = report_poll(mail.result, self._polled)
        elif mail.error:
            self._note_failure(mail.error)

    def _take_in_step(self, action: actions.Action, mail: StepDone) -> None:
        if isinstance(action, actions.Poll):
            return
        memory, job, now = self.memory, action.job, self._now()
        memory.busy.discard(job)
        memory.changed.add(job)
        self._perils.end(job)
        if isinstance(action, actions.Submit):
            memory.submitting = False
        if mail.error:
            self._recover(action, mail.error)
            return
        memory.note_success(job)
        match mail.result:
            case Submitted() as sent if isinstance(action, actions.Submit):
                memory.note_sent(sent, action.part, now, self._ctx.settings.poll_seconds or FASTEST_POLL)
                self._agenda.wake_by(memory.next_poll)
            case dispatch.CancelAsked(batch=batch):
                memory.batches[batch.id] = batch
            case dispatch.Looked(found=found) if isinstance(action, actions.Look):
                memory.note_look((job, action.part), found, now)
            case dispatch.JobGone():
                self._roster.let_go(job)
            case Stored() as stored:
                memory.remember(stored, now)

    def _recover(self, action: actions.JobAction, error: Exception) -> None:
        """Believe the disk after a step has failed, and wait before the next try."""
        if isinstance(error, Stop):
            raise error
        if isinstance(error, Damaged):
            self._roster.park(action.job, error)
            return
        self._note_failure(error, action.job, isinstance(action, actions.Submit))
        self.memory.drop(action.job)
        self._roster.take_up(action.job)

    def _note_failure(self, error: Exception, job: JobId | None = None, creating: bool = False) -> None:
        note_failure(self.memory, self._now(), error, job, creating)
        self._agenda.wake_by(self._now())
        self._is_told = False

    def _wind_down(self) -> None:
        """Give what is under way a little time; what is not done by then is found on the disk."""
        self._stopping, self._is_told = True, False
        deadline = self._now() + self._ctx.settings.grace_seconds
        self._tell()
        while self.memory.busy and self._now() < deadline:
            for mail in self._mailbox.take(min(deadline, self._health.due) - self._now()):
                self._take_in(mail)
            self._tell()
        for job in list(self.memory.risky):
            self._perils.end(job)
