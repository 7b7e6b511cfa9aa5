"""A disk that is full to the last byte or inode, at the moments that matter; then there is room again."""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import cast

import pytest

from batchbox.ports.api import Api
from batchbox.ports.storage import Spool
from batchbox.storage.local.lock import make_spool
from batchbox_sandbox.remote import Sandbox
from tests.engine.meddling import Meddled
from tests.engine.promises import check_promises
from tests.power.conftest import MakeRoom
from tests.power.room import Room
from tests.support.daemon import Box, request, wait_for
from tests.support.engine import Engine

TURNS = 40  # with waits that grow: minutes of a full disk
FULL = ["bytes", "inodes"]
SPOOL_CALLS = ["take", "save", "create", "publish", "retire"]


def begin(room: Room, sandbox: Sandbox, meddle: Callable[[object], object]) -> Engine:
    """Start an engine on the disk, with one file of two parts; *meddle* with its spool and API."""
    engine = Engine(
        room.root,
        sandbox.url,
        settings={"max_part_requests": 2},
        wrap_spool=lambda spool: cast("Spool", meddle(spool)),
        wrap_api=lambda api: cast("Api", meddle(api)),
    )
    engine.drop("q.jsonl", request("a") + request("b") + request("c"))
    return engine


def end_well(engine: Engine, room: Room, sandbox: Sandbox) -> None:
    """Make room; everything goes on by itself: one receipt, each part paid once."""
    room.clear()
    engine.run_to_end()
    assert engine.receipt("q")["status"] == "succeeded"
    assert len(sandbox.batches()) == 2
    check_promises(engine, sandbox)


@pytest.mark.parametrize("what", FULL)
@pytest.mark.parametrize("call", SPOOL_CALLS)
def test_full_before_a_call_of_the_spool(
    make_room: MakeRoom, sandbox: Sandbox, tally: Counter[str], call: str, what: str
) -> None:
    """Full as the file is taken, checked, sent, or published: it waits, and ends well once there is room."""
    room = make_room()
    filled: list[object] = []

    def fill() -> None:
        room.fill(what)
        filled.append(call)

    def meddle(real: object) -> object:
        return Meddled(cast("Spool", real), call, [fill]) if hasattr(real, "retire") else real

    with closing(begin(room, sandbox, meddle)) as engine:
        engine.run_turns(TURNS)
        assert filled
        end_well(engine, room, sandbox)
    tally["disks filled to the last byte or inode"] += 1


@pytest.mark.parametrize("what", FULL)
def test_full_before_the_rows_come(
    make_room: MakeRoom, sandbox: Sandbox, tally: Counter[str], what: str
) -> None:
    """Full as the answers are fetched: they are fetched again, once there is room."""
    room = make_room()

    def meddle(real: object) -> object:
        return real if hasattr(real, "retire") else Meddled(cast("Api", real), "rows", [fill])

    def fill() -> None:
        room.fill(what)

    with closing(begin(room, sandbox, meddle)) as engine:
        engine.run_turns(TURNS)
        assert not engine.path("q", "receipt.json").exists()
        end_well(engine, room, sandbox)
    tally["disks filled to the last byte or inode"] += 1


@pytest.mark.parametrize("what", FULL)
def test_full_between_a_create_and_its_answer(
    make_room: MakeRoom, sandbox: Sandbox, tally: Counter[str], what: str
) -> None:
    """The batch id is written down on a disk without a byte: what was paid for is never in doubt."""
    room = make_room()

    def meddle(real: object) -> object:
        if hasattr(real, "retire"):
            return real
        meddled = Meddled(cast("Api", real), "create")
        meddled.after.append(lambda: room.fill(what))
        return meddled

    with closing(begin(room, sandbox, meddle)) as engine:
        engine.run_until(sandbox.batches)
        engine.run_turns(2)
        sent = [part for part in engine.parts() if part.intent]
        assert {(part.state, part.doubt) for part in sent} == {("submitted", None)}
        assert [part.batch_id for part in sent] == [batch["id"] for batch in sandbox.batches()]
        end_well(engine, room, sandbox)
    tally["disks filled to the last byte or inode"] += 1


@pytest.fixture
def full_box(make_room: MakeRoom, sandbox: Sandbox) -> tuple[Box, Room]:
    """Give a spool on a small disk, for a real daemon."""
    room = make_room()
    make_spool(room.root)
    settings = {"ANTHROPIC_BASE_URL": sandbox.url, "ANTHROPIC_API_KEY": "x", "BATCHBOX_RESERVE_BYTES": "0"}
    return Box(room.root, settings), room


def test_a_daemon_started_on_a_full_disk(
    full_box: tuple[Box, Room], sandbox: Sandbox, tally: Counter[str]
) -> None:
    """It starts, says why a file waits, and takes it as soon as there is room."""
    box, room = full_box
    box.drop("q.jsonl", request("a"))
    room.fill("bytes")
    with box.running() as daemon:
        waiting = wait_for(lambda: daemon.events("file.waiting"), "the reason")
        assert "room" in waiting[0]["problem"]
        room.clear()
        assert box.await_receipt("q")["status"] == "succeeded"
    assert len(sandbox.batches()) == 1
    tally["disks filled to the last byte or inode"] += 1


@pytest.mark.parametrize("what", FULL)
def test_a_daemon_whose_disk_is_full_when_the_answer_comes(
    full_box: tuple[Box, Room], sandbox: Sandbox, tally: Counter[str], what: str
) -> None:
    """Filled between the create and its answer: the id is on the disk all the same; later, the rows too."""
    box, room = full_box
    sandbox.order("create", "late", seconds=0.5)
    box.drop("q.jsonl", request("a"))
    with box.running() as daemon:
        wait_for(sandbox.batches, "the batch")
        room.fill(what)
        wait_for(lambda: daemon.events("part.submitted"), "the answer", seconds=15)
        wait_for(lambda: daemon.events("job.postponed"), "the rows not being kept")
        room.clear()
        assert box.await_receipt("q")["status"] == "succeeded"
        assert not daemon.events("part.doubted")
    assert len(sandbox.batches()) == 1
    tally["disks filled to the last byte or inode"] += 1
