"""The process ends before, in or after any single thing it asks of the disk or the API."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.faults.conftest import Begin
from tests.faults.scenarios import SCENARIOS, nothing
from tests.support.mishaps import CALL, CHANGES, Mishap, Once, Operation, count_start

TALLY = "crashes before, in or after a disk operation or API call"
LASTING = CHANGES - {"sync", "finish", "chmod"}  # what the next process sees is another disk
FIRST = "one file"
WHOLE = {FIRST, "a rejected file"}
STEP = 7  # of the others, in CI


def find_points(trace: list[Operation], thorough: bool, known: int) -> Iterator[Once]:
    """Yield each moment after which the disk or the service is another than before.

    Before an operation is after the one before it; thorough means that both are tried all the same.
    *known*: how many operations at the start are those of another scenario.
    """
    for operation in trace:
        if operation.kind not in CHANGES | {CALL}:
            continue
        if thorough:
            yield Once(operation.number, "before")
        if operation.kind == "write":
            yield Once(operation.number, "half")
        if thorough or (operation.number >= known and operation.kind in LASTING | {CALL}):
            yield Once(operation.number, "after")


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_every_operation(
    begin: Begin, name: str, pytestconfig: pytest.Config, tally: Counter[str]
) -> None:
    """Whatever was the last thing done: nothing lost, nothing paid twice, nothing half-done seen."""
    thorough = bool(pytestconfig.getoption("--soak"))
    scenario = SCENARIOS[name]
    trace = begin(scenario).run(Mishap())
    known = 0 if name == FIRST else count_start(trace)
    for crash in list(find_points(trace, thorough, known))[:: 1 if thorough or name in WHOLE else STEP]:
        trial = begin(scenario)
        trial.run(crash)
        assert crash.struck or scenario.sent is not nothing
        assert (trial.deaths, trial.ends) == (int(crash.struck), [])
        tally[TALLY] += crash.struck
    assert tally[TALLY] > 10
