"""The marker: ids on the wire prove whose batch it is, and lead back to the line."""

import re
from random import Random

import pytest

from batchbox.domain.wire_ids import NONCE_BYTES, NONCE_CHARS, base_of, format_nonce, mark, unmark
from tests.support.values import NONCE

WIRE = re.compile(r"[a-zA-Z0-9_-]{1,64}")
OTHER = "zzzzzzzzzzzz"
ALPHABET = "abcXYZ0189_-" + " ./~é\n\u2028\u0661😀\x00"


def draw_ids(random: Random, count: int) -> list[str]:
    """Return *count* different ids, of all lengths, many of them close to the border or digits only."""
    ids: dict[str, None] = {}
    while len(ids) < count:
        letters = random.choice([ALPHABET, ALPHABET[:12], "0123456789", "a-"])
        length = random.choice([1, 2, 3, random.randrange(1, 80), 50, 51, 52, 64])
        ids["".join(random.choice(letters) for _ in range(length))] = None
    return list(ids)


@pytest.mark.parametrize("seed", range(10))
def test_every_id_goes_out_and_comes_back(seed: int) -> None:
    """Whatever the producer's ids are, those on the wire are valid, all different, and lead back."""
    random = Random(seed)
    nonce = format_nonce(random.randbytes(NONCE_BYTES))
    bases = [base_of(line, custom_id) for line, custom_id in enumerate(draw_ids(random, 500), start=1)]
    wire_ids = [mark(base, nonce) for base in bases]
    assert len(set(wire_ids)) == 500
    assert [wire_id for wire_id in wire_ids if not WIRE.fullmatch(wire_id)] == []
    assert [unmark(wire_id, nonce) for wire_id in wire_ids] == bases


@pytest.mark.parametrize("custom_id", ["a", "q-17", "_", "-", "a-b-c", "x" * 51, "1a", "12-34"])
def test_an_id_that_fits_stays_readable(custom_id: str) -> None:
    """An id of up to 51 plain characters stands on the wire as it is."""
    assert base_of(9, custom_id) == custom_id


@pytest.mark.parametrize(
    "custom_id",
    ["x" * 52, "a b", "ü", "a.b", "a/b", "\n", "a\n", "", "5", "007", "9" * 51, "\u0665", "a\u2028", "😀"],
)
def test_an_id_that_does_not_fit_goes_as_its_line(custom_id: str) -> None:
    """Longer ids, other characters, and ids of digits alone go by the number of their line."""
    assert base_of(123_456, custom_id) == "123456"


def test_an_id_of_digits_never_takes_the_place_of_a_line() -> None:
    """Line 2 with an odd id and line 1 with the id "2" do not meet on the wire."""
    assert base_of(1, "2") != base_of(2, "an odd id")


@pytest.mark.parametrize("base", ["a", "a-b", "-", "12", f"a-{OTHER}", "x" * 51])
def test_another_nonce_is_somebody_else(base: str) -> None:
    """An id is ours by its nonce alone; a nonce within the id, or in other letters, does not count."""
    assert unmark(mark(base, NONCE), NONCE) == base
    assert unmark(mark(base, OTHER), NONCE) is None
    assert unmark(mark(base, NONCE.upper()), NONCE) is None


@pytest.mark.parametrize("wire_id", ["", NONCE, f"-{NONCE}", "a", f"a-{NONCE}-b", f"{NONCE}-a", f"a{NONCE}"])
def test_what_is_not_marked_is_nobodys(wire_id: str) -> None:
    """Without a base, a dash and the nonce at its end, an id is not ours."""
    assert not unmark(wire_id, NONCE)


def test_a_nonce_is_sixty_bits_in_twelve_letters() -> None:
    """Every bit of the nonce comes from the entropy, and it fits the wire."""
    assert len(format_nonce(bytes(NONCE_BYTES))) == NONCE_CHARS
    spelled = {format_nonce((1 << bit).to_bytes(NONCE_BYTES, "big")) for bit in range(4, 64)}
    assert len(spelled) == 60
    assert all(re.fullmatch("[a-z2-7]{12}", nonce) for nonce in spelled)
