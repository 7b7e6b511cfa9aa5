"""Where a row's result lies: found again byte for byte, or found to have changed."""

import pytest

from batchbox.formats.result_offsets import ResultOffsets, find_result
from batchbox.formats.row_checks import read_row

RESULTS = [
    b'{"type":"succeeded"}',
    b'{ "type" : "errored", "x": "}}" }',
    '{"type":"expired","t":"é \u2028"}'.encode(),
]
SHAPES = [
    b'{"custom_id":"a-x","result":%s}\n',
    b'{"custom_id":"a-x","result":%s}',
    b'{"custom_id":"a-x","result":%s} \r\n',
    b'{ "result" : %s , "custom_id":"a-x", "new": {"result":1} }\n',
    b'{"new":%s,"custom_id":"a-x","result":{"type":"expired"}}\n',
]


@pytest.mark.parametrize("result", RESULTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_result_is_found_whatever_stands_around_it(shape: bytes, result: bytes) -> None:
    """The bytes at the place that is found are those of the result."""
    line = shape % result
    row = read_row(line)
    start = find_result(line, row.result)
    assert line[start : start + len(row.result)] == row.result


def test_places_are_kept_by_number() -> None:
    """They are put in any order, and read back from what is kept on the disk."""
    places = ResultOffsets.of(3)
    for number in (2, 0, 1):
        places.put(number, 1 << 40 | number, RESULTS[number], succeeded=number == 1)
    again = ResultOffsets(places.data)
    for number, result in enumerate(RESULTS):
        place = again.get(number)
        assert (place.offset, place.size, place.succeeded) == (1 << 40 | number, len(result), number == 1)
        assert place.holds(result)


@pytest.mark.parametrize("at", range(len(RESULTS[0])))
def test_a_result_that_has_changed_is_not_taken_for_what_was_found(at: int) -> None:
    """One bit, wherever it is, and a byte more or less, are seen."""
    places = ResultOffsets.of(1)
    places.put(0, 0, RESULTS[0], succeeded=True)
    rotten = bytearray(RESULTS[0])
    rotten[at] ^= 4
    for other in (bytes(rotten), RESULTS[0][:at] + RESULTS[0][at + 1 :], RESULTS[0] + b"}"):
        assert not places.get(0).holds(other)
