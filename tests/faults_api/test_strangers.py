"""Strangers' batches of our size around a create whose answer is lost: they cost time, nothing else."""

from collections import Counter
from itertools import product
from typing import Any

import pytest

from tests.faults_api.conftest import Begin
from tests.faults_api.world import HOUR, World
from tests.support.daemon import request as line

TALLY = "strangers' batches of our size"
TWO = line("r1") + line("r2")
LIVE = {"work_seconds": 40 * HOUR, "largest_page": 1000}  # batches end when they are told to, or after a day
MOMENTS = ("before", "in_doubt", "between the looks", "candidates")
UNREADABLE: list[tuple[str, dict[str, Any]]] = [
    *(("refuse", {"status": status}) for status in (403, 404, 500)),
    ("not_found", {}),
    ("drop_after", {}),
    ("short", {"rows": 0}),
    ("cut", {"where": "mid_line", "rows": 0, "framing": "close"}),
    ("garbage", {}),
]


def bring_into_doubt(
    begin: Begin, moments: tuple[str, ...], fault: str = "drop_after"
) -> tuple[World, list[str]]:
    """Bring a part into doubt, and have strangers come in each of *moments*; return their ids."""
    world = begin(stand_in=LIVE, poll_seconds=60)
    world.strangers_size = 2
    engine, came = world.engine, []
    if "before" in moments:
        came += world.sandbox.strangers(1, 2, "r")
    world.sandbox.order("create", fault)
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("in_doubt"))
    world.strangers_size = 0
    for moment in moments:
        if moment == "between the looks":
            engine.run_until(lambda: any(doubt.looked_at for doubt in engine.loop.memory.doubts.values()))
        elif moment == "candidates":
            engine.run_until(engine.is_in("candidates"))
        if moment != "before":
            came += world.sandbox.strangers(2, 2, "r")
    engine.run_until(engine.is_in("candidates"))
    return world, [batch["id"] for batch in world.sandbox.batches() if batch["stranger"]]


def end_own(world: World) -> None:
    """End our own batch, and no other."""
    for batch in world.own():
        world.sandbox.end(batch["id"])


CREATED = ("drop_after", "drop_before")
TWINS = list(product(CREATED, repeat=2))


@pytest.mark.parametrize("fault", CREATED)
@pytest.mark.parametrize("moment", MOMENTS)
def test_at_any_time(begin: Begin, tally: Counter[str], fault: str, moment: str) -> None:
    """They come before, during and after our create, with our own ids but for the nonce; they end in time."""
    world, strangers = bring_into_doubt(begin, (moment,), fault)
    world.engine.run_for(HOUR)
    for stranger in strangers:
        world.sandbox.end(stranger)
    world.engine.run_until(world.own)
    end_own(world)
    world.engine.run_until(world.engine.path("a", "receipt.json").exists)
    world.finish(paid=1)
    tally[TALLY] += len(strangers)


def test_all_at_once_and_a_restart(begin: Begin, tally: Counter[str]) -> None:
    """In all moments, and a restart with the candidates known."""
    world, strangers = bring_into_doubt(begin, MOMENTS)
    world.engine.crash_and_restart()
    world.sandbox.end()
    world.finish(paid=1)
    tally[TALLY] += len(strangers)


def test_they_never_end(begin: Begin, tally: Counter[str]) -> None:
    """Ours has ended and theirs run on: ours is proven without them."""
    world, strangers = bring_into_doubt(begin, MOMENTS)
    end_own(world)
    begun = world.engine.clock.seconds
    world.finish(paid=1)
    assert world.engine.clock.seconds - begun < HOUR
    tally[TALLY] += len(strangers)


def test_they_end_first(begin: Begin, tally: Counter[str]) -> None:
    """Theirs are struck one by one while ours still runs; it is not sent again meanwhile."""
    world, strangers = bring_into_doubt(begin, MOMENTS)
    for stranger in strangers:
        world.sandbox.end(stranger)
        world.engine.run_for(60)
    world.engine.run_for(6 * HOUR)
    assert world.engine.states() == ["candidates"]
    end_own(world)
    world.finish(paid=1)
    tally[TALLY] += len(strangers)


def test_nothing_was_created_and_they_run_for_a_day(begin: Begin, tally: Counter[str]) -> None:
    """While a stranger's may be ours nothing is sent; when it has expired, as all do after a day, it is."""
    world, strangers = bring_into_doubt(begin, ("in_doubt",), "drop_before")
    world.engine.run_for(20 * HOUR)
    assert world.engine.states() == ["candidates"]
    world.engine.run_until(world.own)
    end_own(world)
    world.finish(paid=1)
    assert world.engine.clock.seconds > 24 * HOUR
    tally[TALLY] += len(strangers)


def test_they_are_deleted(begin: Begin, tally: Counter[str]) -> None:
    """Theirs vanish while ours runs: nothing is given up, nothing sent, and ours is proven in the end."""
    world, strangers = bring_into_doubt(begin, MOMENTS)
    for stranger in strangers:
        world.sandbox.delete(stranger)
    world.engine.run_for(2 * HOUR)
    end_own(world)
    world.finish(paid=1)
    assert world.statuses() == ["succeeded"]
    tally[TALLY] += len(strangers)


def test_nothing_was_created_and_they_are_deleted(begin: Begin, tally: Counter[str]) -> None:
    """What was deleted unread may have been ours: only a person can decide, and is told why."""
    world, strangers = bring_into_doubt(begin, ("in_doubt",), "drop_before")
    for stranger in strangers:
        world.sandbox.delete(stranger)
    world.finish(paid=0, held=1)
    (reason,) = (world.engine.root / "hold").glob("*/hold.json")
    assert "deleted or archived before it could be read" in reason.read_text()
    tally[TALLY] += len(strangers)


@pytest.mark.parametrize(("fault", "details"), UNREADABLE)
@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_results_cannot_be_read_for_a_while(
    begin: Begin, tally: Counter[str], fault: str, details: dict[str, Any], first: str
) -> None:
    """What cannot be read strikes nobody, neither us nor them."""
    world, strangers = bring_into_doubt(begin, ("in_doubt", "candidates"))
    world.sandbox.order("results", fault, times=3 * len(strangers), **details)
    if first == "ours":
        end_own(world)
    else:
        for stranger in strangers:
            world.sandbox.end(stranger)
    world.engine.run_for(600)
    world.sandbox.end()
    world.finish(paid=1)
    assert world.statuses() == ["succeeded"]
    tally[TALLY] += len(strangers)


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("faults", TWINS)
def test_twins_among_strangers(
    begin: Begin, tally: Counter[str], faults: tuple[str, ...], restart: bool
) -> None:
    """Two files of the same content in doubt together, among strangers of that size, perhaps restarted."""
    world = begin()
    world.strangers_size = 2
    for fault in faults:
        world.sandbox.order("create", fault)
    for name in "ab":
        world.engine.drop(f"{name}.jsonl", TWO)
    world.engine.run_until(lambda: world.engine.states() == ["in_doubt"] * 2)
    if restart:
        world.engine.crash_and_restart()
    world.finish(paid=2)
    assert world.engine.receipt("a")["batches"] != world.engine.receipt("b")["batches"]
    assert world.statuses() == ["succeeded"] * 2
    tally[TALLY] += len(world.sandbox.batches()) - 2
