"""What an errors file holds goes on from there: dropped back, its answers find their places."""

import io
import json

import pytest

from batchbox.core.merging import Merged, Rows, Tries, merge
from batchbox.sandbox.remote import Sandbox
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
    tries = Tries([Rows(io.BytesIO(again(engine, stem, kind)), stem) for stem in later])
    merged = merge(Rows(io.BytesIO(again(engine, first, kind)), first), tries, out, add=False)
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
