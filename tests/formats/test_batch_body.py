"""The bytes of a body, and where one part ends and the next begins."""

import json
from collections.abc import Sequence
from random import Random

import pytest

from batchbox.formats.batch_body import (
    FRAME,
    HEAD,
    TAIL,
    Item,
    Packer,
    fits_alone,
    read_item,
    size_of,
    write_items,
)

NONCE = "abcdefghijkl"
PLENTY = 1 << 30
SMALL = b'{"a":1}'


def assemble(items: Sequence[Item]) -> bytes:
    return HEAD + write_items(items, NONCE) + TAIL


def measure(items: Sequence[Item]) -> list[int]:
    return [size_of(*item) for item in items]


def some_params(random: Random) -> bytes:
    texts = ['","params":', "],[", "}\n{", "\u2028", "é😀", "\\", '"', "]}", ",", ""]
    turns = [{"role": "user", "content": random.choice(texts) * 2} for _ in range(random.randrange(4))]
    found = {"model": "m", "max_tokens": random.randrange(1, 9999), "messages": turns}
    return json.dumps(found, ensure_ascii=random.random() < 0.5, indent=None).encode()


def some_items(random: Random, count: int) -> list[Item]:
    return [(f"{turn}-abc_DEF", some_params(random)) for turn in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_a_body_holds_the_requests_and_nothing_else(seed: int) -> None:
    """A body is JSON with `requests` on top, and `custom_id` and `params` in each of them."""
    items = some_items(Random(seed), 20)
    expected = [
        {"custom_id": f"{base}-{NONCE}", "params": json.loads(bytes(params))} for base, params in items
    ]
    assert json.loads(assemble(items)) == {"requests": expected}


@pytest.mark.parametrize("seed", range(5))
def test_a_body_can_be_read_again_line_by_line(seed: int) -> None:
    """Each line between the brackets is one request and gives back its id and its params, byte for byte."""
    items = some_items(Random(seed), 20)
    lines = assemble(items).split(b"\n")
    assert len(lines) == len(items) + 2
    assert [read_item(line + b"\n") for line in lines[1:-1]] == [
        (f"{base}-{NONCE}", params) for base, params in items
    ]


@pytest.mark.parametrize("ending", [b"", b"\n", b",\n", b","])
def test_an_item_is_read_with_or_without_its_glue(ending: bytes) -> None:
    """The last line of a body has no comma, and reads the same."""
    assert read_item(write_items([("a", SMALL)], "b") + ending) == ("a-b", SMALL)


def test_params_that_look_like_an_item_are_read_whole() -> None:
    """Params may hold the very keys of an item."""
    params = b'{"custom_id":"a","params":{"custom_id":"b","params":{}}}'
    assert read_item(write_items([("a", params)], "b")) == ("a-b", params)


def test_only_ids_of_the_wire_are_written() -> None:
    """An id that JSON would have to escape is never an id of the wire: it does not get that far."""
    with pytest.raises(UnicodeEncodeError):
        write_items([("ü", b"{}")], NONCE)


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_a_part_takes_as_many_requests_as_it_may(limit: int) -> None:
    """The limit on requests is reached exactly, and not passed."""
    packer = Packer(limit, PLENTY)
    assert packer.fit([2] * 10) == packer.requests == limit
    assert packer.fit([2]) == 0


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_part_takes_as_many_bytes_as_it_may(count: int) -> None:
    """A body of exactly the limit is one part; of one byte more, the last request goes into the next."""
    items: list[Item] = [(f"id_{turn}", SMALL) for turn in range(3)]
    size = len(assemble(items[:count]))
    exact, tight = Packer(10, size), Packer(10, size - 1)
    assert exact.fit(measure(items)) == count
    assert exact.size == size
    assert tight.fit(measure(items)) == max(count - 1, 1)


@pytest.mark.parametrize("seed", range(5))
def test_the_size_that_was_counted_is_the_size_that_is_written(seed: int) -> None:
    """However a file falls into parts, none is over its limits, none is lost, and the counts are true."""
    random = Random(seed)
    left = some_items(random, 200)
    while left:
        packer = Packer(random.randrange(1, 30), random.randrange(600, 3000))
        taken = packer.fit(measure(left[:7]))
        if taken == len(left[:7]):
            taken += packer.fit(measure(left[7:]))
        assert 0 < packer.requests == taken <= packer.max_requests
        assert packer.size == len(assemble(left[:taken])) <= packer.max_bytes
        left = left[taken:]


def test_an_item_that_can_never_fit_is_known_before() -> None:
    """A request fits alone if a body of it alone is within the limit, to the byte."""
    size = len(assemble([("id", SMALL)]))
    assert fits_alone(size_of("id", SMALL), size)
    assert not fits_alone(size_of("id", SMALL), size - 1)


def test_a_part_is_never_empty() -> None:
    """A part takes its first request whatever its size, so that cutting a file always comes to an end."""
    assert Packer(5, FRAME).fit([2, 2]) == 1
