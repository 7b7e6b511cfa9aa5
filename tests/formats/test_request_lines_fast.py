"""Lines that are read many at a time are read as they would be one by one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchbox.formats.request_lines import Defaults, Request, read_line
from batchbox.formats.request_lines_fast import read_plain

PLAIN = '{"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[]}}'
ODD = [
    "",
    " ",
    "[]",
    '"Hi"',
    '{"prompt":"Hi"}',
    '{"messages":[]}',
    '{"custom_id":"","params":{"model":"m","max_tokens":1,"messages":[]}}',
    '{"custom_id":7,"params":{"model":"m","max_tokens":1,"messages":[]}}',
    '{"params":{"model":"m","max_tokens":1,"messages":[]}}',
    '{"custom_id":"a","params":[]}',
    '{"custom_id":"a","params":{"max_tokens":1,"messages":[]}}',
    '{"custom_id":"a","params":{"model":"m","messages":[]}}',
    '{"custom_id":"a","params":{"model":"m","max_tokens":1}}',
    '{"custom_id":"a","params":{"model":"m","max_tokens":0,"messages":[]}}',
    '{"custom_id":"a","params":{"model":"m","max_tokens":-1,"messages":[]}}',
    '{"custom_id":"a","params":{"model":"m","max_tokens":"8","messages":[]}}',
    '{"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[],"stream":true}}',
    '{"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[],"stream":null}}',
    '{"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[],"speed":"fast"}}',
    '{"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[],"x":NaN}}',
    '{"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":["\\ud800"]}}',
    '{"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[]},"extra":1}',
    PLAIN + PLAIN,
    PLAIN + ",",
    PLAIN[:-1],
    "[" * 5000,
]
VALUES = st.sampled_from(
    [
        '"m"',
        "1",
        "0",
        "null",
        "true",
        "false",
        "[]",
        "{}",
        '"fast"',
        '"é\\u00e9"',
        "1e3",
        "99999999999999999999",
    ]
)
KEYS = st.sampled_from(["model", "max_tokens", "messages", "stream", "speed", "new"])
PAIRS = st.lists(st.tuples(KEYS, VALUES), max_size=8)
IDS = st.sampled_from(['"a"', '"17"', '"é"', '""', "1", '"' + "x" * 60 + '"', '"a b"'])


def spell(pairs: list[tuple[str, str]], custom_id: str, ending: str) -> bytes:
    needed = '"model":"m","max_tokens":1,"messages":[]'
    params = ",".join([needed, *(f"{json.dumps(key)}: {value}" for key, value in pairs)])
    return f'{{"custom_id" : {custom_id}, "params": {{{params}}}}}{ending}'.encode()


def facts(request: Request) -> tuple[int, str, str, bytes]:
    return request.line, request.base, request.custom_id, bytes(request.params)


@given(PAIRS, IDS, st.sampled_from(["", "\r", " \r", "\t"]))
def test_what_is_plain_is_read_as_it_would_be_alone(
    pairs: list[tuple[str, str]], custom_id: str, ending: str
) -> None:
    """Whatever is taken for plain, keys given twice included, is the request that a closer look finds."""
    line = spell(pairs, custom_id, ending)
    found = read_plain(7, [line])
    closer = read_line(7, line, Defaults())
    if found is not None:
        assert isinstance(closer, Request)
        assert [facts(one) for one in found] == [facts(closer)]


@pytest.mark.parametrize("line", ODD)
def test_one_odd_line_sends_all_to_a_closer_look(line: str) -> None:
    """Where one line is not plain none is read, wherever it stands."""
    for lines in ([line], [line, PLAIN], [PLAIN, line]):
        assert read_plain(1, [one.encode() for one in lines]) is None


def test_lines_are_numbered_in_order() -> None:
    """Each request has the number of its line."""
    found = read_plain(41, [PLAIN.encode(), PLAIN.replace('"a"', '"8"').encode()])
    assert found is not None
    assert [(one.line, one.base) for one in found] == [(41, "a"), (42, "42")]
