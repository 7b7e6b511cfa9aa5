"""One line -> a complaint: which line, which column where it has one, and what to do."""

import json

import pytest

from batchbox.domain.records import Problem
from batchbox.formats.request_lines import read_line
from tests.support.values import DEFAULTS, PARAMS, complain

ONE_LINE = "write the whole request on one line"
OWN_LINE = "write each request on a line of its own"
ONE_OBJECT = "write one JSON object on each line"
DEEP = "[" * 100_000 + "]" * 100_000


def with_params(fields: str) -> str:
    return f'{{"custom_id":"a","params":{{"model":"m","max_tokens":1,"messages":[],{fields}}}}}'


@pytest.mark.parametrize(
    ("text", "column", "problem", "fix"),
    [
        ("hello", 1, "not JSON", ONE_OBJECT),
        ('{"a":1', 7, "ends in the middle", ONE_LINE),
        ('"Hi', 4, "ends in the middle", ONE_LINE),
        ("{", 2, "ends in the middle", ONE_LINE),
        ('{"a" 1}', 6, "expected ':'", ONE_OBJECT),
        ('{"a":1,}', 8, "trailing comma", ONE_OBJECT),
        ("{'a':1}", 2, "not JSON", ONE_OBJECT),
        ('{"a":1} {"b":2}', 9, "more stands behind", OWN_LINE),
        ('{"a":1},', 8, "more stands behind", OWN_LINE),
        ('"é" x', 5, "more stands behind", OWN_LINE),
        ("42]", 3, "more stands behind", OWN_LINE),
        ('{"prompt":"a\tb"}', 13, "invalid character", ONE_OBJECT),
        ('{"prompt":"a\\qb"}', 14, "invalid escape", ONE_OBJECT),
        ('{"a":01}', 7, "invalid number", ONE_OBJECT),
        ("/* no */ {}", 1, "not JSON", ONE_OBJECT),
    ],
    ids=[
        "word",
        "cut-object",
        "cut-string",
        "brace",
        "no-colon",
        "trailing-comma",
        "single-quotes",
        "two-objects",
        "comma-behind",
        "word-behind",
        "bracket-behind",
        "raw-tab",
        "bad-escape",
        "leading-zero",
        "comment",
    ],
)
def test_what_is_not_json_is_shown_where_it_goes_wrong(
    text: str, column: int, problem: str, fix: str
) -> None:
    """Broken JSON is told with the column at which it broke."""
    found = complain(text)
    assert (found.line, found.column) == (7, column)
    assert problem in found.problem
    assert fix in found.fix


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize(
    "frame", ["%s", '{"prompt":"x","t":%s}', with_params('"t": %s'), with_params('"t":[{"a":[1, %s]}]')]
)
def test_numbers_that_json_does_not_have(word: str, frame: str) -> None:
    """NaN and Infinity are named, with their column, however deep they stand."""
    found = complain(frame % word)
    assert found.problem == f"{word} is not a JSON value"
    assert found.column == frame.index("%s") + 1
    assert found.fix == "write a number, or null"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[]", "a list"),
        ('[{"prompt":"x"}]', "a list"),
        ("true", "true"),
        ("false", "false"),
        ("null", "null"),
        ("42", "a number"),
        ("-1.5e3", "a number"),
    ],
)
def test_json_that_is_no_request_is_named(text: str, kind: str) -> None:
    """A line may be an object or a string; anything else is called what it is."""
    found = complain(text)
    assert found.problem == f"the line is {kind}, not a request"
    assert ("without the list's brackets" if kind == "a list" else "write a request object") in found.fix


