"""Each event of the state table has one typed method, and what comes out of it can be read back."""

import inspect
from collections.abc import Callable, Iterator

import pytest
from pydantic import ValidationError

from batchbox.domain.job import Manifest
from batchbox.domain.part import Part
from batchbox.domain.records import Input, Intent, Refusal, Tokens
from batchbox.domain.states import TRANSITIONS, Event, JobState, PartState
from tests.support.values import make_job, make_part

INPUT = Input(requests=1, bytes=2, sha256="ab")
INTENT = Intent(cursor="b-0", date="t")
REFUSAL = Refusal(problem="no", fix="", error={})

PARTS: dict[Event, Callable[[Part], Part]] = {
    Event.PREPARE: lambda part: part.prepared(INTENT, "t"),
    Event.COMMIT: Part.committed,
    Event.NOT_SENT: Part.not_sent,
    Event.TURNED_AWAY: Part.turned_away,
    Event.TURNED_DOWN: lambda part: part.turned_down(REFUSAL, "t"),
    Event.ACCEPTED: lambda part: part.accepted("b-1", "t"),
    Event.UNANSWERED: lambda part: part.unanswered("cut off", "t"),
    Event.COPIED: Part.copied,
    Event.NONE_FOUND: Part.none_found,
    Event.SOME_FOUND: lambda part: part.some_found({"b-1", "b-2"}),
    Event.CANDIDATE_RULED_OUT: lambda part: part.candidate_ruled_out("b-1"),
    Event.PROVEN: lambda part: part.proven("b-1", "t"),
    Event.CANDIDATES_LOST: lambda part: part.candidates_lost("deleted", "t"),
    Event.RESULTS_GONE: lambda part: part.results_gone("too old"),
    Event.ROWS_COMPLETE: lambda part: part.rows_complete(
        outcomes={"succeeded": 1}, again=0, usage={"m": Tokens()}, offsets_crc32=1, ended_at="t", at="t"
    ),
    Event.RELEASED: Part.released,
    Event.ADOPTED: lambda part: part.adopted("b-1"),
    Event.RESUBMITTED: Part.resubmitted,
    Event.CALLED_OFF: Part.called_off,
}
JOBS: dict[Event, Callable[[Manifest], Manifest]] = {
    Event.PASSED: lambda job: job.checked(found=INPUT, problems=(), total=0, parts=(make_part(),), at="t"),
    Event.REJECTED: lambda job: job.rejected(found=INPUT, problems=(), total=0, at="t"),
    Event.CALLED_OFF: Manifest.called_off,
    Event.FINISHED: lambda job: job.finished("succeeded"),
    Event.PUBLISHED: Manifest.published,
}
PART_ARROWS = [arrow for arrow in TRANSITIONS.items() if isinstance(arrow[0][0], PartState)]
JOB_ARROWS = [arrow for arrow in TRANSITIONS.items() if isinstance(arrow[0][0], JobState)]


def events_in(model: type[Part] | type[Manifest]) -> Iterator[str]:
    """Yield the event that each method of *model* names."""
    for _, method in inspect.getmembers(model, inspect.isfunction):
        if method.__qualname__.startswith(f"{model.__name__}."):
            yield from (name for name in method.__code__.co_names if name in Event.__members__)


def test_every_event_has_one_method_and_every_method_an_event() -> None:
    """The table and the methods name the same events, each once."""
    of_parts = {event for (_, event), _ in PART_ARROWS}
    of_jobs = {event for (_, event), _ in JOB_ARROWS}
    assert sorted(events_in(Part)) == sorted(event.name for event in of_parts)
    assert sorted(events_in(Manifest)) == sorted(event.name for event in of_jobs)
    assert set(PARTS) == of_parts
    assert set(JOBS) == of_jobs


def test_every_arrow_is_followed_and_what_comes_out_can_be_read_back() -> None:
    """By the method of its event, from each state that the table lets it start from."""
    for (state, event), after in PART_ARROWS:
        assert isinstance(state, PartState)
        part = PARTS[event](make_part(state, candidates=("b-1", "b-2")))
        assert part.state is after
        assert Part.model_validate_json(part.model_dump_json()) == part
    for (state, event), after in JOB_ARROWS:
        assert isinstance(state, JobState)
        job = JOBS[event](make_job(state=state))
        assert job.state is after
        assert Manifest.model_validate_json(job.model_dump_json(by_alias=True)) == job


def test_a_misspelt_fact_is_refused() -> None:
    """By the type checker, and when it runs."""
    with pytest.raises(TypeError):
        make_part().prepared(INTENT, att="t")  # type: ignore[call-arg]


def test_a_fact_of_another_type_is_refused() -> None:
    """What could not be read back is never written."""
    with pytest.raises(ValidationError):
        make_part(PartState.COMMITTED).accepted(["b-1"], "t")  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        make_part().written("many", 1, 2, 3)  # type: ignore[arg-type]


def test_a_candidate_that_is_not_ours_is_never_looked_at_again() -> None:
    """Neither while others are left nor once none is."""
    part = make_part(PartState.CANDIDATES, candidates=("b-1", "b-2"))
    one_left = part.candidate_ruled_out("b-1")
    assert (one_left.candidates, one_left.ruled_out) == (("b-2",), ("b-1",))
    none_left = one_left.none_found()
    assert (none_left.candidates, none_left.ruled_out) == ((), ("b-1", "b-2"))


def test_what_was_paid_stays_counted_when_it_is_sent_again_or_ended() -> None:
    """The attempt's beginning and its batch stay in the manifest."""
    gone = make_part(PartState.GONE, batch_id="b-1", prepared_at="t1")
    again, ended = gone.resubmitted(), gone.called_off()
    assert (again.abandoned, again.given_up, again.batch_id) == (("b-1",), ("t1",), None)
    assert (ended.given_up, ended.batch_id) == (("t1",), "b-1")
    assert make_part(PartState.READY, prepared_at="t1").called_off().given_up == ()
