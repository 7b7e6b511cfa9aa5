"""One input line -> a request or a complaint.

A line is a batch request (`custom_id`, `params`), bare Messages params, a shorthand (`prompt`), a JSON
string that is the prompt itself, a line of OpenAI's batch files, or a line of an `errors.jsonl` dropped back
in. Values pass through as the bytes that came: the API decides what a model accepts. Refused is only what
would be refused at create, what the API documents as unsupported in a batch, and params without the three
fields it requires
(https://platform.claude.com/docs/en/build-with-claude/batch-processing).

A line is never built as a whole: `msgspec.Raw` keeps each value as bytes, so that a line of nine million
brackets costs its own size and no more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import msgspec

from batchbox.domain.records import Problem
from batchbox.domain.wire_ids import base_of
from batchbox.formats.bad_line_records import read_reason
from batchbox.formats.errors_file_lines import LINE_NUMBER, is_returned
from batchbox.formats.openai_lines import is_openai, translate
from batchbox.formats.raw_json import (
    Fields,
    JsonProblem,
    column_of,
    decode,
    decode_fields,
    find_repeated,
    join_fields,
    quote,
)

Raw = msgspec.Raw

BOM = b"\xef\xbb\xbf"
REQUIRED = ("model", "max_tokens", "messages")
PROMPT = b'"prompt"'
MOST = 1e9  # of max_tokens, wherever it is reckoned with: more is a slip
UNCORRECTED = "this line of an errors file was not corrected"
BLANKS = b" \t\r\n"


class Request(msgspec.Struct, frozen=True, gc=False):
    """A line that can be sent: its number, what stands for its id on the wire, its id, its params.

    *model*, as JSON, and *max_tokens* stand in the params too; empty and 0 where they say nothing sensible.
    """

    line: int
    base: str
    custom_id: str
    params: Raw
    model: bytes = b""
    max_tokens: int = 0


class _Reason(msgspec.Struct):
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a queue fills in where a line in one of the short forms says nothing; values are JSON.

    *models*: what stands for the models that OpenAI lines name.
    """

    params: Mapping[str, bytes] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)


def read_line(number: int, raw: bytes, defaults: Defaults) -> Request | Problem | None:
    """Return what line *number* asks for, what is wrong with it, or None where it is blank.

    *raw* may end in LF or CRLF; the first line may begin with a byte order mark.
    """
    text = raw.removeprefix(BOM) if number == 1 else raw
    try:
        return _read(number, text.strip(BLANKS), defaults)
    except JsonProblem as complaint:
        indent = len(text) - len(text.lstrip(BLANKS))
        column = complaint.column and complaint.column + indent
        return Problem(line=number, column=column, problem=complaint.problem, fix=complaint.fix)


def _read(number: int, text: bytes, defaults: Defaults) -> Request | None:
    if not text:
        return None
    _require_utf8(text)
    if text[:1] == b'"':
        fields = {"prompt": Raw(text)}
        decode(text, str)
    elif text[:1] == b"{":
        fields = decode_fields(text)
        if "prompt" in fields:
            _require_one_prompt(text)
    else:
        _refuse_other(text)
    fields = _unwrap(fields)
    if is_openai(fields):
        fields = translate(fields, defaults.models)
    custom_id = _take_id(number, fields)
    params = _take_params(fields, defaults)
    _check_params(params)
    body = fields["params"] if "params" in fields else Raw(join_fields(params))
    base, most = base_of(number, custom_id), read_number(bytes(params["max_tokens"]))
    return Request(number, base, custom_id, body, bytes(params["model"]), most)


def read_number(value: bytes) -> int:
    """Return what JSON says, if it is a number; else 0."""
    return int(min(float(value), MOST)) if value[:1].isdigit() else 0


def _require_one_prompt(text: bytes) -> None:
    if text.count(PROMPT) > 1 and (name := find_repeated(text)):
        raise JsonProblem(f"{quote(name)} stands twice in the line", "keep one, or make two lines of it")


def _require_utf8(text: bytes) -> None:
    try:
        _ = text.isascii() or text.decode()
    except UnicodeDecodeError as error:
        raise JsonProblem(
            f"byte 0x{text[error.start]:02x} is not UTF-8",
            "save the file as UTF-8 and drop it again",
            column_of(text, error.start),
        ) from None


def _refuse_other(text: bytes) -> NoReturn:
    if text.startswith(BOM):
        raise JsonProblem(
            "a byte order mark stands before the line",
            "remove it; only the file's first line may have one",
            1,
        )
    decode(text, msgspec.Raw)
    kind = {b"[": "a list", b"t": "true", b"f": "false", b"n": "null"}.get(text[:1], "a number")
    fix = "write a request object, or a prompt in quotes"
    if text[:1] == b"[":
        fix = "write each request on a line of its own, without the list's brackets and commas"
    raise JsonProblem(f"the line is {kind}, not a request", fix)


