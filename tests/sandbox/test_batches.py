"""A batch as a function of (record, now), tested by calls."""

import json
from dataclasses import replace

import msgspec
import pytest

from batchbox_sandbox import batches
from batchbox_sandbox.batches import Batch, Verdict
from batchbox_sandbox.envelope import Request
from batchbox_sandbox.workspace import UnknownCursor, Workspace

ORIGIN = "http://sandbox"
START = 1_000_000.0


def make(count: int = 4, **changes: object) -> Batch:
    """Return a batch of *count* requests that takes 100 seconds."""
    requests = [Request(f"r{number}", msgspec.Raw(b"{}")) for number in range(count)]
    batch = Batch(id="msgbatch_1", created_at=START, requests=requests, work_seconds=100.0)
    return replace(batch, **changes)  # type: ignore[arg-type]


def tally(**counts: int) -> dict[str, int]:
    """Return full `request_counts` with the given figures."""
    return {**dict.fromkeys(("processing", *batches.FATES), 0), **counts}


@pytest.mark.parametrize("seconds", [0.0, 50.0, 99.9])
def test_everything_is_processing_until_everything_has_ended(seconds: float) -> None:
    """There is no progress figure: counts move once, all together."""
    shown = batches.view(make(), START + seconds, ORIGIN)
    assert shown["processing_status"] == "in_progress"
    assert shown["request_counts"] == tally(processing=4)
    assert shown["ended_at"] is None
    assert shown["results_url"] is None


def test_an_ended_batch_shows_its_results_url_on_the_given_origin() -> None:
    """Once ended a batch has its figures, its end and an absolute address of its results."""
    shown = batches.view(make(), START + 100.0, ORIGIN)
    assert shown["processing_status"] == "ended"
    assert shown["request_counts"] == tally(succeeded=4)
    assert shown["ended_at"] == batches.stamp(START + 100.0)
    assert shown["results_url"] == "http://sandbox/v1/messages/batches/msgbatch_1/results"


def test_a_view_has_every_field_and_plain_json() -> None:
    """Fields that are required but nullable are never left out."""
    shown = json.loads(json.dumps(batches.view(make(), START, ORIGIN)))
    assert set(shown) == {
        *("id", "type", "processing_status", "request_counts", "created_at", "expires_at"),
        *("ended_at", "cancel_initiated_at", "archived_at", "results_url"),
    }
    assert shown["created_at"] == "1970-01-12T13:46:40.000000Z"
    assert shown["expires_at"] == "1970-01-13T13:46:40.000000Z"


@pytest.mark.parametrize(("seconds", "finished"), [(0.0, 0), (49.0, 1), (50.0, 2), (99.0, 3)])
def test_a_cancel_keeps_what_was_answered_before_it(seconds: float, finished: int) -> None:
    """Requests that had their turn stay answered; the others are canceled, and all are accounted for."""
    batch = batches.cancel(make(), START + seconds)
    assert batches.find_status(batch, START + seconds) == "canceling"
    assert batches.count(batch, START + seconds) == tally(processing=4)
    end = START + seconds + batch.cancel_seconds
    assert batches.find_status(batch, end) == "ended"
    assert batches.count(batch, end) == tally(succeeded=finished, canceled=4 - finished)


def test_a_cancel_happens_once_and_never_after_the_end() -> None:
    """A second cancel, or one that is too late, changes nothing."""
    batch = batches.cancel(make(), START + 10.0)
    assert batches.cancel(batch, START + 10.1) == batch
    ended = make()
    assert batches.cancel(ended, START + 100.0) == ended


def test_an_expiry_keeps_what_was_answered_before_it() -> None:
    """A batch that is slower than its window ends with the rest expired."""
    batch = make(expire_seconds=50.0)
    assert batches.find_status(batch, START + 49.9) == "in_progress"
    assert batches.count(batch, START + 50.0) == tally(succeeded=2, expired=2)


def test_an_ordered_expiry_answers_nothing() -> None:
    """Expired by order, every single request is expired, and the window closes at that time."""
    batch = batches.expire(make(), START + 99.0)
    assert batches.count(batch, START + 99.0) == tally(expired=4)
    assert batch.expires_at == batch.ends_at == START + 99.0


def test_an_ordered_end_answers_everything() -> None:
    """Ended by order, a batch has all its work done."""
    batch = batches.end(make(), START + 1.0)
    assert batches.count(batch, START + 1.0) == tally(succeeded=4)
    assert batch.ends_at == START + 1.0


def test_an_ordered_end_does_not_undo_a_cancel() -> None:
    """A canceling batch that is ended keeps its canceled requests."""
    batch = batches.end(batches.cancel(make(), START), START + 0.1)
    assert batches.count(batch, START + 0.1) == tally(canceled=4)


