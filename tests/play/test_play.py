"""Histories that nobody would write down: whatever happens in any order, the promises hold at every step.

Every run without `--soak` plays the same ones. With it they are others each time, and many; of one that fails
Hypothesis prints the steps, shortened as far as it fails, and the `--hypothesis-seed` that plays it again.
"""

from collections import Counter
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from batchbox_sandbox.remote import Sandbox
from tests.play.model import Everything, Killer, Misfortune, Play
from tests.play.stage import Scene

FEW = settings(
    stateful_step_count=25,
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
MANY = settings(FEW, max_examples=1000, stateful_step_count=50, derandomize=False)
SHARDS = {Play: 8, Killer: 15, Misfortune: 15, Everything: 15}


@pytest.mark.parametrize("kind", SHARDS)
def test_promises_hold(
    kind: type[Play],
    sandbox: Sandbox,
    folder: Path,
    bugs: list[str],
    tally: Counter[str],
    request: pytest.FixtureRequest,
) -> None:
    """Nothing is lost, paid twice or seen half done, and everything comes to its end, in each history."""
    scene = Scene(sandbox, folder, bugs, count())
    here = type(kind.__name__, (kind,), {"scene": scene, "tally": tally})
    soaks = request.config.getoption("--soak")
    if soaks:
        run_state_machine_as_test(here, settings=MANY)
    else:
        run_state_machine_as_test(seed(1)(here), settings=settings(FEW, max_examples=SHARDS[kind]))
