"""One line -> a request: the forms it may have, and that it passes through unchanged."""

import json
import tracemalloc
from typing import Any

import pytest

from batchbox.formats.request_lines import Defaults, read_line
from tests.support.values import DEFAULTS, PARAMS, complain, read

TURNS = '[{"role":"user","content":"Hi"}]'
AT_MOST = 4  # times the size of the line


def params(text: str | bytes, number: int = 7, defaults: Defaults = DEFAULTS) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bytes(read(text, number, defaults).params))
    return found


def test_a_batch_request_is_taken_as_it_is() -> None:
    """`custom_id` and `params` come back, with the number of the line."""
    found = read(f'{{"custom_id":"q-1","params":{PARAMS}}}')
    assert (found.line, found.custom_id, bytes(found.params)) == (7, "q-1", PARAMS.encode())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'{{"messages":{TURNS}}}', {}),
        ('{"prompt":"Hi"}', {}),
        ('"Hi"', {}),
        ('{"prompt":"Hi","system":"S"}', {"system": "S"}),
        ('{"prompt":"Hi","model":"m2","max_tokens":9}', {"model": "m2", "max_tokens": 9}),
        ('{"prompt":"Hi","new_field":[1]}', {"new_field": [1]}),
    ],
    ids=["messages", "prompt", "string", "prompt-system", "prompt-own-model", "prompt-new-field"],
)
def test_a_short_form_becomes_the_same_request(text: str, expected: dict[str, Any]) -> None:
    """Each short form asks the same question, filled from the defaults, under the line's own id."""
    found = read(text, number=123)
    wanted = {"model": "m-default", "max_tokens": 64, "messages": json.loads(TURNS)}
    assert json.loads(bytes(found.params)) == wanted | expected
    assert found.custom_id == "line-000123"


def test_a_prompt_of_content_blocks_is_one_turn() -> None:
    """A prompt may be a list of blocks, which become the content of one user turn."""
    blocks = [{"type": "text", "text": "Hi"}]
    found = params(json.dumps({"prompt": blocks}))
    assert found["messages"] == [{"role": "user", "content": blocks}]


@pytest.mark.parametrize(
    "text",
    [
        f'{{"custom_id":"own","params":{PARAMS}}}',
        '{"custom_id":"own","prompt":"Hi"}',
        '{"custom_id":"own","messages":[]}',
    ],
    ids=["params", "prompt", "messages"],
)
def test_an_own_id_is_kept_in_every_form(text: str) -> None:
    """An id that a line has is its id, and goes into no params."""
    found = read(text)
    assert found.custom_id == "own"
    assert b"custom_id" not in bytes(found.params)


@pytest.mark.parametrize("custom_id", ["ü", "a b", "x" * 300, "\n", "\u2028", "0", "é\u0000", "😀"])
def test_an_id_may_be_any_text(custom_id: str) -> None:
    """What an id holds is the producer's business; it comes back as it was."""
    for ascii_only in (True, False):
        line = json.dumps({"custom_id": custom_id, "prompt": "x"}, ensure_ascii=ascii_only)
        assert read(line).custom_id == custom_id


@pytest.mark.parametrize(
    "body",
    [
        '{ "messages" : [ ] ,\t"model":"m", "max_tokens" :1 }',
        '{"max_tokens":1.0e3,"temperature":1.50,"x":-0,"model":"m","messages":[]}',
        '{"zz":1,"model":"m","aa":{"b":null,"a":1},"max_tokens":1,"messages":[]}',
        '{"model":"\\u006d\\/","max_tokens":1,"messages":["\\ud83d\\ude00 \\u00e9"]}',
        '{"model":"m","max_tokens":1,"messages":["\u2028\u0085 é 😀 \x7f"]}',
        '{"model":"m","max_tokens":1,"messages":[],"seed":123456789012345678901234567890}',
        '{"model":"m","model":"n","max_tokens":1,"messages":[]}',
        '{"model":"m","max_tokens":1,"messages":[],"stream":false}',
        '{"model":"m","max_tokens":1,"messages":[],"stream":null,"speed":"standard"}',
        '{"model":null,"max_tokens":1,"messages":7}',
        '{"model":"m","max_tokens":1e400,"messages":[]}',
    ],
    ids=[
        "spacing",
        "numbers",
        "order-unknown",
        "escapes",
        "odd-characters",
        "long-number",
        "doubled-key",
        "no-stream",
        "null-stream",
        "odd-types",
        "huge-tokens",
    ],
)
def test_params_pass_through_byte_for_byte(body: str) -> None:
    """The API decides what a model accepts: params leave as the bytes that came."""
    assert bytes(read(f'  {{ "params" :  {body} , "custom_id":"a" }} \r\n').params) == body.encode()


def test_values_of_a_short_form_pass_through_byte_for_byte() -> None:
    """In a short form each value, and the prompt, keeps its spelling."""
    found = read('{"prompt":"\\u0048i \u2028","temperature":1.0e0,"x":{ "b":1 , "a":2}}')
    for spelling in ('"content":"\\u0048i \u2028"', '"temperature":1.0e0', '"x":{ "b":1 , "a":2}'):
        assert spelling.encode() in bytes(found.params)


