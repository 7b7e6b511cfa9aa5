"""What a dropped file says, as lines of JSON under the numbers that the file has."""

import gzip
import io
import json
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchbox.domain.errors import InvalidFile, TryLater
from batchbox.domain.file_types import FOREIGN, form_of
from batchbox.engine.steps import conversion
from batchbox.engine.steps.conversion import Lines, write_lines
from batchbox.formats import csv_reader, decompress
from batchbox.formats.decompress import zstd
from batchbox.settings.model import Settings

LINES = b'{"custom_id":"a","prompt":"one"}\n"two"\n'


def convert(name: str, data: bytes, limit: int = 1 << 30, **queue: Any) -> bytes:
    """Return the lines that a file of that name with *data* stands for."""
    form = form_of(name.encode())
    assert form
    out = io.BytesIO()
    rules = Settings(queue={"q": queue}).for_queue("q")
    write_lines(io.BytesIO(data), Lines(out, limit, lambda _: True), form, name.encode(), "q", rules)
    return out.getvalue()


def rows(name: str, data: bytes, **queue: Any) -> dict[int, Any]:
    """Return what stands on each line that is not blank."""
    found = convert(name, data, **queue).split(b"\n")
    return {number: json.loads(line) for number, line in enumerate(found, start=1) if line}


def unfit(name: str, data: bytes, **queue: Any) -> InvalidFile:
    """Return why the whole file cannot be sent."""
    with pytest.raises(InvalidFile) as raised:
        convert(name, data, **queue)
    assert raised.value.fix
    return raised.value


def test_a_row_is_a_request_on_the_line_on_which_it_begins() -> None:
    """The header is a blank line, and so is each further line of a row."""
    data = b'id,prompt\n7,one\n\n8,"two\nlines"\n9,three\n'
    assert rows("a.csv", data) == {
        2: {"custom_id": "7", "prompt": "one"},
        4: {"custom_id": "8", "prompt": "two\nlines"},
        6: {"custom_id": "9", "prompt": "three"},
    }
    assert convert("a.csv", data).count(b"\n") == data.count(b"\n")


def test_columns_say_what_a_line_would_say() -> None:
    """Where they are empty, the queue's defaults are left to fill them in; others are not looked at."""
    data = b"Prompt;system;Model;max_tokens;colour\nwhy?;be brief;m-1;77;red\nhow?;;;;\n"
    assert rows("a.csv", data) == {
        2: {"prompt": "why?", "system": "be brief", "model": "m-1", "max_tokens": 77},
        3: {"prompt": "how?"},
    }


def test_a_template_makes_prompts_of_columns() -> None:
    """Values go in as they are: braces, quotes and formulas of theirs mean nothing."""
    data = b'key\ttext\tmodel\nk1\t{key} =1+1 "x\tVW Golf\nk2\t\xc3\xa9\t\n'
    found = rows("a.tsv", data, prompt="{{Sum}} up {text}, {text} of {key}!", id_column="key")
    assert found == {
        2: {"custom_id": "k1", "prompt": '{Sum} up {key} =1+1 "x, {key} =1+1 "x of k1!'},
        3: {"custom_id": "k2", "prompt": "{Sum} up é, é of k2!"},
    }


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0{}"), max_size=9)))
def test_any_value_is_put_in_as_it_is(values: list[str]) -> None:
    """Nothing of a cell is taken for part of the template."""
    columns = [f"c{number}" for number in range(len(values))] + ["last"]
    data = ",".join(columns) + "\n" + ",".join('"' + v.replace('"', '""') + '"' for v in [*values, "x"])
    template = "".join(f"<{{{name}}}>" for name in columns)
    ((_, found),) = rows("a.csv", data.encode(), prompt=template).items()
    assert found["prompt"] == "".join(f"<{value}>" for value in [*values, "x"])


