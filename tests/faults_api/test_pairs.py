"""Every fault of the API at every call, after every other: what heals alone heals together."""

import random
from collections import Counter
from itertools import product

import pytest

from tests.faults_api.catalog import PAIRED, Mishap
from tests.faults_api.conftest import Begin
from tests.faults_api.world import LONG, PARTS

SHARDS = 8
SAMPLE = 12  # of each shard, where not all are tried
PAIRS = list(product(PAIRED, PAIRED))


def check_pair(begin: Begin, first: Mishap, second: Mishap) -> bool:
    """Run a world with both to its end; say whether both have happened."""
    canceled = "cancel" in (first.call, second.call)
    world = begin(stand_in=LONG if canceled else None)
    world.sandbox.order(first.call, first.fault, **first.details)
    skip = 0 if first.call == second.call else 1
    world.sandbox.order(second.call, second.fault, skip=skip, **second.details)
    world.drop_files()
    if canceled:
        world.cancel_files()
    world.finish()
    left = world.sandbox.faults()
    happened = [first] if left else [first, second]
    check_end(world.statuses(), happened, canceled)
    fewer = canceled or any(one.is_refusal or one.is_partial for one in happened)
    assert fewer or len(world.own()) == PARTS + 1
    return not left


def check_end(statuses: list[str], happened: list[Mishap], canceled: bool) -> None:
    """Hold the ends of both files against what has *happened*."""
    assert len(statuses) == 2
    if canceled:
        assert set(statuses) <= {"canceled", "failed", "partial", "succeeded"}
        return
    if any(one.is_refusal for one in happened):
        assert set(statuses) - {"succeeded"}
        assert set(statuses) <= {"failed", "partial", "succeeded"}
    elif any(one.is_partial for one in happened):
        assert set(statuses) <= {"partial", "succeeded"}
    else:
        assert statuses == ["succeeded"] * 2


@pytest.mark.parametrize("shard", range(SHARDS))
def test_pairs(begin: Begin, tally: Counter[str], request: pytest.FixtureRequest, shard: int) -> None:
    """Two faults in one run: nothing lost, nothing paid twice, and an end that fits them."""
    pairs = PAIRS[shard::SHARDS]
    if not request.config.getoption("--soak"):
        pairs = random.Random(shard).sample(pairs, SAMPLE)
    both = 0
    for first, second in pairs:
        try:
            both += check_pair(begin, first, second)
        except Exception as error:
            raise AssertionError(f"{first}, then {second}: {error}") from error
        tally["API faults, in pairs"] += 1
    assert both > 0.8 * len(pairs)
