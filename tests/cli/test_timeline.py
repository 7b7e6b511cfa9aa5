"""The story of a job, in time order, also of one that an older batchbox wrote."""

from typing import Any

from batchbox.cli.status.timeline import print_now, print_timeline
from batchbox.domain.job import Manifest
from batchbox.domain.part import Part
from batchbox.domain.records import Decision, Input
from batchbox.domain.states import JobState, PartState
from batchbox.storage.local.hold import HoldReason
from tests.storage.support import JOB, make_manifest

BATCH = "msgbatch_01HkcTjaV5uDC8jWR4ZsDV8d"


def at(minute: int) -> str:
    return f"2026-01-02T03:{minute:02}:00Z"


def make_part(**facts: Any) -> Part:
    return Part(**{"number": 1, "nonce": "n", "requests": 2, "bytes": 1, "crc32": 0} | facts)


def make_job(*parts: Part, **facts: Any) -> Manifest:
    usual: dict[str, Any] = {
        "taken_at": at(1),
        "checked_at": at(2),
        "state": JobState.RUNNING,
        "parts": parts,
    }
    usual["input"] = Input(lines=3, requests=3, bytes=1, sha256="0")
    return make_manifest(JOB, **usual | facts)


def texts(job: Manifest, reason: HoldReason | None = None) -> list[tuple[str | None, str]]:
    return [(one.at, one.text) for one in print_timeline(job, reason)]


def test_all_of_it_in_time_order() -> None:
    """Attempts, doubt, hold, what a person decided, batches, rows that went out again, the end."""
    first = make_part(
        attempt=2,
        prepared_at=at(5),
        doubt="no answer",
        doubted_at=at(4),
        batch_id=BATCH,
        submitted_at="2026-01-02T03:09:00.5+00:00",
        ended_at="2026-01-02T03:59:00+00:00",  # the server's clock is wrong
        collected_at=at(20),
        state=PartState.COLLECTED,
        outcomes={"succeeded": 1, "expired": 1},
        again=1,
    )
    second = make_part(number=2, attempt=1, prepared_at=at(3), refused_at=at(3), state=PartState.READY)
    again = make_part(generation=2, requests=1)
    decision = Decision(verb="adopt", at=at(8), by="anna", batch_id=BATCH, problem="lost", held_at=at(7))
    job = make_job(first, second, again, decisions=(decision,), cancel_asked_at=at(19))
    assert texts(job) == [
        (at(1), "taken, 0 bytes"),
        (at(2), "checked, 3 requests in 2 parts, no mistakes"),
        (at(3), "part 2: attempt 1 to send 2 requests"),
        (at(4), "part 1: in doubt"),
        (at(5), "part 1: attempt 2 to send 2 requests"),
        (at(7), "held for a person"),
        (at(8), f"released by anna, to adopt batch {BATCH}"),
        (at(9), f"part 1: sent, batch {BATCH}"),
        (at(19), "asked to be canceled"),
        (at(20), "part 1: its batch ended"),
        (at(20), "part 1: fetched: 1 expired, 1 succeeded, 1 go out again"),
    ]
    assert print_now("work", job) == "being canceled: 1 fetched; 2 ready to be sent"


def test_what_has_no_time_stands_behind_what_it_followed() -> None:
    """A manifest of an older version lacks the times of attempts and doubts, and is told all the same."""
    part = make_part(attempt=1, doubt="no answer", batch_id=BATCH, submitted_at=at(9))
    assert texts(make_job(part)) == [
        (at(1), "taken, 0 bytes"),
        (at(2), "checked, 3 requests, no mistakes"),
        (None, "part 1: attempt 1 to send 2 requests"),
        (None, "part 1: in doubt"),
        (at(9), f"part 1: sent, batch {BATCH}"),
    ]


def test_a_hold_is_told_with_its_reason() -> None:
    """Why, since when, what to do, and whether anything goes on without us."""
    job = make_job(make_part(state=PartState.SUBMITTED, batch_id=BATCH))
    last = print_timeline(job, HoldReason("held by anna", "release it", at(9)))[-1]
    assert (last.at, last.text, last.more) == (at(9), "held for a person", ("held by anna", "release it"))
    assert "goes on there" in print_now("hold", job)
    assert "goes on there" not in print_now("hold", make_job(make_part()))
    assert print_now("done", job) == ""
