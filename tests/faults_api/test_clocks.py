"""The server's clock is wrong, or its machines disagree: no batch is overlooked or paid twice for that."""

from collections import Counter
from itertools import product
from typing import Any

import pytest

from tests.faults_api.conftest import Begin
from tests.support.daemon import request as line

MINUTES = 60.0
HOURS = 3600.0
TWO = line("a") + line("b")

SKEWS = [
    (10 * MINUTES,),
    (-10 * MINUTES,),
    (2 * HOURS,),
    (-2 * HOURS,),
    (9 * MINUTES, 0.0),
    (10 * MINUTES, 0.5 * MINUTES),
    (0.0, -2 * HOURS, 10 * MINUTES, 2 * HOURS, -10 * MINUTES),
]
LOST: list[tuple[str, dict[str, Any]]] = [
    ("drop_after", {}),
    ("drop_before", {}),
    ("error_after", {"status": 504}),
    ("late_store", {"seconds": 300}),
]
JUMPS = [(10 * MINUTES, -10 * MINUTES), (2 * HOURS, -2 * HOURS)]
CASES = list(product(SKEWS, LOST, (False, True)))


@pytest.mark.parametrize(("skews", "lost", "deleted"), CASES)
def test_wrong_clocks(
    begin: Begin,
    tally: Counter[str],
    skews: tuple[float, ...],
    lost: tuple[str, dict[str, Any]],
    deleted: bool,
) -> None:
    """An answer is lost while the clocks are wrong, and perhaps the newest batch known is deleted."""
    world = begin()
    world.sandbox.skew(skews[0])
    world.sandbox.stranger(5)
    world.sandbox.skew(*(skews[1:] or skews))
    world.sandbox.order("create", lost[0], **lost[1])
    world.engine.drop("a.jsonl", TWO)
    world.engine.run_until(world.engine.is_in("in_doubt"))
    (part,) = world.engine.parts()
    assert part.intent
    if deleted:
        world.sandbox.delete(str(part.intent.cursor))
    world.finish(paid=1)
    assert world.count_calls("create") == (2 if lost[0] == "drop_before" else 1)
    tally["clocks that are wrong"] += 1


@pytest.mark.parametrize("skews", JUMPS)
@pytest.mark.parametrize("lost", [LOST[0], LOST[2]])
def test_clocks_far_apart(
    begin: Begin, tally: Counter[str], skews: tuple[float, ...], lost: tuple[str, dict[str, Any]]
) -> None:
    """The machine that stored the deleted cursor and the one that stored ours are far apart."""
    test_wrong_clocks(begin, tally, skews, lost, deleted=True)


@pytest.mark.parametrize("skews", SKEWS)
def test_known_and_deleted_afterwards(begin: Begin, tally: Counter[str], skews: tuple[float, ...]) -> None:
    """The newest batch known is another part of ours, collected and deleted while a later one is in doubt."""
    world = begin()
    world.strangers_size = 0
    world.sandbox.skew(*skews)
    world.engine.drop("a.jsonl", TWO)
    world.finish(paid=1)
    world.sandbox.order("create", "drop_after")
    world.engine.drop("b.jsonl", TWO)
    world.engine.run_until(world.engine.is_in("in_doubt"))
    world.sandbox.delete(world.own()[0]["id"])
    world.finish(paid=2)
    assert world.count_calls("create") == 2
    tally["clocks that are wrong"] += 1


@pytest.mark.parametrize("behind", [1.0, 5.0])
def test_the_list_goes_by_the_clocks(begin: Begin, tally: Counter[str], behind: float) -> None:
    """The list is sorted by times of machines that differ by seconds: ours stands below the cursor."""
    world = begin(stand_in={"listing": "created"})
    world.sandbox.skew(behind)
    world.sandbox.stranger(5)
    world.sandbox.order("create", "drop_after")
    world.sandbox.skew()
    world.engine.drop("a.jsonl", TWO)
    world.finish(paid=1)
    tally["clocks that are wrong"] += 1
