"""Rows in = rows out, byte for byte: odd bytes in answers, odd streams, and many tries at one request."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from batchbox.domain.batch import Batch
from batchbox.ports.api import Api
from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine

FOUR = b"".join(request(one) for one in "abcd")
KINDS = "answers and result streams that were odd"
BOM = b"\xef\xbb\xbf"
Act = Callable[[bytes], bytes]
Start = Callable[..., Engine]


class Rewritten:
    """An API, used as it is; the rows of the next streams are rewritten, one act for each stream."""

    def __init__(self, real: Api, acts: list[Act], chunk: int) -> None:
        self._real = real
        self._acts = acts
        self._chunk = chunk
        self.streams: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    @contextmanager
    def rows(self, batch: Batch) -> Iterator[Iterator[bytes]]:
        """Stream the rows, rewritten and in pieces."""
        with self._real.rows(batch) as chunks:
            whole = b"".join(chunks)
        stream = self._acts.pop(0)(whole) if self._acts else whole
        self.streams.append(stream)
        yield (stream[at : at + self._chunk] for at in range(0, len(stream), self._chunk))


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    """Log plainly."""
    before = structlog.get_config()
    structlog.configure(processors=[structlog.processors.KeyValueRenderer()])
    yield
    structlog.configure(**before)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Give a stand-in of its own; nothing here waits for work to be done."""
    with running(SandboxSettings(work_seconds=0.0)) as found:
        yield found


@pytest.fixture
def start(tmp_path: Path, sandbox: Sandbox) -> Iterator[Start]:
    """Start an engine with any settings."""
    engines = []

    def begin(**more: Any) -> Engine:
        engines.append(Engine(tmp_path / "spool", sandbox.url, **more))
        return engines[-1]

    yield begin
    for engine in engines:
        engine.close()


def rewrite(start: Start, acts: list[Act], chunk: int = 1 << 18) -> tuple[Engine, list[Rewritten]]:
    """Start an engine whose next streams go through *acts*."""
    found: list[Rewritten] = []

    def wrap(api: Api) -> Api:
        found.append(Rewritten(api, acts, chunk))
        return cast("Api", found[-1])

    return start(wrap_api=wrap), found


def say(text: bytes) -> Act:
    """Return an act: every answer says *text*, in exactly these bytes, and goes on as it was."""
    return lambda stream: stream.replace(b'"text":"', b'"text":"' + text)


def expect(stream: bytes) -> list[bytes]:
    """Return the lines that the results have to have for what was streamed: own ids, in order."""
    lines = [line.strip(b"\r") for line in stream.removeprefix(BOM).split(b"\n") if line.strip()]
    heads = [(line[14 : line.index(b'"', 14)].rpartition(b"-")[0], line) for line in lines]
    found = [b'{"custom_id":"' + own + line[line.index(b'"', 14) :] for own, line in heads]
    return sorted(found)


def read_lines(engine: Engine) -> list[bytes]:
    """Return the lines of the results, split at nothing but newlines."""
    data = engine.path("a", "results.jsonl").read_bytes()
    assert data.endswith(b"\n")
    return data[:-1].split(b"\n")


TEXTS = {
    "line-separator": "one\u2028two".encode(),
    "paragraph-separator": "one\u2029two".encode(),
    "next-line": "one\u0085two".encode(),
    "bidi-and-joined": "\u202egpj\u202c \U0001f469\u200d\U0001f680".encode(),
    "bom-inside": "one\ufefftwo".encode(),
    "null-escaped": b"one\\u0000two",
    "newline-escaped": b"one\\n\\r\\ntwo",
    "slash-escaped": b"<\\/script>",
    "two-megabytes": b"x" * 2_000_000,
}


