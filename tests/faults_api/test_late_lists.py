"""Lists that show a batch late, or a batch that comes late: within the settle time it is found, once."""

from collections import Counter
from typing import Any

import pytest

from tests.faults_api.conftest import Begin
from tests.faults_api.world import PARTS
from tests.support.daemon import request as line

TWO = line("a") + line("b")
LATE: list[tuple[str, dict[str, Any]]] = [
    *(("hide", {"seconds": seconds, "lost": True}) for seconds in (1, 60, 300, 850, 895)),
    ("hide", {"calls": 1, "lost": True}),
    *(("late_store", {"seconds": seconds}) for seconds in (1, 60, 300, 850, 895)),
]


@pytest.mark.parametrize("restart_after", [None, 100, 800, 905])
@pytest.mark.parametrize(("fault", "details"), LATE)
def test_shown_late(
    begin: Begin, tally: Counter[str], fault: str, details: dict[str, Any], restart_after: float | None
) -> None:
    """Nothing is sent again though the batch is not there at first, with a restart at any time."""
    world = begin(stand_in={"largest_page": 1000})
    world.sandbox.order("create", fault, **details)
    world.engine.drop("a.jsonl", TWO)
    world.engine.run_until(world.engine.is_in("in_doubt"))
    if restart_after:
        world.engine.run_for(restart_after)
        world.engine.crash_and_restart()
    world.finish(paid=1)
    assert world.count_calls("create") == 1
    tally["API faults, each alone"] += 1


@pytest.mark.parametrize("seconds", [300, 3000])
def test_answered_and_shown_late(begin: Begin, tally: Counter[str], seconds: float) -> None:
    """A batch whose id is known is waited for, however long no list shows it."""
    world = begin()
    world.sandbox.order("create", "hide", times=PARTS, seconds=seconds)
    world.drop_files()
    world.finish(paid=PARTS + 1)
    assert world.engine.clock.seconds > seconds - 60  # real time passes as well
    tally["API faults, each alone"] += 1


@pytest.mark.parametrize("bad_cursor", ["empty", "ignore", "refuse"])
@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
def test_a_list_whose_pages_shift(begin: Begin, tally: Counter[str], fault: str, bad_cursor: str) -> None:
    """The batch by which the next page is asked for is deleted, and the list ends early or begins anew."""
    world = begin(stand_in={"bad_cursor": bad_cursor, "largest_page": 2})
    world.strangers_size = 0
    world.sandbox.order("create", fault)
    world.engine.drop("a.jsonl", TWO)
    world.engine.run_until(world.engine.is_in("in_doubt"))
    strangers = world.sandbox.strangers(6, 5)
    deleted: list[str] = []

    def delete_one() -> None:

        if strangers and world.count_calls("list") > 1:
            deleted.append(strangers.pop())
            world.sandbox.delete(deleted[-1])

    world.between = delete_one
    world.finish(paid=1)
    assert deleted
    tally["API faults, each alone"] += 1
