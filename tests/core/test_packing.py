"""The bytes of a body, and where one part ends and the next begins."""

import json
from random import Random

import pytest

from batchbox.core.packing import FRAME, GLUE, HEAD, TAIL, Packer, fits_alone, read_item, write_item

PLENTY = 1 << 30


def assemble(items: list[bytes]) -> bytes:
    return HEAD + GLUE.join(items) + TAIL


def some_params(random: Random) -> bytes:
    texts = ['","params":', "],[", "}\n{", "\u2028", "é😀", "\\", '"', "]}", ",", ""]
    turns = [{"role": "user", "content": random.choice(texts) * 2} for _ in range(random.randrange(4))]
    found = {"model": "m", "max_tokens": random.randrange(1, 9999), "messages": turns}
    return json.dumps(found, ensure_ascii=random.random() < 0.5, indent=None).encode()


def fill(packer: Packer, items: list[bytes]) -> list[bytes]:
    """Return the items that *packer* takes before it first says no."""
    taken = []
    for item in items:
        if not packer.add(item):
            break
        taken.append(item)
    return taken


@pytest.mark.parametrize("seed", range(5))
def test_a_body_holds_the_requests_and_nothing_else(seed: int) -> None:
    """A body is JSON with `requests` on top, and `custom_id` and `params` in each of them."""
    random = Random(seed)
    params = [some_params(random) for _ in range(20)]
    body = assemble([write_item(f"id-{turn}", one) for turn, one in enumerate(params)])
    expected = [{"custom_id": f"id-{turn}", "params": json.loads(one)} for turn, one in enumerate(params)]
    assert json.loads(body) == {"requests": expected}


@pytest.mark.parametrize("seed", range(5))
def test_a_body_can_be_read_again_line_by_line(seed: int) -> None:
    """Each line between the brackets is one request and gives back its id and its params, byte for byte."""
    random = Random(seed)
    items = [(f"{turn}-abc_DEF", some_params(random)) for turn in range(20)]
    lines = assemble([write_item(*item) for item in items]).splitlines(keepends=True)
    body_lines = assemble([write_item(*item) for item in items]).split(b"\n")
    assert len(lines) >= len(body_lines) == len(items) + 2
    assert [read_item(line + b"\n") for line in body_lines[1:-1]] == items


@pytest.mark.parametrize("ending", [b"", b"\n", b",\n", b","])
def test_an_item_is_read_with_or_without_its_glue(ending: bytes) -> None:
    """The last line of a body has no comma, and reads the same."""
    assert read_item(write_item("a-b", b'{"x":[1,2]}') + ending) == ("a-b", b'{"x":[1,2]}')


def test_params_that_look_like_an_item_are_read_whole() -> None:
    """Params may hold the very keys of an item."""
    params = b'{"custom_id":"a","params":{"custom_id":"b","params":{}}}'
    assert read_item(write_item("a-b", params)) == ("a-b", params)


def test_only_ids_of_the_wire_are_written() -> None:
    """An id that JSON would have to escape is never an id of the wire: it does not get that far."""
    with pytest.raises(UnicodeEncodeError):
        write_item("ü", b"{}")


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_a_part_takes_as_many_requests_as_it_may(limit: int) -> None:
    """The limit on requests is reached exactly, and not passed."""
    packer = Packer(limit, PLENTY)
    assert len(fill(packer, [b"{}"] * 10)) == packer.requests == limit


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_part_takes_as_many_bytes_as_it_may(count: int) -> None:
    """A body of exactly the limit is one part; of one byte more, the last request goes into the next."""
    items = [write_item(f"id-{turn}", b'{"a":1}') for turn in range(3)]
    size = len(assemble(items[:count]))
    exact, tight = Packer(10, size), Packer(10, size - 1)
    assert fill(exact, items) == items[:count]
    assert exact.size == size
    assert fill(tight, items) == items[: max(count - 1, 1)]


@pytest.mark.parametrize("seed", range(5))
def test_the_size_that_was_counted_is_the_size_that_is_written(seed: int) -> None:
    """However a file falls into parts, none is over its limits, none is lost, and the counts are true."""
    random = Random(seed)
    left = [write_item(f"id-{turn}", some_params(random)) for turn in range(200)]
    total = 0
    while left:
        packer = Packer(random.randrange(1, 30), random.randrange(600, 3000))
        taken = fill(packer, left)
        assert packer.requests == len(taken) <= packer.max_requests
        assert packer.size == len(assemble(taken)) <= packer.max_bytes
        left = left[len(taken) :]
        total += len(taken)
    assert total == 200


def test_an_item_that_can_never_fit_is_known_before() -> None:
    """A request fits alone if a body of it alone is within the limit, to the byte."""
    item = write_item("id", b'{"a":1}')
    assert fits_alone(item, len(assemble([item])))
    assert not fits_alone(item, len(assemble([item])) - 1)


def test_a_part_is_never_empty() -> None:
    """A part takes its first request whatever its size, so that cutting a file always comes to an end."""
    packer = Packer(5, FRAME)
    assert fill(packer, [b"{}", b"{}"]) == [b"{}"]