@pytest.mark.parametrize("chunk", [7, 1 << 18], ids=["in-crumbs", "at-once"])
@pytest.mark.parametrize("name", TEXTS)
def test_answers_stay_as_they_came(start: Start, tally: dict[str, int], name: str, chunk: int) -> None:
    """Whatever an answer says, it comes out in the very bytes it came in, on one line."""
    engine, apis = rewrite(start, [say(TEXTS[name])], chunk=max(chunk, len(TEXTS[name]) // 1000))
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    assert read_lines(engine) == expect(apis[-1].streams[0])
    assert all(TEXTS[name] in line for line in read_lines(engine))
    tally[KINDS] += 1


@pytest.mark.parametrize(
    "byte", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80"], ids=lambda byte: byte.hex()
)
def test_an_answer_that_is_not_utf8(start: Start, tally: dict[str, int], byte: bytes) -> None:
    """It was paid for: it comes out byte for byte, and the rows beside it as well."""
    engine, apis = rewrite(start, [say(b"one" + byte + b"two")])
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    assert read_lines(engine) == expect(apis[-1].streams[0])
    assert engine.receipt("a")["counts"]["succeeded"] == len("abcd")
    tally[KINDS] += 1


STREAMS: dict[str, Act] = {
    "crlf": lambda stream: stream.replace(b"\n", b"\r\n"),
    "blank-line": lambda stream: stream.replace(b"\n", b"\n\n", 1),
    "blank-lines-around": lambda stream: b"\n \n" + stream + b"\r\n\n",
    "no-last-newline": lambda stream: stream.removesuffix(b"\n"),
}


@pytest.mark.parametrize("name", STREAMS)
def test_streams_that_are_odd_but_whole(
    start: Start, sandbox: Sandbox, tally: dict[str, int], name: str
) -> None:
    """What lies between the rows does not count: they are taken at the first go."""
    engine, apis = rewrite(start, [STREAMS[name]])
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    assert len(apis[-1].streams) == 1
    assert read_lines(engine) == expect(apis[-1].streams[0])
    check_promises(engine, sandbox)
    tally[KINDS] += 1


DAMAGED: dict[str, Act] = {
    "bom": lambda stream: BOM + stream,
    "null-bytes": lambda stream: stream + b"\0" * 512,
    "page-lost": lambda stream: stream[:100] + b"\0" * 100 + stream[200:],
    "line-glued": lambda stream: stream.replace(b"\n", b"", 1),
    "line-broken": lambda stream: stream[:100] + b"\n" + stream[100:],
    "twice-whole": lambda stream: stream + stream,
    "reply-in-html": lambda _stream: b"<html>502</html>\n",
    "array": lambda stream: b"[" + stream.replace(b"\n", b",").rstrip(b",") + b"]\n",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_streams_that_are_damaged(start: Start, sandbox: Sandbox, tally: dict[str, int], name: str) -> None:
    """Nothing of them is published: they are fetched again, and what then comes whole counts."""
    engine, apis = rewrite(start, [DAMAGED[name]] * 2)
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    assert len(sandbox.batches()) == 1
    assert read_lines(engine) == expect(apis[-1].streams[-1])
    check_promises(engine, sandbox)
    tally[KINDS] += 1


def sent_ids(sandbox: Sandbox) -> list[list[str]]:
    """Return the producer's ids in each batch."""
    return [[one.rpartition("-")[0] for one in batch["custom_ids"]] for batch in sandbox.batches()]


def test_three_generations(start: Start, sandbox: Sandbox) -> None:
    """Each answer comes from the last batch that its request went out in; one file, in order."""
    sandbox.outcome("question b", "expired", times=2)
    sandbox.outcome("question d", "errored", error_type="api_error")
    sandbox.outcome("question c", "errored", error_type="invalid_request_error", message="no")
    engine = start()
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    assert sent_ids(sandbox) == [["a", "b", "c", "d"], ["b", "d"], ["b"]]
    types = [row["result"]["type"] for row in engine.rows("a")]
    assert types == ["succeeded", "succeeded", "errored", "succeeded"]
    check_promises(engine, sandbox)


@pytest.mark.parametrize(
    ("at", "fault", "details", "batches"),
    [
        ("results", "cut", {"where": "mid_line"}, 2),
        ("results", "short", {}, 2),
        ("results", "doubled_row", {}, 2),
        ("results", "stranger_row", {}, 2),
        ("create", "drop_after", {}, 2),
        ("create", "drop_before", {}, 2),
        ("create", "error_after", {"status": 529}, 2),
        ("create", "refuse", {"status": 429, "retry_after": 1}, 2),
        ("create", "refuse", {"status": 400}, 1),
    ],
)
def test_the_second_try_has_bad_luck(
    start: Start, sandbox: Sandbox, at: str, fault: str, details: dict[str, Any], batches: int
) -> None:
    """A part that goes out again is as careful as the first time; the first answers are never lost."""
    sandbox.outcome("question b", "expired")
    sandbox.outcome("question c", "expired")
    sandbox.order(at, fault, skip=1, **details)
    engine = start()
    engine.drop("a.jsonl", FOUR)
    engine.run_to_end()
    assert sandbox.faults() == []
    assert sent_ids(sandbox) == [["a", "b", "c", "d"], ["b", "c"]][:batches]
    assert engine.receipt("a")["status"] == ("succeeded" if batches > 1 else "partial")
    check_promises(engine, sandbox)


def test_several_parts_with_several_tries(start: Start, sandbox: Sandbox) -> None:
    """Parts and their tries mix at the service; in the one file every answer stands in its place."""
    for name, times in {"02": 1, "03": 2, "05": 1, "08": 2, "11": 3, "12": 1}.items():
        sandbox.outcome(f"question q{name}", "expired", times=times)
    names = [f"q{number:02}" for number in range(1, 13)]
    engine = start(settings={"max_part_requests": 3})
    engine.drop("a.jsonl", b"".join(request(name) for name in names))
    engine.run_to_end()
    rows = engine.rows("a")
    assert [row["custom_id"] for row in rows] == names
    assert [row["custom_id"] for row in rows if row["result"]["type"] != "succeeded"] == ["q11"]
    for row in rows:
        assert row["custom_id"] == "q11" or f"question {row['custom_id']}" in json.dumps(row["result"])
    check_promises(engine, sandbox)