@pytest.mark.parametrize(
    ("text", "problem", "fix"),
    [
        ('{"custom_id":17,"prompt":"x"}', "custom_id is not a string", "in quotes"),
        ('{"custom_id":null,"prompt":"x"}', "custom_id is not a string", "in quotes"),
        ('{"custom_id":["a"],"prompt":"x"}', "custom_id is not a string", "in quotes"),
        ('{"custom_id":"","prompt":"x"}', "custom_id is empty", "leave the key out"),
        (
            f'{{"params":{PARAMS},"model":"m"}}',
            '"model" cannot stand beside "params"',
            '"model" into "params"',
        ),
        (f'{{"params":{PARAMS},"prompt":"x"}}', '"prompt" cannot stand beside "params"', "or remove it"),
        ('{"params":[]}', "params is not an object", 'write "params": {'),
        ('{"params":null}', "params is not an object", 'write "params": {'),
        ('{"params":{}}', "params has no model, max_tokens, messages", "add model, max_tokens, messages"),
        ('{"params":{"max_tokens":1,"messages":[]}}', "params has no model", "add model:"),
        ('{"params":{"model":"m","messages":[]}}', "params has no max_tokens", "add max_tokens:"),
        ('{"params":{"model":"m","max_tokens":1}}', "params has no messages", "add messages:"),
        ("{}", "there is nothing to ask", 'write {"prompt": "…"}'),
        ('{"system":"x"}', "there is nothing to ask", 'write {"prompt": "…"}'),
        ('{"prompt":""}', "the prompt is empty", "remove the line"),
        ('{"prompt":[]}', "the prompt is empty", "remove the line"),
        ('""', "the prompt is empty", "remove the line"),
        ('{"prompt":5}', "prompt is not a string", "in quotes"),
        ('{"prompt":{"a":1}}', "prompt is not a string", "in quotes"),
        ('{"prompt":"x","messages":[]}', '"prompt" and "messages" cannot stand together', "keep one"),
    ],
)
def test_a_request_that_could_not_be_answered_is_refused(text: str, problem: str, fix: str) -> None:
    """What would come back as an error an hour later is told at once, with what to do."""
    found = complain(text)
    assert found.line == 7
    assert problem in found.problem
    assert fix in found.fix


@pytest.mark.parametrize(
    ("fields", "problem", "fix"),
    [
        ('"stream":true', "a batch cannot stream", "set it to false"),
        ('"stream" : true ', "a batch cannot stream", "set it to false"),
        ('"speed":"fast"', "fast mode does not exist", 'remove "speed"'),
        ('"max_tokens":"4096"', "max_tokens is a text, not a number", "without quotes"),
        ('"max_tokens":null', "max_tokens is not a number", "write a number"),
        ('"max_tokens":0', "max_tokens is less than 1", "1 or more"),
        ('"max_tokens":-5', "max_tokens is less than 1", "1 or more"),
        ('"max_tokens":0.5', "max_tokens is less than 1", "1 or more"),
    ],
)
def test_what_a_batch_does_not_do_is_refused_in_every_form(fields: str, problem: str, fix: str) -> None:
    """Streaming, fast mode and a max_tokens that is none are told, in params and in a short form alike."""
    for text in (with_params(fields), f'{{"prompt":"x",{fields}}}'):
        found = complain(text)
        assert problem in found.problem
        assert fix in found.fix


@pytest.mark.parametrize(
    ("raw", "column", "byte"),
    [
        (b'{"prompt":"\xff"}', 12, "0xff"),
        (b'"caf\xe9"', 5, "0xe9"),
        (b'{"prompt":"\xed\xa0\x80"}', 12, "0xed"),
        ('"é é '.encode() + b'\xc0"', 6, "0xc0"),
        (b'"\xc3', 2, "0xc3"),
    ],
    ids=["ff", "latin-1", "surrogate", "after-umlauts", "cut"],
)
def test_what_is_not_utf8_is_shown_with_its_byte(raw: bytes, column: int, byte: str) -> None:
    """A byte that is no UTF-8 is named, with its column."""
    found = complain(raw)
    assert found.problem == f"byte {byte} is not UTF-8"
    assert found.column == column
    assert "UTF-8" in found.fix


@pytest.mark.parametrize(
    ("raw", "number", "column"),
    [
        (b'{"a":NaN}', 1, 6),
        (b'   {"a":NaN}', 7, 9),
        (b'\t{"a":NaN}\r\n', 7, 7),
        (b'\xef\xbb\xbf{"a":NaN}', 1, 6),
        (b'\xef\xbb\xbf {"a":NaN}', 1, 7),
        ('{"é😀":NaN}'.encode(), 7, 7),
        (b"  oops", 7, 3),
        (b'  "\xff"', 7, 4),
    ],
    ids=["plain", "indented", "tab", "bom", "bom-indented", "characters", "word", "utf-8"],
)
def test_a_column_is_where_an_editor_shows_it(raw: bytes, number: int, column: int) -> None:
    """Columns count characters from the start of the line, blanks included, a BOM not."""
    assert complain(raw, number).column == column


