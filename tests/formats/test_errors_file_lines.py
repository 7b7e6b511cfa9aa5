"""What a line of an errors file says of the line of the first file, however often it came back."""

import json

import pytest

from batchbox.formats.errors_file_lines import Origin, find_origin


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ('{"prompt":"x"}', Origin(None, None, b'{"prompt":"x"}')),
        ("{oops", Origin(None, None, b"{oops")),
        ('{"line":3,"reason":{},"raw":"{\\"a\\": "}', Origin(3, None, b'{"a": ')),
        ('{"line":3,"custom_id":"a","reason":0,"request":{ "b":1}}', Origin(3, "a", b'{ "b":1}')),
        ('{"line":"three","custom_id":7,"reason":0,"raw":[1]}', Origin(None, None, b"[1]")),
        ('{"line":3,"custom_id":"\\u00e4","reason":{},"request":{"x"}', Origin(3, "ä", b"")),
        ('{"line": 3, "reason": {"problem": "no"}, "request": }', Origin(3, None, b"")),
    ],
    ids=["request", "text", "raw", "failed", "odd", "slip", "slip-without-id"],
)
def test_where_a_line_stood(text: str, origin: Origin) -> None:
    """Found even where a slip made the whole line unreadable; that is then what has to be corrected."""
    assert find_origin(text.encode()) == origin._replace(text=origin.text or text.encode())


def test_a_line_within_a_line_is_of_the_first_file() -> None:
    """As text in text, or as a request in a request."""
    text = "{oops"
    for line in (7, 2, 1):
        text = json.dumps({"line": line, "reason": {}, "raw": text})
    assert find_origin(text.encode()) == Origin(7, None, b"{oops")
    text = f'{{"line":1,"custom_id":"a","reason":{{}},"request":{{"line":7,"reason":{{}},"request":{text}}}}}'
    assert find_origin(text.encode()) == Origin(7, "a", b"{oops")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"line":1,"reason":0,"raw":' + "[" * 100_000 + "]" * 100_000 + "}"]
)
def test_what_is_too_deep_is_left_as_it_is(text: str) -> None:
    """It was complained of, and is shown."""
    assert find_origin(text.encode()).text == text.encode()