def _unwrap(fields: Fields) -> Fields:
    """Return the request inside a line of an errors file, with the id that the line had.

    A request that failed again may lie inside a line of an errors file that lies inside another.
    """
    own_id: Fields = {}
    while is_returned(fields):
        if "request" not in fields:
            raise _refuse_uncorrected(bytes(fields["reason"]))
        inner = bytes(fields["request"])
        if inner[:1] not in (b'"', b"{"):
            _refuse_other(inner)
        given = {"custom_id": fields["custom_id"]} if "custom_id" in fields else {}
        own_id = given or _name(fields["line"]) or own_id
        fields = given | (decode_fields(inner) if inner[:1] == b"{" else {"prompt": Raw(inner)})
    return own_id | fields


def _refuse_uncorrected(reason: bytes) -> JsonProblem:
    """Return what to say of a line of an errors file without a request."""
    if told := read_reason(reason):
        return JsonProblem(*told)
    try:
        why = msgspec.json.decode(reason, type=_Reason).problem.removeprefix(f"{UNCORRECTED}: ")
    except (msgspec.DecodeError, RecursionError):
        why = ""
    fix = 'write "request": {"prompt": "…"} or the like in the place of "raw", or remove the line'
    return JsonProblem(f"{UNCORRECTED}: {why}" if why else UNCORRECTED, fix)


def _take_id(number: int, fields: Fields) -> str:
    if "custom_id" not in fields:
        return f"line-{number:06d}"
    value = bytes(fields["custom_id"])
    if value[:1] != b'"':
        raise JsonProblem("custom_id is not a string", 'write it in quotes, as in "custom_id": "q-17"')
    custom_id = decode(value, str)
    if not custom_id:
        raise JsonProblem("custom_id is empty", "give it a value, or leave the key out")
    return custom_id


def _name(line: Raw) -> Fields:
    """Return the id of a line without one in the file that it was left out of, where its answer belongs."""
    number = bytes(line)
    return {"custom_id": Raw(b'"line-%06d"' % int(number))} if LINE_NUMBER.fullmatch(number) else {}


def _take_params(fields: Fields, defaults: Defaults) -> Fields:
    if "params" in fields:
        extra = sorted(fields.keys() - {"custom_id", "params"})
        if extra:
            raise JsonProblem(
                f'"{extra[0]}" cannot stand beside "params"', f'move "{extra[0]}" into "params", or remove it'
            )
        if bytes(fields["params"])[:1] != b"{":
            raise JsonProblem(
                "params is not an object", 'write "params": {"model": …, "max_tokens": …, "messages": […]}'
            )
        return decode_fields(bytes(fields["params"]))
    rest = {name: value for name, value in fields.items() if name != "custom_id"}
    if "prompt" in rest:
        rest = _expand_prompt(rest)
    if "messages" not in rest:
        raise JsonProblem(
            "there is nothing to ask: no params, messages or prompt",
            'write {"prompt": "…"}, or {"custom_id": "…", "params": {…}}',
        )
    filled = {name: Raw(value) for name, value in defaults.params.items() if name not in rest}
    return rest | filled


def _expand_prompt(fields: Fields) -> Fields:
    if "messages" in fields:
        raise JsonProblem('"prompt" and "messages" cannot stand together', "keep one of them")
    prompt = bytes(fields["prompt"])
    if prompt[:1] not in (b'"', b"["):
        raise JsonProblem("prompt is not a string", "write the prompt in quotes")
    if prompt in (b'""', b"[]"):
        raise JsonProblem("the prompt is empty", "write what is to be asked, or remove the line")
    messages = b'[{"role":"user","content":' + prompt + b"}]"
    return {name: value for name, value in fields.items() if name != "prompt"} | {"messages": Raw(messages)}


def _check_params(params: Fields) -> None:
    missing = [name for name in REQUIRED if name not in params]
    if missing:
        names = ", ".join(missing)
        raise JsonProblem(f"params has no {names}", f"add {names}: every request needs it")
    tokens = bytes(params["max_tokens"])
    if tokens[:1] not in b"-0123456789":  # "max_tokens: Input should be a valid integer", the API says
        kind = "a text, not a number" if tokens[:1] == b'"' else "not a number"
        raise JsonProblem(f"max_tokens is {kind}", 'write a number, without quotes, as in "max_tokens": 4096')
    if float(tokens) < 1:
        raise JsonProblem("max_tokens is less than 1", "set max_tokens to 1 or more")
    if bytes(params.get("stream", b"")) == b"true":
        raise JsonProblem("a batch cannot stream", 'remove "stream", or set it to false')
    if bytes(params.get("speed", b"")) == b'"fast"':
        raise JsonProblem("fast mode does not exist in a batch", 'remove "speed"')