@pytest.mark.parametrize("raw", [b'\xef\xbb\xbf{"prompt":"x"}', b"\xef\xbb\xbf"])
def test_a_bom_on_another_line_is_called_by_name(raw: bytes) -> None:
    """A BOM in the middle of a file, which nobody can see, is told as what it is."""
    found = complain(raw)
    assert "byte order mark" in found.problem
    assert found.column == 1


@pytest.mark.parametrize("half", ["\\ud83d", "\\uDE00", "\\ud83d\\ud83d", "\\ud83d\\u0041"])
@pytest.mark.parametrize("frame", ['{"prompt":"é %s"}', with_params('"t":"%s and much more after it"')])
def test_half_a_character_is_not_told_as_a_cut_line(half: str, frame: str) -> None:
    """A text that was cut within an emoji is found where it was cut, at the end of the line too."""
    found = complain(frame % half)
    assert "is half of a character" in found.problem
    assert found.column == frame.index("%s") + 1


@pytest.mark.parametrize(
    "text",
    [
        DEEP,
        f'{{"prompt":"x","deep":{DEEP}}}',
        with_params(f'"deep":{DEEP}'),
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        f'{{"line":1,"reason":0,"request":{DEEP}}}',
        "[" * 100_000,
    ],
    ids=["line", "short-form", "params", "objects", "errors-file", "unclosed"],
)
def test_a_hundred_thousand_brackets_are_a_mistake_like_any_other(text: str) -> None:
    """Deep nesting ends in a complaint, not in a crash."""
    assert complain(text).problem == "nested too deeply to be read"


@pytest.mark.parametrize(
    ("request_text", "problem"),
    [
        (None, "was not corrected"),
        ('{"prompt":""}', "the prompt is empty"),
        ("null", "the line is null, not a request"),
        ('["x"]', "the line is a list, not a request"),
        ('{"line":1,"reason":0,"raw":"{"}', "was not corrected"),
    ],
    ids=["raw-only", "still-wrong", "null", "list", "raw-within"],
)
def test_a_line_of_an_errors_file_is_checked_like_any_other(request_text: str | None, problem: str) -> None:
    """Dropped back uncorrected, or wrong in a new way, it is told so."""
    rest = f',"request":{request_text}' if request_text else ',"raw":"{oops"'
    assert problem in complain(f'{{"line":3,"reason":{{}}{rest}}}').problem


@pytest.mark.parametrize("cut", range(0, len(PARAMS), 3))
def test_no_beginning_of_a_line_passes_for_a_line(cut: int) -> None:
    """A line that was cut anywhere is a mistake, with a column inside the line or just behind it."""
    whole = json.dumps({"custom_id": "a", "params": json.loads(PARAMS)})[: -cut or None].rstrip()
    found = read_line(7, whole.encode(), DEFAULTS)
    assert isinstance(found, Problem) == bool(cut)
    if isinstance(found, Problem):
        assert found.column == len(whole) + 1


@pytest.mark.parametrize(
    ("text", "is_good"),
    [
        ('{"prompt":"FIRST","prompt":"SECOND"}', False),
        ('{"prompt":"FIRST", "system":"S", "pr\\u006fmpt":"\\"prompt\\"", "prompt":"THIRD"}', False),
        ('{"custom_id":"prompt","prompt":"prompt","metadata":{"prompt":1}}', True),
        ('{"prompt":"a","tools":[{"prompt":1},{"prompt":2}],"system":"prompt"}', True),
    ],
)
def test_two_prompts_in_a_line_are_not_chosen_from(text: str, is_good: bool) -> None:
    """One of them would be asked, and nobody would know of the other."""
    found = read_line(7, text.encode(), DEFAULTS)
    assert isinstance(found, Problem) != is_good
    assert is_good or '"prompt" stands twice in the line' in str(found)
