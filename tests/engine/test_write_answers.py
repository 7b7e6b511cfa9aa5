"""Answers in other forms than the API's: complete, in order, and never half-done."""

import json
from pathlib import Path
from typing import cast

import jsonschema
import pytest

from batchbox.cli.schema import Shape, describe
from batchbox.ports.storage import Spool
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.promises import check_paid_once, check_promises
from tests.engine.spreadsheet import read_table
from tests.engine.test_crash import Fuse, Guarded, run_killed
from tests.support.daemon import request
from tests.support.engine import Engine, prompts

ALL = ["rows", "answers", "csv", "text"]
MIXED = request("a") + b"{oops\n" + request("b") + b'\n"Hi"\n{"prompt": ""}\n'


def put_out(engine: Engine) -> list[str]:
    return sorted(path.name for path in (engine.root / "outbox").iterdir())


def named(engine: Engine, stem: str) -> list[str]:
    return [output["name"] for output in engine.receipt(stem)["outputs"]]


@pytest.fixture
def mixed(start: Start, sandbox: Sandbox) -> Engine:
    """Give an engine that put out a file with good, bad and failing lines, in several parts."""
    engine = start(output=ALL, bad_lines="skip", max_part_requests=1)
    sandbox.outcome("question b", "errored", error_type="invalid_request_error", message="no such model")
    engine.drop("a.jsonl", MIXED)
    engine.run_to_end()
    check_promises(engine, sandbox)
    return engine


def test_every_form_beside_the_rows(mixed: Engine) -> None:
    """In the receipt they stand in the order in which they appeared."""
    forms = ["results.jsonl", "answers.jsonl", "answers.csv", "answers.txt", "errors.jsonl"]
    assert named(mixed, "a") == [f"a.{form}" for form in forms]
    assert put_out(mixed) == sorted([*named(mixed, "a"), "a.receipt.json"])


def test_answers_as_lines(mixed: Engine) -> None:
    """One for each line that is not blank, with what a program needs."""
    rows = mixed.rows("a", "answers")
    assert [(row["custom_id"], row["line"], row["status"]) for row in rows] == [
        ("a", 1, "succeeded"),
        (None, 2, "skipped"),
        ("b", 3, "errored"),
        ("line-000005", 5, "succeeded"),
        (None, 6, "skipped"),
    ]
    message = mixed.rows("a")[0]["result"]["message"]
    assert rows[0]["text"] == message["content"][0]["text"]
    assert (rows[0]["stop_reason"], rows[0]["usage"]) == ("end_turn", message["usage"])
    assert [row["error"] is None for row in rows] == [row["status"] == "succeeded" for row in rows]
    assert "no such model" in rows[2]["error"]
    assert rows[1]["error"].startswith("column 2: not JSON")
    assert rows[4]["error"] == "the prompt is empty; write what is to be asked, or remove the line"


def test_answers_as_a_table(mixed: Engine) -> None:
    """The same, with empty cells in the place of null."""
    head, *table = read_table(mixed.path("a", "answers.csv"))
    assert head == ["custom_id", "line", "status", "text", "stop_reason", "error"]
    rows = [{**row, "line": str(row["line"])} for row in mixed.rows("a", "answers")]
    assert table == [[row[name] or "" for name in head] for row in rows]


def test_answers_as_text(mixed: Engine) -> None:
    """Each under its id, or its line where it has none."""
    text = mixed.path("a", "answers.txt").read_text(encoding="utf-8")
    heads = [line for line in text.splitlines() if line.startswith("===")]
    assert heads == ["=== a ===", "=== line 2 ===", "=== b ===", "=== line-000005 ===", "=== line 6 ==="]
    first = mixed.rows("a", "answers")[0]["text"]
    assert text.startswith(f"=== a ===\n\n{first}\n\n=== line 2 ===\n\n[not answered: ")


def test_one_answer_is_bare_text(start: Start) -> None:
    """Nothing but what was answered, and a newline."""
    engine = start(output=["text"])
    engine.drop("a.jsonl", prompts("Hi"))
    engine.run_to_end()
    text = engine.path("a", "answers.txt").read_text(encoding="utf-8")
    assert text.startswith('Sandbox answer to "Hi"')
    assert text.endswith(")\n")
    assert put_out(engine) == ["a.answers.txt", "a.receipt.json"]


