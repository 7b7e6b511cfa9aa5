"""Names in the outbox: readable, safe, short enough, and never the same twice."""

import os
from random import Random

import pytest

from batchbox.domain.output_names import (
    free_stem,
    names_of,
    receipt_name,
    rejected_name,
    results_name,
    show,
    stem_of,
)

JOB = "20250101T000000Z-0123456789ab"
LONGEST = 255


def all_names(stem: str) -> list[str]:
    return [*names_of(stem), rejected_name(stem, ".jsonl")]


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        (b"a.jsonl", "a"),
        (b"a b.c.jsonl", "a b.c"),
        (b"a.jsonl.jsonl", "a.jsonl"),
        ("Übung é 日本 😀.jsonl".encode(), "Übung é 日本 😀"),
        (b"-rf.jsonl", "-rf"),
        (b"100%.jsonl", "100%"),
        (b"a\nb.jsonl", "a%0Ab"),
        (b"a\x00b\x1b[2J.jsonl", "a%00b%1B[2J"),
        (b"\xff\xfe.jsonl", "%FF%FE"),
        (b"caf\xe9.jsonl", "caf%E9"),
        ("\u202egpj\u2028.jsonl".encode(), "%E2%80%AEgpj%E2%80%A8"),
        (b"\xed\xa0\x80.jsonl", "%ED%A0%80"),
    ],
    ids=[
        "plain",
        "dots-and-blanks",
        "suffix-twice",
        "letters",
        "leading-dash",
        "percent",
        "newline",
        "control",
        "not-utf8",
        "latin-1",
        "invisible",
        "surrogate",
    ],
)
def test_a_stem_is_the_name_as_it_can_be_shown(name: bytes, stem: str) -> None:
    """A readable name is kept; what a terminal could trip over is percent-encoded."""
    assert stem_of(name) == stem


@pytest.mark.parametrize("seed", range(5))
def test_any_bytes_become_a_name_that_can_be_written(seed: int) -> None:
    """Whatever bytes a name has, what is made of it is printable UTF-8 in one path step of 255 bytes."""
    random = Random(seed)
    for _ in range(200):
        letters = [letter for letter in range(256) if letter != ord("/")]
        name = bytes(random.choices(letters, k=random.randrange(1, 250))) + b".jsonl"
        for made in all_names(stem_of(name)):
            assert made.isprintable()
            assert "/" not in made
            assert len(made.encode()) <= LONGEST


@pytest.mark.parametrize("char", [b"x", b"\xff", b"\n", "ü".encode(), "😀".encode()])
@pytest.mark.parametrize("length", [200, 220, 235, 236, 249])
@pytest.mark.parametrize("job", [None, JOB])
def test_the_longest_names_still_fit(char: bytes, length: int, job: str | None) -> None:
    """A name as long as a disk allows has room for every suffix and for a number."""
    name = (char * length)[:length]
    stem = stem_of(name + b".jsonl", job)
    assert max(len(made.encode()) for made in all_names(f"{stem}~99999")) <= LONGEST
    assert not job or stem.endswith(f".{JOB}")


@pytest.mark.parametrize("char", ["x", "\udcff", "ü", "😀"])
def test_long_names_that_share_their_beginning_differ(char: str) -> None:
    """A stem that had to be cut carries a digest of the whole name."""
    beginning = (char * 240).encode(errors="surrogateescape")[:240]
    stems = {stem_of(beginning + str(number).encode() + b".jsonl") for number in range(100)}
    assert len(stems) == 100


def test_a_name_that_fits_is_not_cut() -> None:
    """The digest comes only when it must, to the byte."""
    assert stem_of(b"x" * 235 + b".jsonl") == "x" * 235
    assert stem_of(b"x" * 236 + b".jsonl").startswith("x" * 226 + "~")


def test_with_the_job_every_name_is_its_own() -> None:
    """`naming = "job"` puts the job's id behind the name."""
    assert stem_of(b"a.jsonl", JOB) == f"a.{JOB}"


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        (set(), "a"),
        ({"b"}, "a"),
        ({"a"}, "a~2"),
        ({"a", "a~2", "a~3"}, "a~4"),
        ({"a", "a~3"}, "a~2"),
        ({"a~2"}, "a"),
    ],
    ids=["none", "another", "one", "three", "gap", "only-second"],
)
def test_a_stem_that_is_taken_is_numbered(taken: set[str], expected: str) -> None:
    """Nothing is overwritten: the first number that is free is taken, and none without need."""
    assert free_stem("a", taken.__contains__) == expected


def test_the_names_of_a_stem_are_those_that_were_promised() -> None:
    """Producers wait for these very names."""
    answers = tuple(f"a.answers.{ending}" for ending in ("jsonl", "csv", "tsv", "txt", "md"))
    assert names_of("a") == ("a.results.jsonl", *answers, "a.errors.jsonl", "a.held.json", "a.receipt.json")
    assert (results_name("a"), receipt_name("a")) == (names_of("a")[0], names_of("a")[-1])
    assert rejected_name("a", ".csv") == "a.csv"


def test_no_name_of_one_stem_is_a_name_of_another() -> None:
    """Files called after each other's answers do not meet in the outbox."""
    stems = ["a", "a~2", "a.results", "a.errors", "a.receipt", "a.results.results", f"a.{JOB}"]
    names = [name for stem in stems for name in names_of(stem)]
    assert len(set(names)) == len(names)


def test_what_is_shown_can_be_told_apart_from_bytes() -> None:
    """A name for people is always text that can be written as UTF-8."""
    shown = show(b"caf\xe9 \xff\xc3\xa9.jsonl")
    assert os.fsencode(shown) == shown.encode() == "caf%E9 %FFé.jsonl".encode()
