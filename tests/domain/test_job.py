"""The manifest: strict, frozen, the same after a trip to the disk, changed only by events."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from batchbox.domain.job import SCHEMA, Manifest
from batchbox.domain.records import Input, Intent, Output, Problem, Refusal, Tokens
from batchbox.domain.states import IllegalTransitionError, JobState, PartState
from tests.support.values import make_job, make_part

FULL = make_job(
    make_part(
        PartState.COLLECTED,
        attempt=2,
        intent=Intent(cursor=None, date="Wed, 01 Jan 2025 00:00:00 GMT"),
        ruled_out=("b-0",),
        batch_id="b-1",
        submitted_at="2025-01-01T00:00:00Z",
        outcomes={"succeeded": 1, "pondered": 1},
        usage={"m": Tokens(requests=1, input_tokens=3, cost_usd=0.25), "n": Tokens(cost_usd=None)},
    ),
    make_part(PartState.CANDIDATES, number=2, candidates=("b-2", "b-3"), doubt="no answer"),
    make_part(
        PartState.REFUSED,
        number=3,
        generation=2,
        refusal=Refusal(problem="p", fix="f", error={"type": "x", "deep": [{"é": None}]}),
    ),
    input=Input(lines=9, requests=6, skipped=1, bytes=99, sha256="1" * 64),
    mistakes=(
        Problem(line=3, column=None, problem="é \u2028", fix="f"),
        Problem(line=4, problem="p", fix="f"),
    ),
    mistakes_total=2,
    outputs=(Output(folder="outbox", name="a.results.jsonl", source="r", size=1, sha256="2" * 64),),
    status="partial",
)


def document() -> dict[str, Any]:
    """Return the manifest as it lies on the disk."""
    found: dict[str, Any] = json.loads(FULL.model_dump_json(by_alias=True))
    return found


def test_a_manifest_comes_back_from_json_as_it_was() -> None:
    """Everything that is known of a job survives the disk, tuples, states and all."""
    assert Manifest.model_validate(document()) == FULL
    assert document()["schema"] == SCHEMA


@pytest.mark.parametrize(
    "path",
    [
        *((), ("source",), ("input",), ("owner",), ("mistakes", 0), ("outputs", 0)),
        *(("parts", 0), ("parts", 0, "intent"), ("parts", 0, "usage", "m"), ("parts", 2, "refusal")),
    ],
    ids=lambda path: ".".join(map(str, path)) or "top",
)
def test_a_key_that_is_not_known_is_refused(path: tuple[str | int, ...]) -> None:
    """A manifest of another program, or with a slip in it, is not half understood."""
    found = place = document()
    for step in path:
        place = place[step]  # type: ignore[index]
    place["surprise"] = 1
    with pytest.raises(ValidationError, match="surprise"):
        Manifest.model_validate(found)


@pytest.mark.parametrize("key", ["spool_id", "epoch", "owner", "job", "source", "stem", "taken_at"])
def test_a_key_that_is_missing_is_refused(key: str) -> None:
    """What every manifest must have is never made up."""
    found = document()
    del found[key]
    with pytest.raises(ValidationError, match=key):
        Manifest.model_validate(found)


@pytest.mark.parametrize(
    ("path", "value"),
    [(("state",), "gone"), (("parts", 0, "state"), "running"), (("outputs", 0, "folder"), "inbox")],
    ids=["job-state", "part-state", "folder"],
)
def test_a_state_that_does_not_exist_is_refused(path: tuple[str | int, ...], value: str) -> None:
    """Words that the table does not have are no states."""
    found = place = document()
    for step in path[:-1]:
        place = place[step]  # type: ignore[index]
    place[path[-1]] = value  # type: ignore[index]
    with pytest.raises(ValidationError, match=str(path[-1])):
        Manifest.model_validate(found)


def test_a_manifest_is_never_changed_in_place() -> None:
    """A change is a new value: the old one can still be compared with the disk."""
    for record, name in ((FULL, "state"), (FULL.parts[0], "batch_id"), (FULL.source, "name")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(record, name, "x")


def test_an_event_moves_a_part_and_brings_its_facts() -> None:
    """State and facts change in one value, the rest stays."""
    before = make_part(PartState.COMMITTED, attempt=3)
    after = before.accepted("b-1", "t")
    assert (after.state, after.batch_id, after.submitted_at) == (PartState.SUBMITTED, "b-1", "t")
    assert (after.attempt, after.nonce) == (3, before.nonce)
    assert (before.state, before.batch_id) == (PartState.COMMITTED, None)


def test_an_event_moves_a_job() -> None:
    """A job follows the same table, and takes its facts along."""
    after = make_job(state=JobState.RUNNING).finished("succeeded")
    assert (after.state, after.status) == (JobState.PUBLISHING, "succeeded")


def test_what_the_table_forbids_no_manifest_can_say() -> None:
    """A part that nobody prepared cannot be committed, a done job not be published again."""
    with pytest.raises(IllegalTransitionError):
        make_part(PartState.READY).committed()
    with pytest.raises(IllegalTransitionError):
        make_job(state=JobState.DONE).published()


def test_a_part_takes_the_place_of_its_former_self() -> None:
    """One part is replaced, the others and their order stay, new generations come last."""
    again, more = make_part(number=2, generation=2), make_part(number=2, generation=3)
    changed = FULL.part((2, 1)).proven("b-3", "t")
    after = FULL.with_part(changed, again)
    assert [part.key for part in after.parts] == [(1, 1), (2, 1), (3, 2), (2, 2)]
    assert (after.part((2, 1)), after.part((2, 2))) == (changed, again)
    prepared = again.prepared(Intent(cursor=None, date=""), "t")
    later = after.with_part(prepared, more)
    assert later.parts == (FULL.part((1, 1)), changed, FULL.part((3, 2)), prepared, more)
    assert len(FULL.parts) == 3


def test_files_of_parts_never_share_a_name() -> None:
    """A label belongs to one number and generation."""
    keys = [(number, generation) for number in (1, 2, 11, 111, 1111) for generation in (1, 2, 11)]
    labels = {make_part(number=number, generation=generation).label for number, generation in keys}
    assert len(labels) == len(keys)
    assert {"part-001", "part-001-g2", "part-1111"} < labels


@pytest.mark.parametrize(
    ("mine", "theirs", "total"),
    [(0.25, 0.5, 0.75), (0.0, 0.5, 0.5), (None, 0.5, None), (0.5, None, None), (None, None, None)],
)
def test_tokens_add_up_and_an_unknown_price_stays_unknown(
    mine: float | None, theirs: float | None, total: float | None
) -> None:
    """Every count is summed; a cost that is not known on one side is not known in the sum."""
    numbers = {"input_tokens": 3, "output_tokens": 5, "cache_creation_input_tokens": 7}
    one = Tokens(requests=1, cache_read_input_tokens=9, cost_usd=mine, **numbers)
    other = Tokens(requests=2, cost_usd=theirs, **numbers)
    doubled = {name: 2 * number for name, number in numbers.items()}
    assert one.plus(other) == Tokens(requests=3, cache_read_input_tokens=9, cost_usd=total, **doubled)
