"""A spool that was copied with jobs under way, and two daemons with one key."""

import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from batchbox.domain.errors import BatchboxError
from batchbox_sandbox.remote import Sandbox
from tests.hostile.conftest import Start
from tests.hostile.neighbours import LINES, whole
from tests.support.engine import Engine

LONG = 5000.0
SETTINGS = {"poll_seconds": 500.0}


def stop_ready(engine: Engine, _slow: Sandbox) -> None:
    """Stop with a part that is to be sent."""
    engine.run_until(engine.is_in("ready"))


def stop_in_doubt(engine: Engine, slow: Sandbox) -> None:
    """Stop with a part whose answer was lost."""
    slow.order("create", "drop_before")
    engine.run_until(engine.is_in("in_doubt"))


def stop_submitted(engine: Engine, _slow: Sandbox) -> None:
    """Stop with a batch that runs."""
    engine.run_until(engine.is_in("submitted"))


STOPS: dict[str, Callable[[Engine, Sandbox], None]] = {
    "ready": stop_ready,
    "in doubt": stop_in_doubt,
    "submitted": stop_submitted,
}


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_a_copy_pays_nothing_twice(
    start: Start, slow: Sandbox, tmp_path: Path, tally: Counter[str], stop: Callable[[Engine, Sandbox], None]
) -> None:
    """The copy of a spool, worked beside the original, sends nothing that the original sends."""
    engine = start(on=slow, settings=SETTINGS)
    engine.drop("x.jsonl", whole(1))
    stop(engine, slow)
    copy = tmp_path / "copy"
    shutil.copytree(engine.root, copy)
    engine.run_for(LONG)
    told: list[str] = []
    try:
        with closing(Engine(copy, slow.url, settings=SETTINGS)) as second:
            second.run_for(LONG)
            slow.end()
            second.run_for(LONG)
    except BatchboxError as refusal:
        told.append(refusal.fix)
    assert all(told), "the copy is refused without a word of what to do"
    slow.end()
    engine.run_to_end()
    assert len(engine.rows("x")) == LINES
    paid = [one for batch in slow.batches() for one in batch["custom_ids"]]
    assert len(paid) == LINES, "the copy has paid for the same requests again"
    tally["attempts of neighbours"] += 1
