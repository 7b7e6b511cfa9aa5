"""What may be dropped besides lines of JSON, from the inbox to the outbox."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any, cast

import pytest

from batchbox.formats.decompress import zstd
from batchbox.ports.storage import Spool
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.promises import check_paid_once
from tests.play.fuse import Fuse, Guarded
from tests.support.daemon import request
from tests.support.engine import Engine, Killed, prompts

TABLE = b'nr,text\n1,"over\ntwo lines"\n2,\n3,third\n2,second\n3,double\n4,five,cells\n'
SUMMARISE = {"prompt": "Summarise: {text}", "id_column": "nr"}
BAD_LINES = [4, 7, 8]


def answers(engine: Engine, stem: str, queue: str = "") -> dict[str, str]:
    """Return what was answered, by id; the stand-in repeats the question."""
    rows = engine.rows(stem, queue=queue)
    return {row["custom_id"]: row["result"]["message"]["content"][0]["text"] for row in rows}


def check_end(engine: Engine, sandbox: Sandbox, files: int) -> None:
    """Every file has one receipt, with size and digest of what was dropped; nothing was paid twice."""
    check_paid_once(engine, sandbox)
    assert not list((engine.root / "work").iterdir())
    paths = list((engine.root / "outbox").glob("**/*.receipt.json"))
    assert len(paths) == files
    for path in paths:
        receipt = json.loads(path.read_bytes())
        queue = "" if receipt["queue"] == "default" else receipt["queue"]
        content = engine.dropped[queue, receipt["input"]["name"]]
        sha256 = hashlib.sha256(content).hexdigest()
        assert (receipt["input"]["size"], receipt["input"]["sha256"]) == (len(content), sha256)


def test_every_form_is_answered(start: Start, sandbox: Sandbox) -> None:
    """Packed lines, tables and texts, with the ids that they say or their names."""
    engine = start(queue={"sum": SUMMARISE})
    engine.drop("gz.jsonl.gz", gzip.compress(request("a") + b"\n" + request("b")))
    engine.drop("zst.jsonl.zst", zstd.compress(prompts("one", "two")))
    engine.drop("plain.tsv", b"id\tprompt\nx\tWhy?\n")
    engine.drop("table.csv", b"nr;text\r\n7;seven\r\n", "sum")
    engine.drop("note.md", b"# Note\n", "sum")
    engine.drop("My question.txt", b"How?")
    engine.run_to_end()
    assert list(answers(engine, "gz")) == ["a", "b"]
    assert list(answers(engine, "zst")) == ["line-000001", "line-000002"]
    assert '"Why?"' in answers(engine, "plain")["x"]
    assert '"Summarise: seven"' in answers(engine, "table", "sum")["7"]
    assert '"Summarise: # Note' in answers(engine, "note", "sum")["note"]
    assert '"How?"' in answers(engine, "My question")["My question"]
    check_end(engine, sandbox, files=6)


def test_rows_with_mistakes_are_told_by_the_lines_of_the_table(start: Start, sandbox: Sandbox) -> None:
    """A table with mistakes is refused whole, as lines of JSON are; every mistake has its line and fix."""
    engine = start(queue={"sum": SUMMARISE})
    engine.drop("t.csv", TABLE, "sum")
    engine.run_to_end()
    receipt = engine.receipt("t", "sum")
    assert (receipt["status"], receipt["input"]["lines"]) == ("rejected", 8)
    assert [mistake["line"] for mistake in receipt["mistakes"]] == BAD_LINES
    assert [mistake["problem"] for mistake in receipt["mistakes"]] == [
        "there is nothing to ask in this row",
        'custom_id "3" was used in line 5 already',
        "this row has 3 cells and the header 2",
    ]
    assert all(mistake["fix"] and "column" not in mistake for mistake in receipt["mistakes"])
    assert (engine.root / "rejected" / "sum" / "t.csv").read_bytes() == TABLE
    assert not sandbox.batches()
    check_end(engine, sandbox, files=1)


def test_what_was_left_out_of_a_table_can_be_corrected_and_dropped_back(
    start: Start, sandbox: Sandbox
) -> None:
    """Bad rows stand in the errors file as they were written; failed ones as what was asked."""
    engine = start(queue={"sum": SUMMARISE | {"bad_lines": "skip"}})
    sandbox.outcome("third", "errored", times=9)
    engine.drop("t.csv", TABLE, "sum")
    engine.run_to_end()
    assert engine.receipt("t", "sum")["counts"]["skipped"] == 3
    assert [row["custom_id"] for row in engine.rows("t", queue="sum")] == ["1", "3", "2"]
    errors = engine.rows("t", "errors", "sum")
    assert [row["line"] for row in errors] == [4, 5, 7, 8]
    empty, failed, _, broad = errors
    assert (empty["reason"]["outcome"], empty["raw"]) == ("skipped", "2,")
    assert (broad["reason"]["outcome"], broad["raw"]) == ("skipped", "4,five,cells")
    assert failed["request"] == {"custom_id": "3", "prompt": "Summarise: third"}
    corrected = [failed, {**empty, "request": "filled in"}, {**broad, "request": {"prompt": "five cells"}}]
    sandbox.reset()
    engine.drop("t.errors.jsonl", b"".join(json.dumps(row).encode() + b"\n" for row in corrected), "sum")
    engine.run_to_end()
    found = answers(engine, "t.errors", "sum")
    assert list(found) == ["3", "line-000004", "line-000008"]
    assert '"Summarise: third"' in found["3"]
    assert '"filled in"' in found["line-000004"]


def test_errors_that_were_not_corrected_are_refused_as_such(start: Start) -> None:
    """What the errors file says of a row is no mistake of its own when it comes back."""
    engine = start(queue={"sum": SUMMARISE | {"bad_lines": "skip"}})
    engine.drop("t.csv", TABLE, "sum")
    engine.run_to_end()
    engine.drop("back.jsonl", engine.path("t", "errors.jsonl", "sum").read_bytes(), "sum")
    engine.run_to_end()
    told = "this line of an errors file was not corrected: "
    mistakes = engine.receipt("back", "sum")["mistakes"]
    assert all(mistake["problem"].startswith(told) for mistake in mistakes)


@pytest.mark.parametrize(
    ("name", "content", "problem", "fix"),
    [
        ("a.csv", b"id,title\n1,x\n", 'no column is called "prompt"', 'prompt = "Summarise: {title}"'),
        ("a.csv", b"prompt\ncaf\xe9\n", "byte 0xe9 is not UTF-8", "CSV UTF-8"),
        ("a.txt", b" \n", "the file is empty", "write the prompt"),
        ("a.jsonl.gz", b"no gzip\n", "says gzip", ".jsonl"),
        ("a.xlsx", b"PK\x03\x04", ".xlsx cannot be read", "CSV UTF-8"),
        ("A.JSON", b"[]", ".json cannot be read", ".jsonl"),
        ("a.csv.gz", b"\x1f\x8b", ".gz cannot be read", "unpack it"),
    ],
)
def test_a_file_that_cannot_be_read_comes_back_with_what_to_do(
    engine: Engine, sandbox: Sandbox, name: str, content: bytes, problem: str, fix: str
) -> None:
    """Byte for byte, with a receipt whose digest is that of the file."""
    engine.drop(name, content)
    engine.run_to_end()
    (path,) = (engine.root / "outbox").glob("*.receipt.json")
    receipt = json.loads(path.read_bytes())
    assert receipt["status"] == "rejected"
    assert problem in receipt["mistakes"][0]["problem"]
    assert fix in receipt["mistakes"][0]["fix"]
    (rejected,) = (engine.root / "rejected").iterdir()
    assert rejected.read_bytes() == content
    assert rejected.name.lower() == name.lower()
    check_end(engine, sandbox, files=1)


@pytest.mark.parametrize("name", ["photo.jpg", "scan.pdf", "a.csv.tmp", "a.xlsx~"])
def test_other_files_are_left_alone(engine: Engine, name: str) -> None:
    """They may belong to a file beside them, or be on their way."""
    engine.drop(name, b"x")
    engine.run_for(900)
    assert (engine.root / "inbox" / name).read_bytes() == b"x"
    assert not list((engine.root / "outbox").iterdir())


@pytest.mark.parametrize("queue", ["v1.xml", "report.doc"])
def test_a_queue_may_be_called_like_a_file_that_cannot_be_read(engine: Engine, queue: str) -> None:
    """A folder is no such file."""
    engine.drop("a.jsonl", prompts("one"), queue)
    engine.run_to_end()
    assert engine.receipt("a", queue)["status"] == "succeeded"


class Small:
    """A spool, used as it is, on a disk that seems to have only so much room: *free* bytes."""

    free = 40 << 20

    def __init__(self, real: Spool) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def free_bytes(self) -> int:
        return self.free


def test_a_file_waits_until_there_is_room_for_what_is_in_it(tmp_path: Path, sandbox: Sandbox) -> None:
    """What it unpacks to would fill the disk: nothing is left of the attempt, and it goes on by itself."""
    engine = Engine(tmp_path / "spool", sandbox.url, wrap_spool=lambda spool: cast("Spool", Small(spool)))
    engine.drop("big.jsonl.gz", gzip.compress(b" " * (60 << 20) + b'"one"\n'))
    engine.run_for(5)
    (job,) = (engine.root / "work").iterdir()
    assert not [path.name for path in job.iterdir() if "lines" in path.name]
    assert not list((engine.root / "outbox").iterdir())
    cast("Small", engine.ctx.spool).free = 1 << 40
    engine.run_to_end()
    assert engine.receipt("big")["status"] == "succeeded"
    check_end(engine, sandbox, files=1)
    engine.close()


def guarded(root: Path, sandbox: Sandbox, fuse: Fuse) -> Engine:
    """Start an engine that *fuse* kills in its use of the spool."""
    return Engine(
        root,
        sandbox.url,
        settings={"queue": {"sum": SUMMARISE | {"bad_lines": "skip"}}},
        wrap_spool=lambda spool: cast("Spool", Guarded(spool, "spool", fuse)),
    )


def test_it_may_end_while_a_table_is_read(tmp_path: Path, sandbox: Sandbox) -> None:
    """Killed after each of the first files that are written of it: answered once, all the same."""
    for number in range(1, 6):
        fuse = Fuse(lambda: None)
        fuse.set("after spool.create", number)
        sandbox.reset()
        engine = guarded(tmp_path / str(number), sandbox, fuse)
        engine.drop("t.csv", TABLE, "sum")
        assert run_killed(engine)
        fuse.clear()
        engine.run_to_end()
        assert [row["custom_id"] for row in engine.rows("t", queue="sum")] == ["1", "3", "2"]
        assert [row["line"] for row in engine.rows("t", "errors", "sum")] == BAD_LINES
        check_end(engine, sandbox, files=1)
        engine.close()


def run_killed(engine: Engine) -> bool:
    """Run until the fuse kills, and begin again; False if it came to the end before."""
    try:
        engine.run_to_end()
    except Killed:
        engine.crash_and_restart()
        return True
    return False


def test_what_a_kill_has_left_of_the_lines_is_not_believed(tmp_path: Path, sandbox: Sandbox) -> None:
    """Until the file is checked they are written anew: they may be half of it, or of another version."""
    fuse = Fuse(lambda: None)
    fuse.set("before spool.create", 1)
    engine = guarded(tmp_path / "spool", sandbox, fuse)
    engine.drop("t.csv", TABLE, "sum")
    assert run_killed(engine)
    (job,) = (engine.root / "work").iterdir()
    (job / "lines.jsonl").write_bytes(b'"junk"\n')
    (job / ".lines.jsonl.tmp").write_bytes(b'"half')
    engine.run_to_end()
    assert [row["custom_id"] for row in engine.rows("t", queue="sum")] == ["1", "3", "2"]
    check_end(engine, sandbox, files=1)
    engine.close()
