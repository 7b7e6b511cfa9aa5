"""Fields: JSON that is looked into no deeper than is needed, and what is said where it is not right.

`msgspec.Raw` keeps each value as the bytes that came, so that what is passed on is what was written.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec

T = TypeVar("T")
Fields = dict[str, msgspec.Raw]

NOT_A_NUMBER = re.compile(rb"-?(NaN|Infinity)")
BYTE_OF_ERROR = re.compile(r"\(byte (\d+)\)")
HALF = re.compile(rb"(?<!\\)\\u[dD](?:[89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..\\u[dD])[c-fC-F]..)")
TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},]', re.DOTALL)
QUOTED = 80  # characters of a name, in a complaint
CONTINUING = bytes(range(0x80, 0xC0))  # the bytes of a character after its first

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class JsonProblem(Exception):
    """Something is wrong with a line: raised while it is read, which ends in a `Mistake`."""

    def __init__(self, problem: str, fix: str, column: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = fix
        self.column = column


def column_of(text: bytes, at: int) -> int:
    """Return the column of byte *at*, counted in characters, as editors do."""
    return len(text[:at].translate(None, CONTINUING)) + 1


def decode(text: bytes, kind: type[T]) -> T:
    """Return the value that is *text*. Raise `JsonProblem` if it is none, or not of that kind."""
    try:
        return msgspec.json.decode(text, type=kind)
    except RecursionError:
        raise JsonProblem("nested too deeply to be read", "use fewer nested brackets") from None
    except msgspec.DecodeError as error:
        raise _malformed(text, str(error)) from None


def _malformed(text: bytes, message: str) -> JsonProblem:
    found = BYTE_OF_ERROR.search(message)
    at = int(found[1]) if found else len(text)
    near = NOT_A_NUMBER.match(text, max(at - 1, 0)) or NOT_A_NUMBER.match(text, at)
    if near:
        return JsonProblem(
            f"{near[0].decode()} is not a JSON value",
            "write a number, or null",
            column_of(text, near.start()),
        )
    half = HALF.search(text)
    if half and half.end() < len(text) and re.search("truncated|surrogate|hex escape", message):
        return JsonProblem(
            f"{half[0].decode()} is half of a character",
            "write both halves, or neither; a text was cut within an emoji",
            column_of(text, half.start()),
        )
    if "truncated" in message:
        return JsonProblem(
            "the line ends in the middle of its JSON",
            "write the whole request on one line, and close every quote and bracket",
            column_of(text, len(text)),
        )
    if "trailing characters" in message:
        return JsonProblem(
            "more stands behind the request",
            "write each request on a line of its own, with no comma between them",
            column_of(text, at - 1),
        )
    reason = BYTE_OF_ERROR.sub("", message.removeprefix("JSON is malformed: ")).strip()
    return JsonProblem(
        f"not JSON: {reason}",
        "write one JSON object on each line: quotes, commas and brackets",
        column_of(text, at),
    )


def decode_fields(text: bytes) -> Fields:
    """Return the fields of the object that is *text*. Raise `JsonProblem` if it is none."""
    try:
        return _fields.decode(text)
    except RecursionError:
        raise JsonProblem("nested too deeply to be read", "use fewer nested brackets") from None
    except msgspec.DecodeError as error:
        raise _malformed(text, str(error)) from None


def find_elements(array: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each element of a well-formed *array* begins and ends, with the blanks around it.

    It is never taken apart as a whole: millions of elements cost no more than its size.
    """
    depth, start = 0, 1
    for found in TOKEN.finditer(array):
        mark = found[0][:1]
        depth += (mark in b"[{") - (mark in b"]}")
        if (mark == b"," and depth == 1) or depth == 0:
            if array[start : found.start()].strip():
                yield start, found.start()
            start = found.end()


def find_repeated(text: bytes) -> str | None:
    """Return a name that stands more than once in the well-formed object that is *text*."""
    known: set[str] = set()
    for start, end in find_elements(text):
        quoted = TOKEN.match(text[start:end].strip())
        name = decode(quoted[0], str) if quoted else ""
        if name in known:
            return name
        known.add(name)
    return None


def join_fields(fields: Mapping[str, bytes | msgspec.Raw]) -> bytes:
    """Return the object that has these fields, each as it is."""
    pieces: list[bytes | msgspec.Raw] = []  # joined in one go, as one of them may be very large
    for name, value in fields.items():
        pieces += [b"," if pieces else b"{", msgspec.json.encode(name), b":", value]
    return b"".join([*pieces, b"}" if pieces else b"{}"])


def quote(text: str) -> str:
    """Return *text* as a complaint names it: in quotes, cut if long, with nothing that acts on a terminal."""
    return msgspec.json.encode(text if len(text) <= QUOTED else text[:QUOTED] + "…").decode()
