"""What has to hold at the end of every scenario, whatever happened in it."""

import base64
import hashlib
import json
from collections import Counter
from typing import Any

from batchbox.domain.job import Manifest
from batchbox.domain.states import PartState
from batchbox_sandbox.remote import Sandbox
from tests.support.engine import Engine


def check_promises(engine: Engine, sandbox: Sandbox, held: int = 0) -> None:
    """Check everything at once. *held*: how many jobs a person has to decide."""
    jobs = engine.manifests("done")
    assert len(engine.manifests("hold")) == held
    assert not list((engine.root / "work").iterdir()), "something is left in work/"
    receipts = list((engine.root / "outbox").glob("**/*.receipt.json"))
    assert len(jobs) == len(receipts), "not one receipt for each finished job"
    assert len({(job.source.queue, job.stem) for job in jobs}) == len(jobs)
    for job in jobs:
        check_outputs(engine, job)
    check_paid_once(engine, sandbox)


def check_outputs(engine: Engine, job: Manifest) -> None:
    """Hold the outputs of *job* against the file that was dropped."""
    queue = "" if job.source.queue == "default" else job.source.queue
    content = engine.dropped[queue, base64.b64decode(job.source.name_b64).decode(errors="surrogateescape")]
    receipt = engine.receipt(job.stem, queue)
    assert job.input
    assert (receipt["status"], receipt["job"]) == (job.status, job.job)
    assert receipt["input"]["sha256"] == job.input.sha256
    for output in receipt["outputs"]:
        data = (engine.root / output["folder"] / queue / output["name"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (output["size"], output["sha256"])
    if job.status == "rejected":
        assert [output["folder"] for output in receipt["outputs"]] == ["rejected"]
        assert receipt["outputs"][0]["sha256"] == hashlib.sha256(content).hexdigest()
        return
    check_rows(engine, job, receipt, content, queue)


def check_rows(engine: Engine, job: Manifest, receipt: dict[str, Any], content: bytes, queue: str) -> None:
    """Rows in = rows out, in order, with the producer's own ids; what failed stands in errors, in order."""
    results = engine.rows(job.stem, "results", queue)
    has_errors = engine.path(job.stem, "errors.jsonl", queue).exists()
    errors = engine.rows(job.stem, "errors", queue) if has_errors else []
    skipped = {row["line"] for row in errors if row["reason"]["outcome"] == "skipped"}
    expected = [own for number, own in ids_of(content) if number not in skipped]
    assert [row["custom_id"] for row in results] == expected
    assert all(row.keys() == {"custom_id", "result"} for row in results)
    failed = [row["custom_id"] for row in results if row["result"]["type"] != "succeeded"]
    assert [row["custom_id"] for row in errors if row["line"] not in skipped] == failed
    lines = [row["line"] for row in errors]
    assert lines == sorted(set(lines))
    outcomes = Counter(row["result"]["type"] for row in results)
    counts = {name: number for name, number in receipt["counts"].items() if number and name != "skipped"}
    assert counts == dict(outcomes)
    assert (receipt["requests"], receipt["counts"]["skipped"]) == (len(results), len(skipped))
    assert (receipt["status"] == "succeeded") == (not errors)


def ids_of(content: bytes) -> list[tuple[int, str]]:
    """Return line number and the producer's own id of each request line; read on its own, naively."""
    found = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if line.strip():
            found.append((number, _id_of(line) or f"line-{number:06d}"))
    return found


def _id_of(line: bytes) -> str | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    if not isinstance(row, dict):
        return None
    inner = row.get("request")
    own = inner.get("custom_id") if isinstance(inner, dict) else None
    if "reason" in row and "line" in row:  # it comes from an errors file, and keeps the number it had there
        return own or row.get("custom_id") or f"line-{row['line']:06d}"
    return own or row.get("custom_id")


def check_paid_once(engine: Engine, sandbox: Sandbox) -> None:
    """Every batch that was accepted is one part's, by its nonce, and no part has two."""
    parts = [part for folder in ("work", "hold", "done") for part in engine.parts(folder)]
    owners = {part.nonce: part for part in parts}
    assert len(owners) == len(parts), "two parts have one nonce"
    paid: list[str] = []
    for batch in sandbox.batches():
        if batch["stranger"]:
            continue
        nonces = {wire_id.rpartition("-")[2] for wire_id in batch["custom_ids"]}
        assert len(nonces) == 1, "a batch carries two nonces"
        nonce = nonces.pop()
        assert nonce in owners, "a batch was paid that no manifest knows"
        part = owners[nonce]
        assert part.batch_id in (batch["id"], None)
        assert (part.requests, part.bytes, part.crc32) == (batch["count"], batch["bytes"], batch["crc32"])
        paid.append(nonce)
    assert len(paid) == len(set(paid)), "a part was paid twice"
    collected = {part.nonce for part in parts if part.state is PartState.COLLECTED}
    assert collected <= set(paid)
    refused = {part.nonce for part in parts if part.state is PartState.REFUSED}
    assert not refused & set(paid), "a refused part was paid"
