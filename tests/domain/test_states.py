"""The state table: every pair of state and event, and what must hold for all of them together."""

from itertools import chain, product

import pytest

from batchbox.domain.states import (
    FINAL,
    HELD,
    TRANSITIONS,
    Event,
    IllegalTransitionError,
    JobState,
    PartState,
    State,
    follow,
)

STATES: list[State] = [*JobState, *PartState]
PAIRS = list(product(STATES, Event))
ARROWS = [pair for pair in PAIRS if pair in TRANSITIONS]
NO_ARROWS = [pair for pair in PAIRS if pair not in TRANSITIONS]
PERSONS = frozenset({Event.RELEASED, Event.ADOPTED, Event.RESUBMITTED, Event.CALLED_OFF})
DEFINITE = frozenset({Event.TURNED_AWAY, Event.NONE_FOUND})


def spell(pair: tuple[State, Event]) -> str:
    state, event = pair
    return f"{type(state).__name__}.{state}-{event}"


def reach(start: State, without: frozenset[Event] = frozenset()) -> frozenset[State]:
    """Return every state that can come after *start*, by arrows of events other than *without*."""
    reached: set[State] = set()
    new: set[State] = {start}
    while new:
        steps = ((state, event) for state, event in TRANSITIONS if state in new and event not in without)
        new = {follow(*step) for step in steps} - reached
        reached |= new
    return frozenset(reached)


def enter(target: State) -> set[tuple[State, Event]]:
    """Return every arrow into *target*."""
    return {pair for pair in ARROWS if follow(*pair) == target and pair[0] != target}


@pytest.mark.parametrize("pair", ARROWS, ids=spell)
def test_an_arrow_leads_to_its_state_and_stays_among_jobs_or_parts(pair: tuple[State, Event]) -> None:
    """What the table allows leads where it says: a job's state to a job's, a part's to a part's."""
    found = follow(*pair)
    assert found is TRANSITIONS[pair]
    assert type(found) is type(pair[0])


@pytest.mark.parametrize("pair", NO_ARROWS, ids=spell)
def test_everything_else_is_refused(pair: tuple[State, Event]) -> None:
    """A pair that the table does not name raises, and says which it was."""
    with pytest.raises(IllegalTransitionError, match=f"^{pair[1]} while {pair[0]}$"):
        follow(*pair)


def test_every_event_and_every_state_is_used() -> None:
    """No word of the table is dead: each event happens somewhere, each state but the first is entered."""
    assert {event for _, event in TRANSITIONS} == set(Event)
    assert set(STATES) - set(TRANSITIONS.values()) == {JobState.TAKEN}


@pytest.mark.parametrize("state", PartState)
def test_every_part_can_come_to_its_end(state: PartState) -> None:
    """From each state of a part, an end or a person's decision can be reached."""
    assert ({state} | reach(state)) & (FINAL | HELD)


@pytest.mark.parametrize("state", sorted(set(PartState) - {PartState.REFUSED, PartState.CANCELED}))
def test_no_part_is_cut_off_from_its_answers(state: PartState) -> None:
    """Whatever happened to a part but a refusal or a cancel, it can still be collected."""
    assert PartState.COLLECTED in {state} | reach(state)


@pytest.mark.parametrize("state", JobState)
def test_every_job_can_come_to_its_receipt(state: JobState) -> None:
    """From each state of a job its receipt can be reached, and nothing comes after it."""
    assert JobState.DONE in {state} | reach(state)
    assert not reach(JobState.DONE)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_nothing_leaves_an_end(state: PartState) -> None:
    """A part that has its rows, or a definite no, is never touched again."""
    assert not reach(state)


@pytest.mark.parametrize("state", sorted(HELD))
def test_only_a_person_ends_a_hold(state: PartState) -> None:
    """A part that a person must decide about moves by that person alone."""
    assert {event for held, event in TRANSITIONS if held is state} <= PERSONS


def test_the_last_byte_is_allowed_only_after_the_intent() -> None:
    """COMMITTED is entered from PREPARED alone: the intent is durable before any paid byte."""
    assert enter(PartState.COMMITTED) == {(PartState.PREPARED, Event.COMMIT)}


def test_a_part_is_believed_to_exist_only_on_proof() -> None:
    """SUBMITTED is entered by an answer, by a row with our nonce, or again after its results were gone."""
    assert {state for state, _ in enter(PartState.SUBMITTED)} == {
        PartState.COMMITTED,
        PartState.CANDIDATES,
        PartState.GONE,
    }


def test_no_second_last_byte_without_a_definite_answer() -> None:
    """Between two commits lies a definite no, two looks without a find, or a person: never a guess."""
    assert PartState.PREPARED in reach(PartState.COMMITTED)
    assert PartState.PREPARED not in reach(PartState.COMMITTED, without=DEFINITE | {Event.RESUBMITTED})


def test_what_may_have_been_paid_is_not_forgotten() -> None:
    """A part that was submitted is sent again by a person who says just that, and not by a release."""
    unsent = {PartState.READY, PartState.PREPARED, PartState.COMMITTED}
    assert not reach(PartState.SUBMITTED, without=frozenset({Event.RESUBMITTED})) & unsent
    assert {pair for pair in ARROWS if pair[1] is Event.RESUBMITTED} == {
        (state, Event.RESUBMITTED) for state in HELD
    }


def test_without_an_answer_a_part_is_in_doubt_and_nowhere_else() -> None:
    """UNANSWERED has one arrow, from COMMITTED into IN_DOUBT."""
    ends = {pair: TRANSITIONS[pair] for pair in ARROWS if pair[1] is Event.UNANSWERED}
    assert ends == {(PartState.COMMITTED, Event.UNANSWERED): PartState.IN_DOUBT}


def test_a_part_that_was_not_sent_whole_is_simply_ready_again() -> None:
    """What breaks off before the last byte, a restart included, leads from PREPARED back to READY."""
    assert follow(PartState.PREPARED, Event.NOT_SENT) is PartState.READY


def test_a_job_is_out_only_by_way_of_publishing() -> None:
    """Outputs are named before the first of them appears: DONE is entered from PUBLISHING alone."""
    assert {state for state, _ in enter(JobState.DONE)} == {JobState.PUBLISHING}


def test_ends_and_holds_are_apart() -> None:
    """No state is both an end and a question, and each is a state of a part."""
    assert not FINAL & HELD
    assert set(chain(FINAL, HELD)) < set(PartState)
