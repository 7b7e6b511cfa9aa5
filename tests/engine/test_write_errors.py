"""What an errors file holds goes on from there: dropped back, its answers find their places."""

import io
import json

import pytest

from batchbox.formats.merge_rows import Merged, MergeRows, TryFiles, merge
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.promises import check_paid_once
from tests.support.daemon import request
from tests.support.engine import Engine

FORMS = b"".join(
    [
        request("a", "question a"),
        b'{"custom_id": "b", "prompt": "question b"}\n',
        b'"question c"\n',
        b'{"messages": [{"role": "user", "content": "question d"}]}\n',
        b'{"prompt": "question e"}\n',
    ]
)
IDS = ["a", "b", "line-000003", "line-000004", "line-000005"]


def again(engine: Engine, stem: str, kind: str = "errors") -> bytes:
    """Return an output of the file that was dropped as *stem*."""
    return engine.path(stem, f"{kind}.jsonl").read_bytes()


def put_together(
    engine: Engine, kind: str, first: str, *later: str
) -> tuple[list[dict[str, object]], Merged]:
    """Merge what several files came to."""
    out = io.BytesIO()
    tries = TryFiles([MergeRows(io.BytesIO(again(engine, stem, kind)), stem) for stem in later])
    merged = merge(MergeRows(io.BytesIO(again(engine, first, kind)), first), tries, out, add=False)
    return [json.loads(line) for line in out.getvalue().splitlines()], merged


def test_every_form_of_a_line_comes_back_as_it_was(start: Start, sandbox: Sandbox) -> None:
    """Under the id it had, though it stands on another line; twice over, with nothing changed by hand."""
    engine = start(max_attempts=1)
    for letter, times in zip("bcde", (1, 2, 2, 1), strict=True):
        sandbox.outcome(f"question {letter}", "expired", times=times)
    engine.drop("a.jsonl", FORMS)
    engine.run_to_end()
    engine.drop("a.errors.jsonl", again(engine, "a"))
    engine.run_to_end()
    assert [row["custom_id"] for row in engine.rows("a.errors")] == IDS[1:]
    engine.drop("a.errors.errors.jsonl", again(engine, "a.errors"))
    engine.run_to_end()
    assert [row["custom_id"] for row in engine.rows("a.errors.errors")] == IDS[2:4]
    rows, merged = put_together(engine, "results", "a", "a.errors", "a.errors.errors")
    assert [row["custom_id"] for row in rows] == IDS
    assert (merged.rows, merged.unanswered) == (5, 0)
    texts = [json.dumps(row["result"]) for row in rows]
    assert all(f"question {letter}" in text for letter, text in zip("abcde", texts, strict=True))
    check_paid_once(engine, sandbox)


def test_lines_that_were_left_out_find_their_places_once_corrected(start: Start) -> None:
    """By the number of their line, where they have no id."""
    engine = start(bad_lines="skip", output=["answers"])
    engine.drop("a.jsonl", b'"one"\n{oops\n"three"\n{"prompt": 7}\n')
    engine.run_to_end()
    found = engine.rows("a", "errors")
    corrected = [
        {key: value for key, value in line.items() if key != "raw"} | {"request": text}
        for line, text in zip(found, ["two", {"prompt": "four"}], strict=True)
    ]
    engine.drop("b.jsonl", b"".join(json.dumps(line).encode() + b"\n" for line in corrected))
    engine.run_to_end()
    rows, merged = put_together(engine, "answers", "a", "b")
    assert [row["line"] for row in rows] == [1, 2, 3, 4]
    assert [word in str(row["text"]) for row, word in zip(rows, ("one", "two", "three", "four"), strict=True)]
    assert [row["custom_id"] for row in rows] == [f"line-{number:06d}" for number in (1, 2, 3, 4)]
    assert (merged.replaced, merged.unanswered) == (2, 0)


def correct(line: dict[str, object], text: str) -> bytes:
    """Put what is asked into the place of what could not be read, as answers.md tells."""
    rest = {key: value for key, value in line.items() if key != "raw"}
    return json.dumps(rest | {"request": {"prompt": text}}).encode() + b"\n"