def test_no_text_where_nothing_was_answered(start: Start, sandbox: Sandbox) -> None:
    """An excuse must not be taken for the answer by whoever reads nothing else."""
    engine = start(output=["text", "csv"])
    sandbox.outcome("Hi", "errored", error_type="invalid_request_error", message="no")
    engine.drop("a.jsonl", prompts("Hi"))
    engine.run_to_end()
    assert put_out(engine) == ["a.answers.csv", "a.errors.jsonl", "a.receipt.json"]
    assert engine.receipt("a")["status"] == "failed"


def test_answers_in_the_place_of_rows(start: Start, sandbox: Sandbox) -> None:
    """All else is as ever: the receipt counts, nothing is paid twice, no row is missing."""
    engine = start(queue={"nightly": {"output": ["answers"]}}, max_part_requests=2)
    sandbox.outcome("question b", "expired")
    engine.drop("a.jsonl", b"".join(map(request, "abc")), "nightly")
    engine.drop("a.jsonl", b"".join(map(request, "abc")))
    engine.run_to_end()
    assert [row["custom_id"] for row in engine.rows("a", "answers", "nightly")] == ["a", "b", "c"]
    assert not engine.path("a", "results.jsonl", "nightly").exists()
    receipt = engine.receipt("a", "nightly")
    assert (receipt["status"], receipt["requests"], receipt["counts"]["succeeded"]) == ("succeeded", 3, 3)
    assert named(engine, "a") == ["a.results.jsonl"]
    check_paid_once(engine, sandbox)


def test_nothing_is_overwritten(start: Start) -> None:
    """A name that any form would have counts as taken."""
    engine = start(output=["csv"])
    engine.path("a", "answers.csv").write_bytes(b"mine")
    engine.drop("a.jsonl", prompts("Hi"))
    engine.run_to_end()
    assert engine.path("a", "answers.csv").read_bytes() == b"mine"
    assert named(engine, "a~2") == ["a~2.answers.csv"]


def start_guarded(root: Path, sandbox: Sandbox, fuse: Fuse) -> Engine:
    """Begin anew; stop when all rows are there, and nothing is put out."""
    sandbox.reset()

    def guard(spool: Spool) -> Spool:
        return cast("Spool", Guarded(spool, fuse))

    settings = {"output": ALL, "bad_lines": "skip"}
    engine = Engine(root, sandbox.url, settings=settings, wrap_spool=guard)
    engine.drop("a.jsonl", MIXED)
    engine.run_until(engine.is_in("collected"))
    return engine


def test_killed_while_it_is_put_out(tmp_path: Path, sandbox: Sandbox) -> None:
    """After each thing that is done to the disk: at the end all forms are there, once and whole."""
    for length in range(1, 10_000):
        fuse = Fuse()
        engine = start_guarded(tmp_path / str(length), sandbox, fuse)
        fuse.left = length
        was_killed = run_killed(engine, fuse)
        engine.run_to_end()
        check_promises(engine, sandbox)
        assert [row["line"] for row in engine.rows("a", "answers")] == [1, 2, 3, 5, 6]
        assert len(read_table(engine.path("a", "answers.csv"))) == 6
        assert len(put_out(engine)) == 6
        engine.close()
        if not was_killed:
            assert length > 12
            return
    raise AssertionError("the run never ended")


def test_answers_have_the_shape_that_is_promised(mixed: Engine) -> None:
    """Strict JSON, its keys in one order, and by somebody else's judgement as the schema says."""
    lines = mixed.path("a", "answers.jsonl").read_bytes().splitlines()
    keys = ["custom_id", "line", "status", "text", "stop_reason", "usage", "error"]
    assert [list(json.loads(line)) for line in lines] == [keys] * 5
    schema = jsonschema.Draft202012Validator(describe(Shape.ANSWERS))
    assert all(schema.is_valid(json.loads(line)) for line in lines)
    assert not schema.is_valid(json.loads(lines[0]) | {"more": 1})
