"""When a file of the inbox is taken: never while it may still change."""

import re
from dataclasses import replace

import pytest

from batchbox.domain.file_types import ENDINGS, form_of
from batchbox.domain.stability import InboxFile, Inspection, Rules, Sightings, WaitReason, Writer, judge

RULES = Rules(quiet=0.2, quiet_blind=2.0, max_settle=600.0)
WHOLE = InboxFile("", b"a.jsonl", inode=1, size=9, mtime_ns=5, ctime_ns=6)
EMPTY = WHOLE._replace(size=0)
CLOSED = Inspection(Writer.NONE, ends_in_newline=True)
CUT = replace(CLOSED, ends_in_newline=False)
UNSEEN = replace(CLOSED, writer=Writer.UNKNOWN)
OPEN = replace(CLOSED, writer=Writer.SOME)


@pytest.mark.parametrize(
    ("incoming", "finding", "quiet"),
    [
        (WHOLE, CLOSED, 0.2),
        (WHOLE, UNSEEN, 2.0),
        (WHOLE, CUT, 600.0),
        (EMPTY, CLOSED, 600.0),
        (EMPTY, replace(UNSEEN, ends_in_newline=False), 600.0),
    ],
    ids=["quiet", "quiet-blind", "no-newline-at-last", "empty-at-last", "empty-blind-at-last"],
)
def test_a_settled_file_is_taken(incoming: InboxFile, finding: Inspection, quiet: float) -> None:
    """Quiet for long enough, and whole or waited for, a file is taken, to the instant."""
    assert judge(incoming, finding, quiet, RULES) is None


@pytest.mark.parametrize(
    ("incoming", "finding", "quiet", "problem", "fix"),
    [
        (WHOLE, CLOSED, 0.199, "has just changed", "$"),
        (WHOLE, UNSEEN, 1.999, "has just changed", "$"),
        (WHOLE, OPEN, 0.0, "is still open for writing", "it is taken as soon as the writer closes it"),
        (WHOLE, OPEN, 1e9, "is still open for writing", "it is taken as soon as the writer closes it"),
        (WHOLE, CUT, 599.9, "does not end in a newline", "end the last line; .* 600 s"),
        (EMPTY, CLOSED, 599.9, "is empty", "write one request on each line; .* 600 s"),
        (EMPTY, CUT, 5.0, "is empty", "write one request on each line; .* 600 s"),
    ],
    ids=["quiet", "quiet-blind", "open", "open-for-ever", "no-newline", "empty", "empty-no-newline"],
)
def test_an_unsettled_file_stays_and_says_why(
    incoming: InboxFile, finding: Inspection, quiet: float, problem: str, fix: str
) -> None:
    """Each reason to wait is told, with what ends it; only a recent change passes by itself at once."""
    found = judge(incoming, finding, quiet, RULES)
    assert found is not None
    assert found.problem.startswith(problem)
    assert re.match(fix, found.fix)
    assert found.passing == (problem == "has just changed")


def test_a_file_that_cannot_be_read_says_so_however_long_it_lies() -> None:
    """No waiting makes a file readable."""
    unreadable = WaitReason("cannot be read", "chmod it")
    assert judge(WHOLE, Inspection(obstacle=unreadable), 1e9, RULES) is unreadable


def test_a_file_that_grows_starts_over() -> None:
    """Quiet is counted from the last change, by our own clock."""
    sightings = Sightings()
    sightings.update([WHOLE], 10.0)
    sightings.update([WHOLE], 11.0)
    assert 12.5 - sightings.since(WHOLE) == 2.5
    grown = WHOLE._replace(size=10)
    sightings.update([grown], 13.0)
    assert 13.5 - sightings.since(grown) == 0.5


@pytest.mark.parametrize(
    "change",
    [{"size": 8}, {"inode": 2}, {"mtime_ns": 4}, {"ctime_ns": 7}, {"obstacle": WaitReason("is a link")}],
    ids=lambda change: next(iter(change)),
)
def test_any_change_counts(change: dict[str, object]) -> None:
    """A replaced, rewritten or back-dated file is a changed file, whichever way its times moved."""
    sightings = Sightings()
    sightings.update([WHOLE], 0.0)
    changed = InboxFile(**{**_fields(WHOLE), **change})  # type: ignore[arg-type]
    sightings.update([changed], 100.0)
    assert sightings.since(changed) == 100.0


def _fields(incoming: InboxFile) -> dict[str, object]:
    return {name: getattr(incoming, name) for name in InboxFile._fields}


def test_time_stamps_never_decide() -> None:
    """A file whose stamps lie in the past or the future is as new as our first sight of it."""
    for mtime_ns in (0, 1, 1 << 62):
        sightings = Sightings()
        stamped = WHOLE._replace(mtime_ns=mtime_ns)
        sightings.update([stamped], 50.0)
        assert sightings.since(stamped) == 50.0


def test_a_file_that_vanished_is_forgotten() -> None:
    """The same file, gone for a scan and back, starts over."""
    sightings = Sightings()
    sightings.update([WHOLE], 0.0)
    sightings.update([], 1.0)
    with pytest.raises(KeyError):
        sightings.since(WHOLE)
    sightings.update([WHOLE], 2.0)
    assert sightings.since(WHOLE) == 2.0


def test_files_of_the_same_name_in_two_queues_are_two_files() -> None:
    """A queue is part of where a file lies."""
    other = WHOLE._replace(queue="q")
    sightings = Sightings()
    sightings.update([WHOLE], 0.0)
    sightings.update([WHOLE, other], 5.0)
    assert (sightings.since(WHOLE), sightings.since(other)) == (0.0, 5.0)


@pytest.mark.parametrize(
    "name", [b"a.jsonl", b"a.b.jsonl", b"-.jsonl", b"\xff.jsonl", b"a\n.jsonl", b" .jsonl"]
)
def test_files_for_us_are_seen(name: bytes) -> None:
    """Any name that ends in .jsonl is for us, odd bytes or not."""
    assert form_of(name)


@pytest.mark.parametrize(
    "name",
    [
        *(b".jsonl", b".a.jsonl", b"~a.jsonl", b"_a.jsonl", b"#a.jsonl#", b"#a.jsonl", b"a.jsonl.tmp"),
        *(b"a.jsonx", b"a.jsonl~", b"", b"a.jsonl\n", b"a.jsonl.part"),
    ],
)
def test_temporary_files_are_left_alone(name: bytes) -> None:
    """Names that editors, copiers and downloads use while they write are not for us."""
    assert not form_of(name)


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        (b"a.JSONL.txt", ".jsonl.txt"),
        (b"a.csv.cancel.txt", ".cancel.txt"),
        (b"a.csv.cancelled", ".cancelled"),
        (b"a.b.csv.TXT", ".csv.txt"),
        (b"csv.txt", ".txt"),
        (b"a.csv.b.txt", ".txt"),
        (b"jsonl.gz", ".gz"),
        (b"a.jsonl.gz", ".jsonl.gz"),
        (b"a.md.jsonl", ".jsonl"),
    ],
)
def test_the_longest_ending_tells_the_form(name: bytes, ending: str) -> None:
    """What Notepad makes of a table by adding .txt is no text to be asked as one prompt."""
    form = form_of(name)
    assert form
    assert form.ending == ending
    assert (form.kind == "foreign") == (ending not in ENDINGS)
