"""The line: whose file is looked at next, and how many places a queue may have."""

from collections import Counter

import pytest

from batchbox.domain.priorities import Priority
from batchbox.domain.stability import InboxFile
from batchbox.scheduling.inbox_order import InboxOrder, has_share

URGENT, NORMAL, LOW = Priority


def files(text: str, priority: Priority = NORMAL) -> list[tuple[Priority, InboxFile]]:
    """Return files of queues called by one letter each, oldest first; they are named in that order."""
    return [(priority, InboxFile(queue, f"{queue}{number}".encode())) for number, queue in enumerate(text)]


def names(line: InboxOrder, refused: str = "") -> list[str]:
    found = iter(lambda: line.pop(lambda queue: queue not in refused), None)
    return [one.name.decode() for one in found]


def test_queues_take_turns() -> None:
    """A queue with one file waits for one file of each other, however many came before it."""
    line = InboxOrder(files("xxxxyxz"))
    assert len(line) == 7
    assert [one.name.decode() for one in line] == ["x0", "y4", "z6", "x1", "x2", "x3", "x5"]
    assert names(line) == ["x0", "y4", "z6", "x1", "x2", "x3", "x5"]
    assert len(line) == 0


def test_the_queue_whose_turn_is_the_longest_ago_begins() -> None:
    """What was taken after the last scan counts after the next."""
    assert names(InboxOrder(files("xyz"), {"x": 3, "y": 2}))[:3] == ["z2", "y1", "x0"]


def test_the_urgent_of_all_queues_come_first() -> None:
    """And the low ones last."""
    line = InboxOrder([*files("aab", LOW), *files("cca"), *files("bb", URGENT)])
    assert names(line) == ["b0", "b1", "c0", "a2", "c1", "a0", "b2", "a1"]


def test_a_queue_that_may_not_go_is_passed() -> None:
    """Its files keep their places."""
    line = InboxOrder([*files("xxy"), *files("x", URGENT)])
    assert names(line, refused="x") == ["y2"]
    assert len(line) == 3
    assert line.count() == {"x": 3}
    assert names(line) == ["x0", "x0", "x1"]


@pytest.mark.parametrize("places", [1, 2, 5, 10, 1000])
def test_a_flood_leaves_places(places: int) -> None:
    """Alone it gets four fifths, rounded up, and a second flood most of what is left."""
    jobs = Counter[str]()

    def fill(*queues: str) -> None:
        while any(has_share(jobs[queue], places - jobs.total()) for queue in queues):
            for queue in queues:
                jobs[queue] += has_share(jobs[queue], places - jobs.total())

    fill("x")
    assert jobs["x"] == -(-4 * places // 5)
    fill("y")
    assert jobs.total() == places if places < 10 else jobs["y"] >= (places - jobs["x"]) * 3 / 4
    assert jobs.total() <= places
