"""Whole jobs from the inbox to the outbox, with nothing in their way."""

import json

from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine, prompts


def test_one_file(engine: Engine, sandbox: Sandbox) -> None:
    """A file of requests comes back answered, in order, under its own ids, with a receipt."""
    ids = ["b", "a", "long-" + "x" * 60, "odd id/é", "17"]
    engine.drop("one.jsonl", b"".join(request(one) for one in ids))
    engine.run_to_end()
    receipt = engine.receipt("one")
    assert receipt["status"] == "succeeded"
    assert [row["custom_id"] for row in engine.rows("one")] == ids
    assert receipt["batches"] == [batch["id"] for batch in sandbox.batches()]
    for row, own in zip(engine.rows("one"), ids, strict=True):
        assert f"question {own}" in row["result"]["message"]["content"][0]["text"]
    check_promises(engine, sandbox)


def test_four_forms(engine: Engine, sandbox: Sandbox) -> None:
    """A request, bare params, a shorthand and a bare prompt may stand in one file, with blanks and CRLF."""
    bare = {"model": "claude-haiku-5-5", "max_tokens": 5, "messages": [{"role": "user", "content": "bare"}]}
    short = {"custom_id": "mine", "prompt": "short", "max_tokens": 7}
    lines = [request("whole").strip(), json.dumps(bare).encode(), b"", json.dumps(short).encode(), b'"naked"']
    engine.drop("forms.jsonl", b"\xef\xbb\xbf" + b"\r\n".join(lines) + b"\r\n")
    engine.run_to_end()
    rows = engine.rows("forms")
    assert [row["custom_id"] for row in rows] == ["whole", "line-000002", "mine", "line-000005"]
    models = [row["result"]["message"]["model"] for row in rows]
    assert models == ["claude-sonnet-5-5", "claude-haiku-5-5", "claude-sonnet-5-5", "claude-sonnet-5-5"]
    check_promises(engine, sandbox)


def test_parts(start: Start, sandbox: Sandbox) -> None:
    """A file too large for one batch goes out in several and comes back as one."""
    engine = start(max_part_requests=3)
    engine.drop("parts.jsonl", b"".join(request(f"q{n}") for n in range(10)))
    engine.run_to_end()
    assert [batch["count"] for batch in sandbox.batches()] == [3, 3, 3, 1]
    assert len(engine.receipt("parts")["batches"]) == 4
    check_promises(engine, sandbox)


def test_parts_by_bytes(start: Start, sandbox: Sandbox) -> None:
    """No body is larger than allowed."""
    engine = start(max_part_bytes=600)
    engine.drop("bytes.jsonl", prompts(*("x" * (10 * n) for n in range(1, 12))))
    engine.run_to_end()
    sizes = [batch["bytes"] for batch in sandbox.batches()]
    assert len(sizes) > 3
    assert max(sizes) <= 600
    check_promises(engine, sandbox)


def test_queue_defaults(start: Start, sandbox: Sandbox) -> None:
    """A queue fills in its own defaults and has an outbox of its own."""
    engine = start(queue={"fast": {"model": "claude-haiku-5-5", "system": "Be brief.", "max_tokens": 9}})
    engine.drop("same.jsonl", prompts("one"))
    engine.drop("same.jsonl", prompts("two"), "fast")
    engine.run_to_end()
    (usual,), (fast,) = engine.rows("same"), engine.rows("same", queue="fast")
    assert usual["result"]["message"]["model"] == "claude-sonnet-5-5"
    assert fast["result"]["message"]["model"] == "claude-haiku-5-5"
    assert "a system prompt" in fast["result"]["message"]["content"][0]["text"]
    assert (engine.receipt("same")["queue"], engine.receipt("same", "fast")["queue"]) == ("default", "fast")
    check_promises(engine, sandbox)


def test_rejected(engine: Engine, sandbox: Sandbox) -> None:
    """A file with a mistake is not sent at all; it comes back byte for byte, with line and fix."""
    engine.drop("bad.jsonl", request("good") + b'{"custom_id": "x", "params": {}}\n')
    engine.drop("good.jsonl", request("good"))
    engine.run_to_end()
    receipt = engine.receipt("bad")
    assert (receipt["status"], receipt["requests"]) == ("rejected", 0)
    assert [mistake["line"] for mistake in receipt["mistakes"]] == [2]
    assert receipt["mistakes"][0]["fix"]
    assert len(sandbox.batches()) == 1
    assert engine.receipt("good")["status"] == "succeeded"
    check_promises(engine, sandbox)


