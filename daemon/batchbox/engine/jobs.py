"""The roster: which jobs are under way, and what people ask to become of them."""

from contextlib import suppress

import structlog

from batchbox.domain.backoff import Backoff
from batchbox.domain.errors import BatchboxError, Damaged, Lost, TryLater
from batchbox.domain.job import JobId, Manifest
from batchbox.domain.operator_commands import REPEATABLE, Command, Verb, decide, read_command
from batchbox.domain.records import Decision
from batchbox.domain.states import UNANSWERED, JobState, PartState
from batchbox.engine.failures import note_failure
from batchbox.engine.state_cache import StateCache
from batchbox.engine.steps.claim import choose_stem, own_names
from batchbox.engine.steps.context import BEGUN, HOLD_REASON, Context
from batchbox.ports.storage import Stored

DEATHS_BORNE = 3
AT_ONCE = 32  # commands: each is made durable, and the loop must stay awake
HELD_BY = "held by {by}; what runs at the API goes on there, and its results are kept for 29 days"
HELD_FIX = "batchbox release JOB goes on with it where it was; batchbox cancel JOB ends it"

log = structlog.get_logger()


class Jobs:
    """Takes up what lies in work/, puts aside what cannot go on, and carries out commands."""

    def __init__(self, ctx: Context, memory: StateCache) -> None:
        self._ctx = ctx
        self._memory = memory

    def look(self, now: float) -> None:
        """Carry out commands, take up jobs that are not in memory, and forget those that are gone."""
        self._obey()
        memory = self._memory
        present = set(self._ctx.spool.jobs(known=memory.jobs))
        for job in (memory.jobs.keys() | memory.backoffs.keys()) - present - memory.busy:
            memory.forget(job)
        for job in sorted(present - memory.jobs.keys() - memory.busy):
            if memory.backoffs.get(job, Backoff()).is_open(now):
                self.take_up(job)
        held = set(self._ctx.spool.held())
        for job in memory.held.keys() - held:
            memory.free_name(job)
        for job in held - memory.held.keys() - memory.jobs.keys():
            self._keep_name(job)

    def let_go(self, job: JobId) -> None:
        """Forget a job that is in work/ no more, but for its name as long as it lies in hold/."""
        self._memory.forget(job)
        self._keep_name(job)

    def _keep_name(self, job: JobId) -> None:
        with suppress(BatchboxError, OSError):  # then nobody can tell what it was promised
            if held := self._ctx.spool.load_held(job):
                self._memory.keep_name(held.manifest)

    def take_up(self, job: JobId) -> None:
        """Read a job; one that cannot be believed is put aside, one that cannot be read waits."""
        now = self._ctx.clock.monotonic()
        try:
            stored = self._ctx.spool.load(job)
            if stored is None:
                self.let_go(job)
                return
            stored = self._release(stored)
            self._beware(job)
            self._memory.remember(stored, now)
        except Damaged as damage:
            self.park(job, damage)
        except (Lost, OSError) as error:
            note_failure(self._memory, now, error, job)

    def park(self, job: JobId, reason: BatchboxError) -> None:
        """Put a job aside for a person."""
        try:
            self._ctx.spool.park(job, reason.problem, reason.fix)
        except OSError as error:
            note_failure(self._memory, self._ctx.clock.monotonic(), error, job)
            return
        log.error("job.held", job=job, problem=reason.problem, fix=reason.fix)
        self.let_go(job)

    def _beware(self, job: JobId) -> None:
        """Suspect a job that the process may have died of; raise `Damaged` if it did so often enough."""
        deaths = self._ctx.spool.deaths(job)
        if deaths >= DEATHS_BORNE:
            problem = f"the process has died {deaths} times in the midst of this file"
            fix = f"see the log for why (too little memory?), mend that, then: batchbox release {job}"
            raise Damaged(problem, fix)
        if deaths:
            log.warning("job.suspected", job=job, deaths=deaths)
            self._memory.suspects.add(job)

    def _release(self, stored: Stored) -> Stored:
        """Begin anew with what a person decides, if the job was moved back from hold/ by hand."""
        job = stored.manifest
        if not self._ctx.spool.has(job.job, HOLD_REASON):
            return stored
        released = self._decide(job, Command(Verb.RELEASE, job.job), by="")
        stored = self._ctx.spool.save(released, stored.version)
        self._ctx.spool.discard(job.job, [BEGUN, HOLD_REASON])
        log.info("job.released", job=job.job)
        return stored

    def _obey(self) -> None:
        """Carry out each command whose job is at rest; one that fails is tried again at the next look."""
        names = self._ctx.spool.commands()
        left, told = AT_ONCE, self._memory.refused
        for name in sorted(names, key=told.__contains__):  # those that failed before come last
            command = read_command(name)
            if command is None:
                self._refuse(name, "it is no command", "see batchbox --help for what can be asked")
            elif left and command.job not in self._memory.busy:
                left -= 1
                self._carry_out(command)
        for name in told.keys() - set(names):
            del told[name]

    def _carry_out(self, command: Command) -> None:
        """Do it and remove it; or remove it first, where doing it once more could pay once more."""
        dismiss = self._ctx.spool.dismiss
        try:
            by = self._ctx.spool.asked_by(command.name)
            if command.verb not in REPEATABLE:
                dismiss(command.name)
            done = self._do(command, by)
            dismiss(command.name)
        except (Damaged, TryLater, OSError) as error:
            self._refuse(command.name, str(error), getattr(error, "fix", ""))
            return
        facts = {"command": command.verb, "job": command.job, "by": by}
        if done:
            log.info("command.done", **facts)
        else:
            log.warning("command.idle", **facts, problem="there is nothing to do")

    def _do(self, command: Command, by: str) -> bool:
        """Do what is asked; False if there is nothing to do."""
        if command.verb is Verb.HOLD:
            return self._hold(command, by)
        is_due = (
            self._cancel(command)
            or (command.verb is Verb.RETRY and self._hasten(command))
            or self._bring_back(command, by)
        )
        if is_due:
            self._memory.drop(command.job)  # but not since when it is in doubt
            self._memory.backoffs.pop(command.job, None)
            self.take_up(command.job)
        return is_due

    def _refuse(self, name: str, problem: str, fix: str) -> None:
        if name not in self._memory.refused:
            log.error("command.refused", command=name, problem=problem, fix=fix)
        self._memory.refused[name] = (problem, fix)

    def _cancel(self, command: Command) -> bool:
        """Record that a job under way is to be canceled; False if that is not what is asked."""
        stored = self._ctx.spool.load(command.job) if command.verb is Verb.CANCEL else None
        if stored is None or stored.manifest.state not in (JobState.TAKEN, JobState.RUNNING):
            return False
        if stored.manifest.cancel_asked_at:
            return False
        self._ctx.spool.save(decide(stored.manifest, command, self._ctx.stamp()), stored.version)
        return True

    def _hold(self, command: Command, by: str) -> bool:
        """Put a job aside as it is; False if it is held already, is being published, or is gone.

        What is sealed stays: half of its outputs may be out, and what is left is done in moments.
        """
        stored = self._ctx.spool.load(command.job)
        if stored and stored.manifest.outputs:
            return False
        if not self._ctx.spool.park(command.job, HELD_BY.format(by=by or "somebody"), HELD_FIX):
            return False
        self.let_go(command.job)
        return True

    def _hasten(self, command: Command) -> bool:
        """Let a job under way try now what waits after a failure, its own or one of the API."""
        memory, now = self._memory, self._ctx.clock.monotonic()
        stored = memory.jobs.get(command.job)
        states = {part.state for part in stored.manifest.parts} if stored else set()
        own = not memory.backoffs.get(command.job, Backoff()).is_open(now)
        sending = PartState.READY in states and not memory.create.is_open(now)
        asking = bool(states & UNANSWERED) and not memory.read.is_open(now)
        if sending:
            memory.create = memory.create.cut_short()
        if asking:
            memory.read = memory.read.cut_short()
        return own or sending or asking

    def _bring_back(self, command: Command, by: str) -> bool:
        stored = self._ctx.spool.load_held(command.job)
        if stored is None:
            return False
        self._ctx.spool.bring_back(self._decide(stored.manifest, command, by), stored.version)
        return True

    def end_held(self, stored: Stored, by: str) -> None:
        """Take a held job back to be ended; *by*: the file that asked for it."""
        job = stored.manifest
        command = Command(Verb.CANCEL, job.job)
        decided = self._decide(job, command, by).cancel_asked(self._ctx.stamp(), by)
        self._ctx.spool.bring_back(decided, stored.version)
        self.take_up(job.job)

    def _decide(self, job: Manifest, command: Command, by: str) -> Manifest:
        """Return a job that was held as a person wants it, under a name that is free."""
        at = self._ctx.stamp()
        problem, since = self._ctx.spool.why_held(job.job)
        verb, batch_id = command.verb.value, command.batch_id or None
        decision = Decision(verb=verb, at=at, by=by, batch_id=batch_id, problem=problem, held_at=since)
        return self._name_anew(decide(job, command, at).with_decision(decision))

    def _name_anew(self, job: Manifest) -> Manifest:
        """Return *job* under a name that nobody took while it was held; one that is sealed keeps its own."""
        if job.outputs:
            return job
        is_reserved = self._memory.reservations(but=job.job)
        return job.named(choose_stem(self._ctx, job.source.queue, job.stem, is_reserved, own_names(job)))