@pytest.mark.parametrize(
    ("data", "queue", "problem", "fix"),
    [
        (b"id,title\n1,x\n", {}, 'no column is called "prompt"', '[queue.q] prompt = "Summarise: {title}"'),
        (b"id,title\n1,x\n", {"prompt": "Hm: {text}"}, 'a column "text"', "name a column so"),
        (b"id,prompt\n1,x\n", {"id_column": "nr"}, 'a column "nr"', "name a column so"),
        (b"id,prompt\n", {}, "a header and nothing below it", "below the header"),
        (b"id,prompt\n\n,\n", {}, "a header and nothing below it", "below the header"),
    ],
)
def test_columns_that_do_not_serve(data: bytes, queue: dict[str, Any], problem: str, fix: str) -> None:
    """The whole file is refused, with the columns that it has and what to do."""
    found = unfit("a.csv", data, **queue)
    assert problem in found.problem
    assert fix in found.fix
    assert "columns: id, title" in found.problem or b"title" not in data


@pytest.mark.parametrize(
    ("name", "data", "queue"),
    [
        ("a.tsv", b"id,prompt\n1,x\n", {}),
        ("a.tsv", b"id;text\n1;x\n", {"prompt": "{text}"}),
        ("a.csv", b'"id,text"\n"1,x"\n', {"id_column": "id"}),
    ],
)
def test_a_header_that_is_one_cell_is_told_so(name: str, data: bytes, queue: dict[str, Any]) -> None:
    """What is wrong is how the cells are parted, not how the columns are called."""
    found = unfit(name, data, **queue)
    assert "the header is a single cell" in found.problem
    assert "in a .tsv tabs part the cells" in found.fix


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (b"1,,,,", "there is nothing to ask in this row"),
        (b"1, ,,,", "there is nothing to ask in this row"),
        (b"1,x,,,1e3", 'max_tokens is "1e3", not a whole number'),
        (b"1,x,,,-1", 'max_tokens is "-1", not a whole number'),
        (b"1,x,,," + b"9" * 5000, f'max_tokens is "{"9" * 20}", not a whole number'),
        (b"1,x", "this row has 2 cells and the header 5"),
    ],
)
def test_a_row_that_is_no_request_is_written_with_its_reason(row: bytes, problem: str) -> None:
    """So that reading it complains of it, at its line, with its text."""
    found = rows("a.csv", b"id,prompt,system,model,max_tokens\n" + row + b"\n2,good,,,\n")
    assert (found[2]["line"], found[2]["reason"]["problem"]) == (2, problem)
    assert found[2]["raw"] == row.decode()
    assert found[3] == {"custom_id": "2", "prompt": "good"}


def test_a_template_without_anything_to_fill_it_asks_nothing() -> None:
    """The words around an empty cell would be paid for."""
    found = rows("a.csv", b"text,other\n,x\ny,x\n", prompt="Summarise: {text}")
    assert found[2]["reason"]["problem"] == "there is nothing to ask in this row"
    assert found[3] == {"prompt": "Summarise: y"}


@pytest.mark.parametrize(
    ("data", "prompt", "asked"),
    [
        (b"Why?\n", None, "Why?\n"),
        (b"\xef\xbb\xbf# Why\r\n\r\nis {it}?", None, "# Why\r\n\r\nis {it}?"),
        ("Wärum?".encode("utf-16"), None, "Wärum?"),
        (b"long", "Sum up: {text}.", "Sum up: long."),
    ],
)
def test_a_text_is_one_prompt(data: bytes, prompt: str | None, asked: str) -> None:
    """Its id is its name; lines are as many as it has."""
    more = {"prompt": prompt} if prompt else {}
    assert rows("Why now.md", data, **more) == {1: {"custom_id": "Why now", "prompt": asked}}
    assert convert("a.txt", b"1\n2\n3").count(b"\n") == 3


@pytest.mark.parametrize(
    ("data", "queue", "problem"),
    [
        (b"", {}, "the file is empty"),
        (b"\xef\xbb\xbf \n\t", {}, "the file is empty"),
        (b"caf\xe9", {}, "byte 0xe9 is not UTF-8"),
        (b"a\0b", {}, "NUL bytes"),
        (b"x" * 2000, {}, "more than 1,000 characters"),
        (b"x", {"prompt": "{title}"}, 'asks for a column "title", and a text has none'),
    ],
)
def test_a_text_that_is_none(
    monkeypatch: pytest.MonkeyPatch, data: bytes, queue: dict[str, Any], problem: str
) -> None:
    """It is refused with the reason."""
    monkeypatch.setattr(csv_reader, "RECORD_LIMIT", 1000)
    assert problem in unfit("a.txt", data, **queue).problem