@pytest.mark.parametrize("change", [batches.end, batches.expire, batches.cancel])
def test_an_ended_batch_stays_as_it_is(change: batches.Change) -> None:
    """Nothing that comes after the end rewrites it."""
    batch = make()
    assert change(batch, START + 200.0) == batch


def test_verdicts_are_counted_and_the_sum_always_holds() -> None:
    """Each kind of row is counted under one of the API's figures."""
    kinds = ("errored", "expired", "canceled", "unknown_type", "refusal")
    batch = make(6, verdicts={index: Verdict(kind) for index, kind in enumerate(kinds)})
    counts = batches.count(batch, START + 100.0)
    assert counts == tally(succeeded=2, errored=2, expired=1, canceled=1)
    assert [batches.judge(batch, index).kind for index in range(6)] == [*kinds, "succeeded"]


def test_a_verdict_does_not_hold_for_a_request_without_its_turn() -> None:
    """What was never worked on cannot have failed."""
    batch = batches.cancel(make(verdicts={0: Verdict("errored"), 3: Verdict("errored")}), START + 50.0)
    assert batches.count(batch, START + 60.0) == tally(succeeded=1, errored=1, canceled=2)


def test_results_are_archived_by_age_from_the_create() -> None:
    """Retention runs from `created_at`; the batch stays visible and its address goes."""
    batch = make(retain_seconds=500.0)
    assert batches.view(batch, START + 499.0, ORIGIN)["archived_at"] is None
    shown = batches.view(batch, START + 500.0, ORIGIN)
    assert shown["archived_at"] == batches.stamp(START + 500.0)
    assert shown["results_url"] is None
    assert batches.view(batch, START + 500.0, ORIGIN, archived_url=True)["results_url"] is not None


def test_no_work_at_all_is_ended_at_once() -> None:
    """With no time to work a batch has ended in the answer to its create."""
    assert batches.view(make(work_seconds=0.0), START, ORIGIN)["request_counts"] == tally(succeeded=4)


def fill(count: int) -> Workspace:
    """Return a workspace with the batches b0, b1, ... in the order of their creation."""
    workspace = Workspace()
    for number in range(count):
        workspace.add(make(id=f"b{number}"))
    return workspace


def turn(workspace: Workspace, limit: int, after: str | None = None, before: str | None = None) -> object:
    """Return the ids of a page, and whether there is more."""
    page, more = workspace.turn_page(limit, after, before, START)
    return [batch.id for batch in page], more


def test_pages_run_from_the_newest_in_the_direction_of_travel() -> None:
    """`has_more` speaks of older batches with `after`, of newer ones with `before`."""
    workspace = fill(5)
    assert turn(workspace, 2) == (["b4", "b3"], True)
    assert turn(workspace, 2, after="b3") == (["b2", "b1"], True)
    assert turn(workspace, 2, after="b1") == (["b0"], False)
    assert turn(workspace, 2, after="b0") == ([], False)
    assert turn(workspace, 2, before="b0") == (["b2", "b1"], True)
    assert turn(workspace, 2, before="b2") == (["b4", "b3"], False)


def test_an_unknown_cursor_is_said_to_be_one() -> None:
    """A page that begins at a batch that is not there is no page."""
    with pytest.raises(UnknownCursor):
        turn(fill(1), 2, after="other")


def test_a_hidden_batch_uses_up_its_looks() -> None:
    """Hidden for two looks means: seen at the third, whether listed or asked for."""
    workspace = Workspace()
    workspace.add(make(hidden_calls=2))
    assert workspace.look("msgbatch_1", START) is None
    assert turn(workspace, 9) == ([], False)
    assert turn(workspace, 9) == (["msgbatch_1"], False)


def test_a_hidden_batch_appears_at_its_time() -> None:
    """Hidden for a time means: seen from that time on."""
    workspace = Workspace()
    workspace.add(make(hidden_until=START + 5.0))
    assert workspace.look("msgbatch_1", START + 4.9) is None
    assert workspace.look("msgbatch_1", START + 5.0) is not None


def test_a_deleted_batch_is_gone_for_the_client_only() -> None:
    """Deleted batches stay on record, for they were billed."""
    workspace = fill(1)
    workspace.change(workspace.all()[0], batches.delete, START + 100.0)
    assert workspace.look("b0", START + 100.0) is None
    assert [batch.id for batch in workspace.all()] == ["b0"]


def test_the_queue_counts_requests_that_are_not_ended() -> None:
    """A batch occupies the queue with all its requests until it has ended."""
    workspace = fill(2)
    assert workspace.count_processing(START) == 8
    workspace.change(workspace.all()[0], batches.end, START)
    assert workspace.count_processing(START) == 4
