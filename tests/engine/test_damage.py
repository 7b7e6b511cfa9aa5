"""A disk that errs: what has changed since it was written is neither sent nor published."""

from collections.abc import Callable
from pathlib import Path

import pytest

from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.support.daemon import request
from tests.support.engine import Engine

TWO = request("first") + request("second")
Rot = Callable[[bytes], bytes]


def change_a_letter(data: bytes) -> bytes:
    return data.replace(b"second", b"sexond")


def break_a_line(data: bytes) -> bytes:
    return data.replace(b"second", b"sec\nnd")


ROTS = [change_a_letter, break_a_line]


def rot_file(engine: Engine, name: str, rot: Rot) -> None:
    """Change the file *name* of the only job."""
    (path,) = engine.root.glob(f"work/*/{name}")
    whole = path.read_bytes()
    path.write_bytes(rot(whole))
    assert path.read_bytes() != whole


def check_held(engine: Engine, sandbox: Sandbox, problem: str) -> None:
    """Check that a person is asked, nothing more was sent and nothing is published."""
    (reason,) = engine.root.glob("hold/*/hold.json")
    assert problem in reason.read_text()
    assert len(sandbox.batches()) == 1
    assert not list(Path(engine.root / "outbox").iterdir())


@pytest.mark.parametrize("rot", ROTS)
@pytest.mark.parametrize(
    ("name", "problem"),
    [("part-001.body.json", "the body of part-001"), ("part-001.index.jsonl", "the index of part-001")],
    ids=["body", "index"],
)
def test_requests_that_rotted_do_not_go_out_again(
    start: Start, slow: Sandbox, rot: Rot, name: str, problem: str
) -> None:
    """Rows expired, and what would be sent anew is not what was asked: it stays unpaid."""
    slow.outcome("second", "expired")
    engine = start(on=slow)
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))
    rot_file(engine, name, rot)
    slow.end()
    engine.run_to_end()
    check_held(engine, slow, problem)


@pytest.mark.parametrize("rot", ROTS)
def test_an_index_that_rotted_names_no_rows(start: Start, slow: Sandbox, rot: Rot) -> None:
    """Rows under ids that nobody asked for are never published."""
    engine = start(on=slow)
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))
    rot_file(engine, "part-001.index.jsonl", rot)
    slow.end()
    engine.run_to_end()
    check_held(engine, slow, "the index of part-001")


def bring_rows(start: Start, slow: Sandbox) -> tuple[Engine, str]:
    """Bring the rows of one part home while the other's batch runs; return that batch."""
    engine = start(on=slow, max_part_requests=1)
    engine.drop("a.jsonl", request("second") + request("first"))
    engine.run_until(lambda: len(slow.batches()) == 2)
    one, other = (batch["id"] for batch in sorted(slow.batches(), key=lambda batch: str(batch["custom_ids"])))
    slow.end(other)
    engine.run_until(lambda: "collected" in [part.state for part in engine.parts()])
    return engine, one


def check_unpublished(engine: Engine, sandbox: Sandbox) -> None:
    """Check that a person is asked, and nothing is out."""
    (reason,) = engine.root.glob("hold/*/hold.json")
    assert "part-001" in reason.read_text()
    assert not list((engine.root / "outbox").iterdir())
    assert len(sandbox.batches()) == 2


@pytest.mark.parametrize("name", ["part-001.rows.jsonl", "part-001.index.jsonl"])
@pytest.mark.parametrize("rot", ROTS)
def test_rows_that_rotted_while_they_waited_are_not_published(
    start: Start, slow: Sandbox, rot: Rot, name: str
) -> None:
    """The rows of one part lay there while another's batch ran, and came to harm."""
    engine, running = bring_rows(start, slow)
    rot_file(engine, name, rot)
    slow.end(running)
    engine.run_to_end()
    check_unpublished(engine, slow)


@pytest.mark.parametrize("name", ["part-001.rows.jsonl", "part-001.index.jsonl", "part-001.places"])
@pytest.mark.parametrize("left", [None, 0.0, 0.5], ids=["gone", "empty", "cut"])
def test_what_was_cut_or_went_while_it_waited_is_not_published_in_part(
    start: Start, slow: Sandbox, name: str, left: float | None
) -> None:
    """A file that lost its end, or is not there any more, makes no shorter results."""
    engine, running = bring_rows(start, slow)
    (path,) = engine.root.glob(f"work/*/{name}")
    whole = path.read_bytes()
    path.unlink()
    if left is not None:
        path.write_bytes(whole[: int(len(whole) * left)])
    slow.end(running)
    engine.run_to_end()
    check_unpublished(engine, slow)


def test_a_request_that_failed_is_not_taken_for_one_that_succeeded(start: Start, slow: Sandbox) -> None:
    """One bit in the table of places, and it would be missing from the errors."""
    slow.outcome("second", "errored", error_type="invalid_request_error", message="no")
    engine, running = bring_rows(start, slow)
    rot_file(engine, "part-001.places", lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    slow.end(running)
    engine.run_to_end()
    check_unpublished(engine, slow)
