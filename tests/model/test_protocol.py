"""At most one paid batch for each part, and an end for each: in every history of small worlds."""

from collections import Counter
from collections.abc import Iterator

import pytest
import structlog

from batchbox.domain.states import TRANSITIONS, Event, PartState
from tests.model.checker import Checker, Finding
from tests.model.mutants import MUTANTS, Mutant
from tests.model.world import Limits

STATES = "states of the submission protocol, all histories"
CAUGHT = "mutants of the protocol that were caught"

COMMANDED = Limits(deletions=1, pardons=1, has_adoptions=True, has_cancels=True)

SMALL = [
    Limits(is_refused_early=True),
    Limits(strangers=1, deletions=1, pardons=1),
    Limits(strangers=1, flaps=1),
    Limits(strangers=2, page=1, has_disk_errors=False),
    Limits(deletions=1, expiries=1),
    COMMANDED,
    Limits(strangers=1, deletions=1, has_holds=True, has_cancels=True),
]
BIG = [
    Limits(strangers=3),
    Limits(strangers=1, deletions=1, pardons=1, has_adoptions=True, has_cancels=True),
    Limits(strangers=2, deletions=2, pardons=1),
    Limits(jobs=2),
    Limits(parts=2, deletions=1, pardons=1, has_disk_errors=False, has_old_cursors=False),
]
NOT_MODELLED = frozenset({Event.COPIED})  # a second spool is beyond these worlds


def _drop(_logger: object, _name: str, _event: object) -> str:
    raise structlog.DropEvent


@pytest.fixture(autouse=True)
def silent_log() -> Iterator[None]:
    """Write no log: a step is run for each of its histories."""
    before = structlog.get_config()
    structlog.configure(processors=[_drop])
    yield
    structlog.configure(**before)


def hold_true(limits: Limits, tally: Counter[str]) -> Finding:
    """Explore a world and let nothing be wrong in it."""
    found = Checker(limits).run()
    assert not found.problem, "\n  ".join([found.problem, *found.history])
    tally[STATES] += found.states
    return found


@pytest.mark.parametrize("limits", SMALL, ids=str)
def test_small_worlds(limits: Limits, tally: Counter[str]) -> None:
    """Killed anywhere and answered anyhow: paid once, never wrong, never lost, and always an end."""
    hold_true(limits, tally)


def test_every_arrow_is_taken(tally: Counter[str]) -> None:
    """The worlds are rich enough: parts go each way that the table knows, and no other."""
    worlds = [Limits(strangers=1, is_refused_early=True), COMMANDED]
    taken = {step for limits in worlds for step in hold_true(limits, tally).steps}
    arrows = {
        (before, after)
        for (before, event), after in TRANSITIONS.items()
        if isinstance(before, PartState) and before is not after and event not in NOT_MODELLED
    }
    assert taken == arrows


@pytest.mark.slow
@pytest.mark.parametrize("limits", BIG, ids=str)
def test_big_worlds(limits: Limits, tally: Counter[str]) -> None:
    """The same where more jobs, parts, strangers and deletions meet."""
    hold_true(limits, tally)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutants(mutant: Mutant, monkeypatch: pytest.MonkeyPatch, tally: Counter[str]) -> None:
    """Without any one of its safeguards the protocol fails, and the checker says how."""
    mutant.patch(monkeypatch)
    found = Checker(mutant.limits, mutant.line, mutant.planner).run()
    assert mutant.problem in found.problem
    tally[CAUGHT] += 1


def test_what_no_program_can_know(tally: Counter[str]) -> None:
    """A batch that somebody deletes before any look could have seen it is sent again: the known limit."""
    found = Checker(Limits(deletions=1, is_deleted_unseen=True)).run()
    assert "paid twice" in found.problem
    assert any("is deleted" in step for step in found.history)
    tally[STATES] += found.states
