"""Answers lost again and again, and outages of hours in every phase of a file's way."""

import random
from collections import Counter
from typing import Any

import pytest

from tests.faults_api.conftest import Begin
from tests.faults_api.world import HOUR, LATER_SECONDS, PARTS, World
from tests.support.daemon import request as line

TWELVE = 12
STORM = 20
FOREVER = 10**6
LOST: list[tuple[str, dict[str, Any]]] = [
    ("drop_before", {}),
    ("drop_after", {}),
    ("refuse", {"status": 529}),
    ("refuse", {"status": 409}),
    ("error_after", {"status": 500}),
    ("error_after", {"status": 529}),
    ("html", {"status": 502}),
    ("html", {"status": 502, "after": True}),
    ("late", {"seconds": LATER_SECONDS}),
    ("late_store", {"seconds": 300}),
    ("hide", {"seconds": 300, "lost": True}),
    ("garbage", {}),
]
OUTAGES: list[tuple[float, str, dict[str, Any]]] = [
    (6 * HOUR, "refuse", {"status": 503}),
    (6 * HOUR, "refuse", {"status": 529}),
    (6 * HOUR, "html", {"status": 502}),
    (6 * HOUR, "drop_before", {}),
    (6 * HOUR, "redirect", {"location": "http://127.0.0.1:9"}),
    (3 * HOUR, "refuse", {"status": 401}),
    (3 * HOUR, "refuse", {"status": 402}),
    (3 * HOUR, "refuse", {"status": 403, "error_code": "organization_on_hold"}),
    (3 * HOUR, "refuse", {"status": 400, "message": "You have reached your specified API usage limits."}),
    (6 * HOUR, "refuse", {"status": 429, "retry_after": 1800}),
    (6 * HOUR, "refuse", {"status": 529, "retry_after": 60}),
]
PHASES = ("at the start", "in_doubt", "candidates", "submitted", "between parts", "again")


def test_twelve_parts_each_unanswered(begin: Begin, tally: Counter[str]) -> None:
    """Twelve batches in a row are accepted and no answer comes: each is found, none sent again."""
    world = begin(max_part_requests=1)
    world.sandbox.order("create", "drop_after", times=TWELVE)
    world.engine.drop("a.jsonl", b"".join(line(f"r{number}") for number in range(TWELVE)))
    world.finish(paid=TWELVE)
    assert world.count_calls("create") == TWELVE
    assert world.statuses() == ["succeeded"]
    tally["answers lost in a row"] += TWELVE


@pytest.mark.parametrize(
    "fault", [("drop_before", {}), ("refuse", {"status": 529}), ("refuse", {"status": 409})]
)
def test_twelve_tries_at_one_part(
    begin: Begin, tally: Counter[str], fault: tuple[str, dict[str, Any]]
) -> None:
    """Twelve times nothing is created and nothing said: the thirteenth try is the one batch."""
    world = begin()
    world.sandbox.order("create", fault[0], times=TWELVE, **fault[1])
    world.engine.drop("a.jsonl", line("a") + line("b"))
    world.finish(paid=1)
    assert world.count_calls("create") == TWELVE + 1
    tally["answers lost in a row"] += TWELVE


@pytest.mark.parametrize("seed", range(6))
def test_mixtures(begin: Begin, tally: Counter[str], seed: int) -> None:
    """Twelve answers lost in as many ways, over several files, with restarts in between."""
    fate = random.Random(seed)
    world = begin()
    for _ in range(TWELVE):
        fault, details = fate.choice(LOST)
        world.sandbox.order("create", fault, **details)
    world.drop_files()
    for _ in range(3):
        world.engine.run_for(fate.uniform(10, 1500))
        world.engine.crash_and_restart()
    world.finish(paid=PARTS + 1)
    assert world.statuses() == ["succeeded"] * 2
    tally["answers lost in a row"] += world.count_calls("create") - PARTS - 1


def reach(world: World, phase: str) -> None:
    """Run up to the moment at which everything goes out."""
    engine = world.engine
    if phase in ("in_doubt", "candidates"):
        world.sandbox.order("create", "drop_after", times=2)
    world.drop_files()
    match phase:
        case "in_doubt" | "candidates" | "submitted":
            engine.run_until(engine.is_in(phase))
        case "between parts":
            engine.run_until(lambda: {"ready", "submitted"} <= set(engine.states()))
        case "again":
            engine.run_until(lambda: any(part.generation == 2 for part in engine.parts()))


@pytest.mark.parametrize("phase", PHASES)
def test_outage(begin: Begin, tally: Counter[str], request: pytest.FixtureRequest, phase: str) -> None:
    """Hours without any use of the API, in any phase, cost time only; then it goes on by itself."""
    every = request.config.getoption("--soak")
    chosen = OUTAGES if every else OUTAGES[PHASES.index(phase) :: len(PHASES)]
    for seconds, fault, details in chosen:
        world = begin()
        reach(world, phase)
        world.sandbox.order("any", fault, times=FOREVER, **details)
        calls = len(world.sandbox.calls())
        world.engine.run_for(seconds)
        probes = len(world.sandbox.calls()) - calls
        assert 2 <= probes <= seconds / 10
        assert world.statuses() == []
        world.heal()
        world.finish(paid=PARTS + 1)
        tally["calls that failed in an outage"] += probes


@pytest.mark.parametrize("call", ["create", "list", "retrieve", "results"])
@pytest.mark.parametrize(
    "details",
    [
        {"status": 529},
        {"status": 429, "retry_after": 600},
        {"status": 529, "retry_after": 600},
        {"status": 401},
    ],
)
def test_storm(begin: Begin, tally: Counter[str], call: str, details: dict[str, Any]) -> None:
    """Twenty refusals in a row of one call alone are sat out."""
    world = begin()
    world.sandbox.order(call, "refuse", times=STORM, **details)
    world.drop_files()
    world.finish(paid=PARTS + 1)
    assert world.sandbox.faults() == []
    assert world.statuses() == ["succeeded"] * 2
    tally["calls that failed in an outage"] += STORM
