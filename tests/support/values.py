"""Plain values that several tests of the core are made of."""

from collections.abc import Mapping
from typing import Any

from batchbox.domain.batch import Batch
from batchbox.domain.job import Manifest
from batchbox.domain.part import Part
from batchbox.domain.records import Input, Owner, Problem, SourceFile
from batchbox.domain.states import JobState, PartState
from batchbox.formats.request_lines import Defaults, Request, read_line

NONCE = "abcdefgh2345"
DEFAULTS = Defaults({"model": b'"m-default"', "max_tokens": b"64"})
PARAMS = '{"model":"m","max_tokens":1,"messages":[]}'


def read(text: str | bytes, number: int = 7, defaults: Defaults = DEFAULTS) -> Request:
    """Return the request in a line that is good."""
    found = read_line(number, text.encode() if isinstance(text, str) else text, defaults)
    assert isinstance(found, Request), found
    return found


def complain(text: str | bytes, number: int = 7) -> Problem:
    """Return the complaint about a line that is not."""
    found = read_line(number, text.encode() if isinstance(text, str) else text, DEFAULTS)
    assert isinstance(found, Problem), found
    return found


def make_part(state: PartState = PartState.READY, number: int = 1, **facts: Any) -> Part:
    """Return a part of two requests in *state*."""
    usual = {"nonce": NONCE, "requests": 2, "bytes": 10, "crc32": 0}
    return Part(number=number, state=state, **{**usual, **facts})


def make_job(*parts: Part, job: str = "job-1", state: JobState = JobState.RUNNING, **facts: Any) -> Manifest:
    """Return a job with these parts."""
    usual: Mapping[str, Any] = {
        "spool_id": "s",
        "epoch": 1,
        "owner": Owner(host="h", boot_id="b", pid=1),
        "source": SourceFile(name="a.jsonl", name_b64="YS5qc29ubA==", queue="", size=9, inode=3, mtime_ns=5),
        "stem": "a",
        "input": Input(lines=2, requests=2, bytes=9, sha256="1" * 64),
        "taken_at": "2025-01-01T00:00:00Z",
    }
    return Manifest(job=job, state=state, parts=parts, **{**usual, **facts})


def make_batch(batch_id: str = "b-1", ended: bool = True) -> Batch:
    """Return a batch of two requests."""
    return Batch(batch_id, ended, total=2, created_at="2025-01-01T00:00:00Z")