def test_skip_and_correct(start: Start, sandbox: Sandbox) -> None:
    """With skip, good lines go and bad ones land in errors; that file, corrected, can be dropped as it is."""
    engine = start(bad_lines="skip")
    sandbox.outcome("question b", "errored", error_type="invalid_request_error", message="no")
    engine.drop("mixed.jsonl", b"nonsense\n" + request("a") + b"[1]\n" + request("b") + b'{"prompt": 5}\n')
    engine.run_to_end()
    errors = engine.rows("mixed", "errors")
    assert [row["line"] for row in errors] == [1, 3, 4, 5]
    assert [row["reason"]["outcome"] for row in errors] == ["skipped", "skipped", "errored", "skipped"]
    assert (engine.receipt("mixed")["status"], engine.receipt("mixed")["counts"]["skipped"]) == ("partial", 3)
    for row in errors:
        if "raw" in row:
            row["request"] = f"corrected {row.pop('raw')}"
    corrected = b"".join(json.dumps(row).encode() + b"\n" for row in errors)
    engine.drop("mixed.errors.jsonl", corrected)
    engine.run_to_end()
    rows = engine.rows("mixed.errors")
    assert [row["custom_id"] for row in rows] == ["line-000001", "line-000003", "b", "line-000005"]
    assert engine.receipt("mixed.errors")["status"] == "succeeded"
    check_promises(engine, sandbox)


def test_all_lines_skipped(start: Start, sandbox: Sandbox) -> None:
    """Where nothing is left to send, the file is rejected and nothing is paid."""
    engine = start(bad_lines="skip")
    engine.drop("none.jsonl", b"nonsense\nmore\n")
    engine.run_to_end()
    assert engine.receipt("none")["status"] == "rejected"
    assert sandbox.batches() == []
    check_promises(engine, sandbox)


def test_same_name_while_in_flight(start: Start, slow: Sandbox) -> None:
    """A second file of a name gets a stem of its own, whether the first is under way or done."""
    engine = start(on=slow)
    contents = [request("first"), request("second"), request("third")]
    engine.drop("twin.jsonl", contents[0])
    engine.run_until(engine.is_in("submitted"))
    engine.drop("twin.jsonl", contents[1])
    engine.run_until(lambda: engine.states() == ["submitted"] * 2)
    slow.end()
    engine.run_to_end()
    engine.drop("twin.jsonl", contents[2])
    engine.run_until(engine.is_in("submitted"))
    slow.end()
    engine.run_to_end()
    own = [engine.rows(stem)[0]["custom_id"] for stem in ("twin", "twin~2", "twin~3")]
    assert own == ["first", "second", "third"]
    assert len(slow.batches()) == 3


def test_name_is_taken_at_the_last_moment(start: Start, slow: Sandbox) -> None:
    """What a person put into the outbox meanwhile is not overwritten."""
    engine = start(on=slow)
    engine.drop("mine.jsonl", request("a"))
    engine.run_until(engine.is_in("submitted"))
    engine.path("mine", "results.jsonl").write_text("a person's own\n")
    slow.end()
    engine.run_to_end()
    assert engine.path("mine", "results.jsonl").read_text() == "a person's own\n"
    assert engine.receipt("mine~2")["status"] == "succeeded"
    check_promises(engine, slow)


def test_naming_by_job(start: Start, sandbox: Sandbox) -> None:
    """With naming by job, no name can ever come twice."""
    engine = start(naming="job")
    engine.drop("n.jsonl", prompts("one"))
    engine.run_to_end()
    engine.drop("n.jsonl", prompts("one"))
    engine.run_to_end()
    jobs = engine.manifests("done")
    assert {job.stem for job in jobs} == {f"n.{job.job}" for job in jobs}
    assert len(jobs) == 2
    check_promises(engine, sandbox)


def test_unknown_result_type(engine: Engine, sandbox: Sandbox) -> None:
    """A kind of result that does not exist yet passes through, counted and listed with what failed."""
    sandbox.outcome("question b", "unknown_type")
    engine.drop("new.jsonl", request("a") + request("b"))
    engine.run_to_end()
    assert engine.rows("new")[1]["result"] == {"type": "sandbox_unknown_type"}
    assert engine.receipt("new")["counts"]["sandbox_unknown_type"] == 1
    assert [row["custom_id"] for row in engine.rows("new", "errors")] == ["b"]
    check_promises(engine, sandbox)
