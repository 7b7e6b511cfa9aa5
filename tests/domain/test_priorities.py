"""Priorities: what a name asks for, and what it gets."""

import pytest

from batchbox.domain.output_names import stem_of
from batchbox.domain.priorities import Priority, asked_by, grant

URGENT, NORMAL, LOW = Priority


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        (b"a.jsonl", None),
        (b"a.urgent.jsonl", URGENT),
        (b"a.b.low.jsonl", LOW),
        (b"a.normal.csv", NORMAL),
        (b"a.urgent.jsonl.gz", URGENT),
        (b"A.URGENT.JSONL", URGENT),
        (b"a.low.urgent.txt", URGENT),
        (b"a.urgent.b.jsonl", None),
        (b"urgent.jsonl", None),
        (b"a-urgent.jsonl", None),
        (b"a.urgently.jsonl", None),
        (b"\xff.urgent.jsonl", URGENT),
        (b"a.urgent", URGENT),
        (b"a.urgent.errors.jsonl", URGENT),
    ],
)
def test_a_name_asks_just_before_its_ending(name: bytes, asked: Priority | None) -> None:
    """Nothing but a word of its own between two dots asks for anything."""
    assert asked_by(name) is asked


def test_the_word_stays_in_the_stem() -> None:
    """What comes back has the name that was dropped."""
    assert stem_of(b"a.urgent.jsonl") == "a.urgent"


@pytest.mark.parametrize(
    ("asked", "usual", "highest", "given"),
    [
        (None, NORMAL, URGENT, NORMAL),
        (None, LOW, LOW, LOW),
        (URGENT, NORMAL, URGENT, URGENT),
        (URGENT, LOW, NORMAL, NORMAL),
        (URGENT, LOW, LOW, LOW),
        (LOW, URGENT, URGENT, LOW),
        (NORMAL, LOW, URGENT, NORMAL),
        (NORMAL, URGENT, URGENT, NORMAL),
    ],
)
def test_a_file_gets_what_its_queue_allows(
    asked: Priority | None, usual: Priority, highest: Priority, given: Priority
) -> None:
    """Up to the highest that is allowed; less is always had."""
    assert grant(asked, usual, highest) is given