def test_what_is_skipped_again_keeps_its_place_in_the_first_file(start: Start, sandbox: Sandbox) -> None:
    """Else its answer would take another's place in the end; it is shown as it was, not wrapped."""
    sandbox.outcome("worm", "expired", times=2)
    engine = start(max_attempts=1, bad_lines="skip", output=["rows", "answers"])
    engine.drop(
        "a.jsonl", b'"one"\n{oops\n"worm"\n"four"\n{"prompt": 5}\n{"custom_id": "six", "prompt": 6}\n'
    )
    engine.run_to_end()
    first = again(engine, "a")
    engine.drop("b.jsonl", first)
    engine.run_to_end()
    found = engine.rows("b", "errors")
    assert [row["line"] for row in found] == [2, 3, 5, 6]
    assert [row.get("raw") for row in found] == [
        "{oops",
        None,
        '{"prompt": 5}',
        '{"custom_id": "six", "prompt": 6}',
    ]
    assert [row.get("request") for row in found] == [None, "worm", None, None]
    assert engine.rows("b", "answers")[2]["line"] == 3  # of the file that was dropped
    slip = correct(found[2], "five").replace(b'"request": {', b'"request": ')
    engine.drop("c.jsonl", correct(found[0], "two") + again(engine, "b").splitlines(True)[1] + slip)
    engine.run_to_end()
    (left,) = engine.rows("c", "errors")
    assert (left["line"], left["raw"]) == (5, slip.decode().rstrip())
    engine.drop("d.jsonl", correct(left, "five"))
    engine.run_to_end()
    rows, merged = put_together(engine, "answers", "a", "b", "c", "d")
    assert [row["line"] for row in rows if row["status"] == "succeeded"] == [1, 2, 3, 4, 5]
    texts = [str(row["text"]) for row in rows]
    assert all(
        word in text for word, text in zip(("one", "two", "worm", "four", "five"), texts[:5], strict=True)
    )
    assert (merged.replaced, merged.answered_twice, merged.unanswered) == (3, 0, 1)


def test_what_fails_once_more_keeps_its_id_when_it_is_left_out(start: Start, sandbox: Sandbox) -> None:
    """A correction that is wrong itself: the id stands beside it still."""
    sandbox.outcome("worm", "errored", error_type="invalid_request_error", message="no")
    engine = start(bad_lines="skip")
    engine.drop("a.jsonl", b'"one"\n{"custom_id": "two", "prompt": "worm"}\n')
    engine.run_to_end()
    (line,) = engine.rows("a", "errors")
    engine.drop("b.jsonl", json.dumps(line | {"request": {"prompt": ""}}).encode() + b'\n"good"\n')
    engine.run_to_end()
    (left,) = engine.rows("b", "errors")
    assert (left["line"], left["custom_id"], left["raw"]) == (2, "two", '{"prompt": ""}')
    engine.drop("c.jsonl", correct(left, "two"))
    engine.run_to_end()
    assert [row["custom_id"] for row in engine.rows("c")] == ["two"]


def test_lines_dropped_back_uncorrected_are_told_so(start: Start) -> None:
    """What can be asked is not asked before the rest was corrected; each line is named."""
    engine = start(bad_lines="skip")
    engine.drop("a.jsonl", b'{oops\n"two"\n{"prompt": ""}\n')
    engine.run_to_end()
    engine.drop("b.jsonl", again(engine, "a") + b'"good"\n')
    engine.run_to_end()
    engine.drop("c.jsonl", again(engine, "b"))
    engine.run_to_end()
    receipt = engine.receipt("c")
    assert (receipt["status"], receipt["requests"]) == ("rejected", 0)
    assert [mistake["line"] for mistake in receipt["mistakes"]] == [1, 2]
    told = "this line of an errors file was not corrected: "
    problems = [mistake["problem"] for mistake in receipt["mistakes"]]
    assert [
        one.startswith(f"{told}{why}") for one, why in zip(problems, ("not JSON", "the prompt"), strict=True)
    ]
    assert all(one.count(told) == 1 for one in problems)
    assert all('"request"' in mistake["fix"] for mistake in receipt["mistakes"])


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_what_came_to_nothing_as_a_whole_can_be_dropped_again(
    start: Start, sandbox: Sandbox, status: str
) -> None:
    """Refused by the API in one piece, or canceled before it was sent."""
    engine = start()
    if status == "failed":
        sandbox.order("create", "refuse", status=400, error_type="invalid_request_error", message="no")
        engine.drop("a.jsonl", FORMS)
    else:
        sandbox.order("create", "refuse", status=529, times=3)
        engine.drop("a.jsonl", FORMS)
        engine.run_until(engine.is_in("ready"))
        engine.ask("cancel", engine.manifests()[0].job)
    engine.run_to_end()
    assert engine.receipt("a")["status"] == status
    engine.drop("b.jsonl", again(engine, "a"))
    engine.run_to_end()
    rows, merged = put_together(engine, "results", "a", "b")
    assert [row["custom_id"] for row in rows] == IDS
    assert (merged.replaced, merged.unanswered) == (5, 0)