GZIP, ZSTD = gzip.compress(LINES, mtime=0), zstd.compress(LINES)
GLUTTON = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 30})


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jsonl.gz", GZIP),
        ("A.JSONL.GZ", GZIP + gzip.compress(b"", mtime=0) + GZIP + b"\0\0"),
        ("a.jsonl.zst", ZSTD),
        ("a.jsonl.zst", ZSTD + ZSTD + b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"),
    ],
)
def test_a_packed_file_says_what_is_in_it(name: str, data: bytes) -> None:
    """In one member or frame, or in several."""
    assert convert(name, data).replace(LINES, b"") == b""
    assert convert(name, data)


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("a.jsonl.gz", LINES, "name says gzip, but it is not packed so"),
        ("a.jsonl.gz", ZSTD, "name says gzip, but it is not packed so"),
        ("a.jsonl.gz", GZIP[:-5], "ends in the middle of its gzip data"),
        ("a.jsonl.gz", GZIP[:4], "ends in the middle of its gzip data"),
        ("a.jsonl.gz", GZIP + b"more", "the file is damaged"),
        ("a.jsonl.gz", GZIP[:-6] + b"\xff" + GZIP[-5:], "the file is damaged"),
        ("a.jsonl.zst", LINES, "name says zstd, but it is not packed so"),
        ("a.jsonl.zst", GZIP, "name says zstd, but it is not packed so"),
        ("a.jsonl.zst", ZSTD[:-1], "ends in the middle of its zstd data"),
        ("a.jsonl.gz", b"", "the file is empty"),
        ("a.jsonl.zst", b"", "the file is empty"),
        ("a.jsonl.zst", ZSTD + b"more", "the file is damaged"),
        ("a.jsonl.zst", GLUTTON.compress(LINES) + GLUTTON.flush(), "than 134,217,728 bytes of memory"),
    ],
)
def test_a_packed_file_that_is_not_whole(name: str, data: bytes, problem: str) -> None:
    """Damaged, cut off, of another kind, or a glutton: refused with the reason."""
    assert problem in unfit(name, data).problem


class Counting(io.RawIOBase):
    """Keeps nothing of what is written, and counts it."""

    size = 0

    def write(self, data: Any) -> int:
        self.size += len(data)
        return len(data)


def test_a_bomb_does_not_go_off() -> None:
    """A gigabyte in a megabyte: unpacked no further than the limit, a piece at a time."""
    bomb = gzip.compress(bytes(1 << 20)) * 1024
    sink, limit = Counting(), 4 << 20
    rules = Settings().for_queue("q")
    form = form_of(b"bomb.jsonl.gz")
    assert form
    out = Lines(cast("BinaryIO", sink), limit, lambda _: True)
    with pytest.raises(InvalidFile, match="unpacks to more than 4,194,304 bytes"):
        write_lines(io.BytesIO(bomb), out, form, b"bomb.jsonl.gz", "q", rules)
    assert limit - decompress.PIECE <= sink.size <= limit


def test_rows_that_grow_are_bounded_like_a_bomb() -> None:
    """A long prompt made of each of many short rows fills a disk as well."""
    template = "x" * 10_000 + "{a}"
    with pytest.raises(InvalidFile, match="to more than 1,000,000 bytes"):
        convert("a.csv", b"a,b\n" + b"1,2\n" * 1000, limit=1_000_000, prompt=template)


def test_nothing_is_unpacked_beyond_the_room_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stops, and waits for room: the disk may be fuller than it was."""
    monkeypatch.setattr(conversion, "LOOK_EVERY", 1000)
    form = form_of(b"a.jsonl.gz")
    assert form
    out = Lines(io.BytesIO(), 1 << 30, lambda written: written < 50_000)
    with pytest.raises(TryLater, match="no room on the disk"):
        write_lines(
            io.BytesIO(gzip.compress(b"x" * 999_999)),
            out,
            form,
            b"a.jsonl.gz",
            "q",
            Settings().for_queue("q"),
        )


@pytest.mark.parametrize("form", FOREIGN, ids=lambda form: form.ending)
def test_what_is_dropped_by_mistake_is_refused_with_what_to_do(form: Any) -> None:
    """Whatever is in it."""
    found = unfit(f"a{form.ending}", b"PK\x03\x04")
    assert found.problem == f"a file that ends in {form.ending} cannot be read"
    assert found.fix == form.fix