def test_defaults_never_change_what_a_line_says() -> None:
    """A default fills a gap and nothing else, not even over a null; params get none at all."""
    defaults = Defaults({"model": b'"d"', "max_tokens": b"5", "system": b'"d"', "top_k": b"3"})
    found = params('{"prompt":"x","model":"own","system":null}', defaults=defaults)
    assert (found["model"], found["system"], found["max_tokens"], found["top_k"]) == ("own", None, 5, 3)
    assert bytes(read(f'{{"params":{PARAMS}}}', defaults=defaults).params) == PARAMS.encode()


@pytest.mark.parametrize(
    ("request_text", "custom_id"),
    [
        (f'{{"custom_id":"inner","params":{PARAMS}}}', "inner"),
        (f'{{"params":{PARAMS}}}', "outer"),
        ('{"prompt":"x"}', "outer"),
        ('"x"', "outer"),
    ],
    ids=["own-id", "params", "prompt", "string"],
)
def test_a_line_of_an_errors_file_can_be_dropped_back(request_text: str, custom_id: str) -> None:
    """It asks what its request asks, under the id it had: its own, else the one that stands beside it."""
    wrapped = f'{{"line":3,"custom_id":"outer","reason":{{"problem":"p"}},"request":{request_text}}}'
    found = read(wrapped)
    assert found.custom_id == custom_id
    assert bytes(found.params) == bytes(read(request_text).params)


def test_a_line_may_fail_and_come_back_again_and_again() -> None:
    """A line of an errors file of an errors file asks what it asked in the beginning."""
    text = '{"prompt":"x"}'
    for turn in range(1, 6):
        text = f'{{"line":{turn},"custom_id":"first","reason":{{}},"request":{text}}}'
    assert read(text).custom_id == "first"
    assert bytes(read(text).params) == bytes(read('{"prompt":"x"}').params)


@pytest.mark.parametrize(
    ("text", "custom_id"),
    [
        ('{"line":3,"reason":{},"request":{"prompt":"x"}}', "line-000003"),
        ('{"line":3,"reason":{},"request":"x"}', "line-000003"),
        ('{"line":3,"reason":{},"request":{"custom_id":"own","prompt":"x"}}', "own"),
        ('{"line":1,"reason":{},"request":{"line":3,"reason":{},"request":"x"}}', "line-000003"),
        ('{"line":3,"reason":{},"request":{"line":"?","reason":{},"request":"x"}}', "line-000003"),
        ('{"line":1,"custom_id":"own","reason":{},"request":{"line":3,"reason":{},"request":"x"}}', "own"),
        ('{"line":"three","reason":{},"request":"x"}', "line-000007"),
    ],
    ids=["short-form", "string", "own-id", "within", "number-outside", "own-id-outside", "no-number"],
)
def test_a_line_without_an_id_keeps_the_number_that_it_had(text: str, custom_id: str) -> None:
    """Else its answer could not be put where it belongs, or would take the place of another's."""
    assert read(text).custom_id == custom_id


def test_a_skipped_line_counts_once_it_was_corrected() -> None:
    """Beside its raw text, the corrected request is what is asked."""
    assert params('{"line":3,"reason":{},"raw":"{oops","request":{"prompt":"x"}}')["messages"][0] == {
        "role": "user",
        "content": "x",
    }


@pytest.mark.parametrize(
    ("number", "raw"),
    [
        (1, b'\xef\xbb\xbf"Hi"\n'),
        (1, b'\xef\xbb\xbf  "Hi"\r\n'),
        (7, b'"Hi"\r\n'),
        (7, b' \t"Hi" \t\n'),
        (7, b'"Hi"'),
    ],
    ids=["bom", "bom-crlf", "crlf", "blanks", "no-newline"],
)
def test_what_editors_add_does_no_harm(number: int, raw: bytes) -> None:
    """A BOM at the start of the file, CRLF, blanks around and a missing newline change nothing."""
    assert params(raw, number) == params(b'"Hi"\n')


@pytest.mark.parametrize("raw", [b"\n", b"\r\n", b" \t \n", b"", b"\xef\xbb\xbf\n"])
def test_a_blank_line_asks_nothing(raw: bytes) -> None:
    """A blank line is neither a request nor a mistake."""
    assert read_line(1, raw, DEFAULTS) is None


EMPTY_LISTS = ",".join(["[]"] * 3_000_000)


@pytest.mark.parametrize(
    ("head", "tail", "is_good"),
    [
        ('{"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[', "]}}", True),
        ('{"messages":[', "]}", True),
        ('{"prompt":[', "]}", True),
        ('{"line":1,"reason":0,"request":{"messages":[', "]}}", True),
        ('{"prompt":"x","max_tokens":[', "]}", False),
        ('{"prompt":"x","custom_id":[', "]}", False),
        ("[", "]", False),
    ],
    ids=["params", "messages", "prompt", "errors-file", "max_tokens", "custom_id", "list"],
)
def test_a_line_is_never_built(head: str, tail: str, is_good: bool) -> None:
    """Nine megabytes of brackets cost a few times their size, wherever in the line they stand."""
    line = (head + EMPTY_LISTS + tail).encode()
    tracemalloc.start()
    try:
        _ = read(line) if is_good else complain(line)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < AT_MOST * len(line)
