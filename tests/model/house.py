"""The daemon of the model: what the loop does between the steps, with the real plan and the real memory.

At each moment it may begin anything that `scheduling.plan.plan` says is due, bring any step under way to its
next effect, or be killed. A killed daemon knows nothing but the manifests.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from batchbox.domain.batch import Batch
from batchbox.domain.job import JobId, Manifest
from batchbox.domain.operator_commands import Command, Verb, decide
from batchbox.domain.part import Part
from batchbox.domain.states import PartState
from batchbox.engine.state_cache import StateCache
from batchbox.ports.storage import Stored
from batchbox.scheduling import actions, plan
from batchbox.scheduling.view import Doubt, View
from tests.model.effects import (
    DONE,
    DOWN,
    FAILED,
    FAILED_AFTER,
    Answer,
    Ask,
    Cancel,
    Connect,
    Effect,
    End,
    Fetch,
    LastByte,
    Leave,
    Save,
)
from tests.model.service import NOT_NOW, TOO_LARGE, Move, Response, Service
from tests.model.steps import Runner, is_expected
from tests.model.world import (
    LONG_AGO,
    NOW,
    SETTLE,
    Flight,
    Job,
    Limits,
    Shelf,
    State,
    Wait,
    index_of,
    is_in_question,
    name_of,
    show_batch,
)

WORK, HOLD, OUT = "work", "hold", "out"
ASKED = "2025-01-01T00:00:00Z"
CREATED = 200
Planner = Callable[[View], Iterator[actions.Action]]


class BugError(Exception):
    """A step raised what no step may raise."""


class House:
    """All moves of one daemon, and of the person who may release what it put aside."""

    def __init__(
        self, limits: Limits, shelf: Shelf, runner: Runner, service: Service, planner: Planner = plan.plan
    ) -> None:
        self._limits = limits
        self._shelf = shelf
        self._runner = runner
        self._service = service
        self._planner = planner
        self._due: dict[object, tuple[actions.JobAction, ...]] = {}

    def work(self, state: State) -> Iterator[Move]:
        """Yield everything that the daemon and time may do next."""
        for action in self._plan(state):
            yield from self._begin(state, action)
        for place, job in enumerate(state.jobs):
            if job.flight:
                yield from self._advance(state, place, job, job.flight)
        for place, wait in enumerate(state.waits):
            older = self._grow_older(state, wait)
            if older:
                waits = (*state.waits[:place], older, *state.waits[place + 1 :])
                yield f"{wait.job}{wait.part[0]} waits", state._replace(waits=waits)
        for place, job in enumerate(state.jobs):
            if not job.flight:
                yield from self._obey(state, place, job)

    def crash(self, state: State) -> State:
        """Return what is left after a SIGKILL and a restart."""
        memory = StateCache()
        jobs = tuple(job._replace(flight=None) for job in state.jobs)
        for job in jobs:
            if job.where == WORK:
                memory.remember(Stored(self._shelf.get(job.manifest), 0), NOW)
        return state._replace(jobs=jobs, waits=_waits(memory))

    def _recall(self, state: State) -> StateCache:
        """Return the loop's memory: of a job under way, the manifest with which its step began."""
        memory = StateCache()
        for job in state.jobs:
            number = job.flight.start if job.flight else job.manifest
            manifest = self._shelf.get(number)
            if job.where == WORK or job.flight:
                memory.remember(Stored(manifest, 0), NOW)
            if job.flight:
                memory.busy.add(manifest.job)
                memory.submitting |= isinstance(job.flight.action, actions.Submit)
        memory.doubts.clear()
        for wait in state.waits:
            memory.doubts[wait.job, wait.part] = wait.doubt
            memory.found[wait.job, wait.part] = wait.found
        for stored in memory.jobs.values():
            for batch_id in plan.watched(stored.manifest):
                self._poll(memory, state, batch_id, batch_id in _candidates(stored.manifest))
        return memory

    def _poll(self, memory: StateCache, state: State, batch_id: str, is_candidate: bool) -> None:
        """Note what a poll would say of a batch: the truth; of what is deleted, after a long time."""
        index = index_of(batch_id)
        stay = state.stays[index]
        if stay.deleted and is_candidate:
            memory.missing[batch_id] = SETTLE
        elif stay.deleted:
            memory.batches[batch_id] = Batch(batch_id, ended=True, total=0, created_at=LONG_AGO)
        elif stay.listed:
            memory.batches[batch_id] = show_batch(index, stay.ended, stay.canceled)

    def _plan(self, state: State) -> tuple[actions.JobAction, ...]:
        key = (state.jobs, state.waits, state.stays)
        if key not in self._due:
            view = self._recall(state).view(NOW, paused=False, doubt_seconds=SETTLE, slots=99)
            due = self._planner(view)
            self._due[key] = tuple(action for action in due if not isinstance(action, actions.Poll))
        return self._due[key]

    def _begin(self, state: State, action: actions.JobAction) -> Iterator[Move]:
        place = next(place for place, job in enumerate(state.jobs) if self._id(job) == action.job)
        job = state.jobs[place]
        label = f"begin {_show(action)}"
        if isinstance(action, actions.Publish):
            yield label, _with_job(state, place, job._replace(where=OUT))
            return
        memory = self._recall(state)
        found = frozenset[str]()
        if isinstance(action, actions.Look):
            found = memory.found.get((action.job, action.part), found)
        owned = memory.owned() if isinstance(action, actions.Look) else frozenset()
        cursors = self._cursors(state) if isinstance(action, actions.Submit) else (None,)
        for cursor in cursors:
            flight = Flight(action, job.manifest, cursor, owned, found)
            yield label, _with_job(state, place, job._replace(flight=flight))

    def _cursors(self, state: State) -> Iterator[int | None]:
        """Yield what the loop may take for the newest batch: unknown, what was newest once, or is gone."""
        yield None
        if not self._limits.has_old_cursors:
            return
        yield -1
        for index, stay in enumerate(state.stays):
            if stay.deleted or not stay.listed:
                yield index

    def _advance(self, state: State, place: int, job: Job, flight: Flight) -> Iterator[Move]:
        effect = self._runner.next(flight)
        if isinstance(effect, End):
            yield f"end {_show(flight.action)}", self._finish(state, place, job, effect)
            return
        for answer, after in self._respond(state, place, job, effect):
            now = after.jobs[place]
            longer = flight._replace(log=(*flight.log, answer))
            label = f"{_show(flight.action)}: {type(effect).__name__} -> {_brief(answer)}"
            yield label, _with_job(after, place, now._replace(flight=longer))

    def _respond(self, state: State, place: int, job: Job, effect: Effect) -> Iterator[Response]:
        match effect:
            case Save(manifest=manifest):
                yield from self._store(state, _with_job(state, place, job._replace(manifest=manifest)))
            case Leave():
                yield from self._store(state, _with_job(state, place, job._replace(where=HOLD)))
            case Connect():
                early = (TOO_LARGE,) if self._limits.is_refused_early else ()
                yield from ((status, state) for status in (CREATED, DOWN, NOT_NOW, *early))
            case LastByte():
                yield DONE, self._service.receive(state, self._nonce(job))
            case Answer():
                yield from self._service.answer(state, self._nonce(job))
            case Ask():
                yield from self._service.list(state, effect)
            case Fetch(batch_id=batch_id):
                yield from self._service.rows(state, batch_id)
            case Cancel(batch_id=batch_id):
                yield from self._service.cancel(state, batch_id)

    def _store(self, before: State, after: State) -> Iterator[Response]:
        yield DONE, after
        if self._limits.has_disk_errors:
            yield FAILED, before
            yield FAILED_AFTER, after

    def _finish(self, state: State, place: int, job: Job, end: End) -> State:
        """Return the state after the loop has heard how a step ended."""
        if end.error and not is_expected(end.error):
            raise BugError(repr(end.error)) from end.error
        memory, flight = self._recall(state), job.flight
        assert flight
        if end.found is not None and isinstance(flight.action, actions.Look):
            memory.note_look((flight.action.job, flight.action.part), end.found, NOW)
        elif job.where != WORK:
            memory.forget(flight.action.job)
        else:
            number = job.manifest if end.manifest is None else end.manifest
            assert number == job.manifest, "a step returned what it has not made durable"
            memory.remember(Stored(self._shelf.get(number), 0), NOW)
        landed = _with_job(state, place, job._replace(flight=None))
        return landed._replace(waits=_waits(memory))

    def _grow_older(self, state: State, wait: Wait) -> Wait | None:
        """Return a wait that has come to its end, unless the service still owes what it owes by then."""
        nonce = self._part(state, wait).nonce
        doubt = wait.doubt
        is_listed = all(stay.listed for stay in state.stays if stay.nonce == nonce)
        is_made = nonce not in state.pending and (is_listed or not self._limits.flaps)
        if doubt.looked_at is None and doubt.since == NOW and is_made:
            return wait._replace(doubt=Doubt(NOW - SETTLE))
        if doubt.looked_at == NOW and is_listed:
            return wait._replace(doubt=replace(doubt, looked_at=NOW - SETTLE * plan.SECOND_LOOK))
        return None

    def _obey(self, state: State, place: int, job: Job) -> Iterator[Move]:
        """Yield what a person may ask of a job at rest."""
        manifest = self._shelf.get(job.manifest)
        for command in self._wishes(state, job, manifest):
            memory = self._recall(state)
            memory.forget(manifest.job)
            after = job._replace(where=HOLD)
            if command.verb is not Verb.HOLD:
                number = self._shelf.put(decide(manifest, command, ASKED))
                risk = command.verb in {Verb.RELEASE, Verb.RESUBMIT} and is_in_question(manifest)
                after = Job(WORK, number, pardons=job.pardons + risk)
                memory.remember(Stored(self._shelf.get(number), 0), NOW)
            yield command.name, _with_job(state, place, after)._replace(waits=_waits(memory))

    def _wishes(self, state: State, job: Job, manifest: Manifest) -> Iterator[Command]:
        """Yield the commands that a person may give."""
        if self._limits.has_cancels and job.where != OUT and not manifest.cancel_asked_at:
            yield Command(Verb.CANCEL, manifest.job)
        if self._limits.has_holds and job.where == WORK:
            yield Command(Verb.HOLD, manifest.job)
        if job.where != HOLD:
            return
        if not is_in_question(manifest):
            yield from (Command(verb, manifest.job) for verb in (Verb.RELEASE, Verb.RETRY, Verb.RESUBMIT))
        elif sum(job.pardons for job in state.jobs) < self._limits.pardons:
            yield Command(Verb.RELEASE, manifest.job)
            yield Command(Verb.RESUBMIT, manifest.job)
        if self._limits.has_adoptions:
            yield from (
                Command(Verb.ADOPT, manifest.job, name_of(index)) for index in range(len(state.stays))
            )

    def _id(self, job: Job) -> JobId:
        return self._shelf.get(job.manifest).job

    def _part(self, state: State, wait: Wait) -> Part:
        job = next(job for job in state.jobs if self._id(job) == wait.job)
        return self._shelf.get(job.manifest).part(wait.part)

    def _nonce(self, job: Job) -> str:
        assert job.flight
        assert isinstance(job.flight.action, actions.Submit)
        return self._shelf.get(job.manifest).part(job.flight.action.part).nonce


def _candidates(manifest: Manifest) -> frozenset[str]:
    parts = [part for part in manifest.parts if part.state is PartState.CANDIDATES]
    return frozenset(name for part in parts for name in part.candidates)


def _with_job(state: State, place: int, job: Job) -> State:
    return state._replace(jobs=(*state.jobs[:place], job, *state.jobs[place + 1 :]))


def _waits(memory: StateCache) -> tuple[Wait, ...]:
    found = memory.found
    waits = [Wait(*key, doubt, found.get(key, frozenset())) for key, doubt in memory.doubts.items()]
    return tuple(sorted(waits, key=lambda wait: wait[:2]))


def _show(action: actions.JobAction) -> str:
    part = getattr(action, "part", None)
    return f"{type(action).__name__} {action.job}{part[0] if part else ''}"


def _brief(answer: object) -> str:
    return answer.id if isinstance(answer, Batch) else str(answer)
