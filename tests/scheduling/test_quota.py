"""The quota: what a refusal teaches, and how that is unlearnt."""

import pytest

from batchbox.domain.priorities import Priority
from batchbox.scheduling.quota import FORGOTTEN, LearnedLimit, Quota, learn, share_of


def test_a_refusal_teaches_how_many_there_is_room_for() -> None:
    """With nothing of ours there, it says nothing about us: somebody else fills the queue."""
    assert learn(None, 500, 10.0) == LearnedLimit(500, 10.0 + FORGOTTEN)
    assert learn(LearnedLimit(500, 20.0), 300, 10.0) == LearnedLimit(300, 10.0 + FORGOTTEN)
    assert learn(LearnedLimit(500, 20.0), 0, 10.0) == LearnedLimit(500, 20.0)
    assert learn(None, 0, 10.0) is None


@pytest.mark.parametrize(("accepted", "limit"), [(1, 501), (100, 510), (1000, 1000)])
def test_what_is_accepted_lets_it_grow_again(accepted: int, limit: int) -> None:
    """By a tenth of it, and at least to what is there with it; it is forgotten no earlier."""
    assert LearnedLimit(500, 20.0).grown(accepted, there=accepted) == LearnedLimit(limit, 20.0)


def test_without_a_limit_all_is_admitted() -> None:
    """Nothing is known, so nothing waits."""
    assert Quota(None, {"q": 10**9}).admits(10**6, Priority.LOW)


@pytest.mark.parametrize(("limit", "share"), [(200_000, 150_000), (4, 3), (1, 1)])
def test_low_files_have_a_share(limit: int, share: int) -> None:
    """At least one request: nobody is shut out."""
    assert share_of(limit, Priority.LOW) == share
    assert share_of(limit, Priority.NORMAL) == share_of(limit, Priority.URGENT) == limit
