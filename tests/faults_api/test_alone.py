"""Every fault of the API, at every call, each alone: every file has its answers, and no part two batches."""

from collections import Counter

import pytest

from batchbox_sandbox.faults import FAULTS
from tests.faults_api.catalog import MISHAPS, Mishap
from tests.faults_api.conftest import Begin
from tests.faults_api.world import LONG, PARTS

SHARDS = 8
CALLS = ("create", "list", "retrieve", "results")


def check_alone(begin: Begin, mishap: Mishap, times: int) -> None:
    """Run a world in which *mishap* happens, *times* in a row, to its end."""
    canceled = mishap.call == "cancel"
    world = begin(stand_in=LONG if canceled else None)
    world.sandbox.order(mishap.call, mishap.fault, times=times, **mishap.details)
    world.drop_files()
    if canceled:
        world.cancel_files()
    world.finish()
    assert world.sandbox.faults() == []
    statuses = world.statuses()
    if canceled:
        assert statuses == ["canceled"] * 2
    elif mishap.is_refusal:
        assert set(statuses) <= {"failed", "partial", "succeeded"}
        assert statuses != ["succeeded"] * 2
        assert len(world.own()) <= PARTS
    elif mishap.is_partial:
        assert sorted(statuses) == ["partial", "succeeded"]
    else:
        assert statuses == ["succeeded"] * 2
        assert len(world.own()) == PARTS + 1


@pytest.mark.parametrize("shard", range(SHARDS))
def test_each_alone(begin: Begin, tally: Counter[str], shard: int) -> None:
    """One fault at one call: nothing lost, nothing paid twice, and an end that fits the fault."""
    for mishap in MISHAPS[shard::SHARDS]:
        try:
            check_alone(begin, mishap, times=1)
        except Exception as error:
            raise AssertionError(f"{mishap}: {error}") from error
        tally["API faults, each alone"] += 1


def test_nothing_is_left_out() -> None:
    """Every fault that the stand-in can play is tried."""
    assert {mishap.fault for mishap in MISHAPS} == FAULTS.keys() - {"clean"}


def test_the_scenario_makes_every_call(begin: Begin) -> None:
    """Without any fault each call is made more than once, so that no order waits in vain."""
    world = begin()
    world.drop_files()
    world.finish(paid=PARTS + 1)
    assert all(world.count_calls(call) >= 2 for call in CALLS)
    assert world.statuses() == ["succeeded"] * 2
