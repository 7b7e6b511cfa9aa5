"""The checker: every history of a small world, each state once.

Held in every state:

    paid once     at most one batch, or request on its way, for each part; one more for each time that a
                  person chose to risk it
    never wrong   a part that believes in a batch has its own
    never lost    a part that is refused has no batch
    held for cause  a job is put aside only where a batch was deleted
    no bug        no step raises what the loop does not expect, none follows an arrow that is not there

And of the whole: from every state the end can be reached, without any crash, in which each job has been
published or waits for a person.
"""

from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from batchbox.domain.part import Part
from batchbox.domain.states import HELD, PartState
from tests.model.house import HOLD, OUT, WORK, BugError, House, Planner
from tests.model.service import Move, Service
from tests.model.steps import Line, Runner
from tests.model.world import Job, Limits, Shelf, State, index_of, make_jobs

CRASH = "CRASH"
MOST = 5_000_000


@dataclass
class Finding:
    """What an exploration came to: how many states and arrows, and the first thing that was wrong."""

    states: int = 0
    arrows: int = 0
    crashes: int = 0
    problem: str = ""
    history: list[str] = field(default_factory=list)
    steps: set[tuple[PartState, PartState]] = field(default_factory=set)  # that parts have made on the disk


class _WrongError(Exception):
    pass


class Checker:
    """Explores one world to its end."""

    def __init__(
        self, limits: Limits, line: Callable[..., Line] = Line, planner: Planner | None = None
    ) -> None:
        self._shelf = Shelf()
        self._service = Service(limits, self._shelf)
        runner = Runner(self._shelf, line)
        more = (planner,) if planner else ()
        self._house = House(limits, self._shelf, runner, self._service, *more)
        jobs = tuple(Job(WORK, self._shelf.put(job)) for job in make_jobs(limits))
        self._numbers: dict[State, int] = {}
        self._parents: list[tuple[int, str]] = []
        self._from, self._to = array("L"), array("L")  # arrows that are no crash
        self._queue: deque[tuple[int, State]] = deque()
        self._ends: list[int] = []
        self._found = Finding()
        self._watched: set[tuple[int, int]] = set()
        self._note(State(jobs), -1, "")

    def run(self) -> Finding:
        """Explore until something is wrong or nothing is left."""
        found = self._found
        try:
            while self._queue:
                number, state = self._queue.popleft()
                self._explore(number, state)
            stuck = self._find_stuck()
            if stuck is not None:
                found.problem = "the end cannot be reached"
                found.history = self._tell(stuck)
        except _WrongError as wrong:
            found.problem = str(wrong)
        found.states = len(self._numbers)
        return found

    def _explore(self, number: int, state: State) -> None:
        for label, after in self._moves(number, state):
            self._watch(state, after)
            self._from.append(number)
            self._to.append(self._note(after, number, label))
        self._found.crashes += 1
        self._note(self._house.crash(state), number, CRASH)

    def _watch(self, before: State, after: State) -> None:
        """Keep which states parts have gone from and to."""
        changed = {(old.manifest, new.manifest) for old, new in zip(before.jobs, after.jobs, strict=True)}
        for old, new in changed - self._watched:
            parts = {part.key: part.state for part in self._shelf.get(new).parts}
            pairs = {(part.state, parts[part.key]) for part in self._shelf.get(old).parts}
            self._found.steps |= {(one, other) for one, other in pairs if one is not other}
        self._watched |= changed

    def _moves(self, number: int, state: State) -> Iterator[Move]:
        try:
            yield from self._house.work(state)
            yield from self._service.stir(state)
        except BugError as bug:
            self._found.history = self._tell(number)
            raise _WrongError(f"a bug: {bug}") from bug

    def _note(self, state: State, parent: int, label: str) -> int:
        """Return the number of *state*; check it and queue it if it is new."""
        self._found.arrows += 1
        number = self._numbers.setdefault(state, len(self._parents))
        if number < len(self._parents):
            return number
        self._parents.append((parent, label))
        self._queue.append((number, state))
        if all(job.where in {OUT, HOLD} for job in state.jobs):
            self._ends.append(number)
        for job in state.jobs:
            for part in self._shelf.get(job.manifest).parts:
                self._check(state, job, part, number)
        assert number < MOST, "this world is too big"
        return number

    def _check(self, state: State, job: Job, part: Part, number: int) -> None:
        batches = sum(stay.nonce == part.nonce for stay in state.stays) + state.pending.count(part.nonce)
        problem = ""
        if batches > 1 + job.pardons:
            problem = "paid twice"
        elif part.batch_id and state.stays[index_of(part.batch_id)].nonce != part.nonce:
            problem = "a stranger's batch is taken for ours"
        elif part.state is PartState.REFUSED and batches > job.pardons:
            problem = "refused, and yet there is a batch"
        elif part.state in HELD and not any(stay.deleted for stay in state.stays):
            problem = "a person is asked for no cause"
        if problem:
            self._found.history = self._tell(number)
            raise _WrongError(f"{problem}: {part.nonce}")

    def _find_stuck(self) -> int | None:
        """Return the first state from which no end can be reached, None if there is no such."""
        before: list[list[int]] = [[] for _ in self._parents]
        for one, other in zip(self._from, self._to, strict=True):
            before[other].append(one)
        good = bytearray(len(self._parents))
        queue = deque(self._ends)
        for number in self._ends:
            good[number] = 1
        while queue:
            fresh = [one for one in before[queue.popleft()] if not good[one]]
            for one in fresh:
                good[one] = 1
            queue.extend(fresh)
        stuck = good.find(0)
        return None if stuck < 0 else stuck

    def _tell(self, number: int) -> list[str]:
        """Return how that state came about: one of the shortest histories."""
        history: list[str] = []
        while number:
            number, label = self._parents[number]
            history.append(label)
        return history[::-1]
