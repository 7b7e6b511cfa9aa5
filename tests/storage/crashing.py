"""A whole life of a job in small, and a process that dies before its n-th operation on the disk."""

import builtins
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from batchbox.domain.job import Manifest
from batchbox.domain.records import Input, Output
from batchbox.domain.states import JobState
from batchbox.ports.storage import Stored
from batchbox.storage.local.local_spool import LocalSpool
from tests.storage.support import CRASHED, fork, make_manifest, reap

OPERATIONS = ("mkdir", "rmdir", "rename", "replace", "link", "unlink", "fsync", "open")
RESULTS = b"row\n" * 5_000
RECEIPT = b'{"status": "succeeded"}\n'
DAY = "2026-01-02"


def crash_before(number: int) -> None:
    """Let this process die just before its *number*-th operation on the disk. For children only."""
    counter = count(1)

    def wrapped(operation: Callable[..., Any]) -> Callable[..., Any]:
        def perform(*arguments: Any, **named: Any) -> Any:
            if next(counter) == number:
                os._exit(CRASHED)
            return operation(*arguments, **named)

        return perform

    for name in OPERATIONS:
        setattr(os, name, wrapped(getattr(os, name)))
    builtins.open = wrapped(builtins.open)


def run_until(number: int, root: Path, epoch: int = 1) -> bool:
    """Work the spool in a child that dies before operation *number*; say whether it got to the end."""

    def work() -> None:
        spool = LocalSpool(root, epoch)
        crash_before(number)
        work_through(spool)

    code = reap(fork(work))
    assert code in {0, CRASHED}, f"the child ended with {code}"
    return code == 0


def work_through(spool: LocalSpool) -> None:
    """Do what a daemon does with all that it finds, from wherever that was broken off."""
    for job in spool.jobs():
        stored = spool.load(job)
        if stored:
            advance(spool, stored)
    for incoming in spool.scan():
        names = (f"20260102T030405Z-{number:012x}" for number in count())
        job = next(name for name in names if not spool.layout.job(name).exists())
        stored = spool.take(incoming, make_manifest(job, incoming.name))
        if stored:
            advance(spool, stored)


def pass_checks(job: Manifest) -> Manifest:
    """Return *job* as it is once it was checked; it has no parts."""
    found = Input(requests=0, bytes=0, sha256="")
    return job.checked(found=found, problems=(), total=0, parts=(), at="")


def advance(spool: LocalSpool, stored: Stored) -> None:
    """Bring one job to its end."""
    job = stored.manifest.job
    if stored.manifest.state is JobState.TAKEN:
        stored = spool.save(pass_checks(stored.manifest), stored.version)
    if stored.manifest.state is JobState.RUNNING:
        outputs = tuple(write(spool, stored.manifest, *one) for one in (("results.jsonl", RESULTS),))
        outputs += (write(spool, stored.manifest, "receipt.json", RECEIPT),)
        stored = spool.save(stored.manifest.finished("succeeded").sealed(outputs, ""), stored.version)
    if stored.manifest.state is JobState.PUBLISHING:
        for output in stored.manifest.outputs:
            spool.publish(stored.manifest, output)
        stored = spool.save(stored.manifest.published(), stored.version)
    assert stored.manifest.job == job
    spool.retire(stored.manifest, DAY)


def write(spool: LocalSpool, manifest: Manifest, name: str, content: bytes) -> Output:
    """Write an output of the job's; return what its manifest says of it."""
    with spool.create(manifest.job, name) as file:
        file.write(content[: len(content) // 2])
        file.flush()
        os.fsync(file.fileno())  # noqa: TID251  one more place to die: in the middle of the content
        file.write(content[len(content) // 2 :])
    size, sha256 = spool.describe(manifest.job, name)
    return Output(folder="outbox", name=f"{manifest.stem}.{name}", source=name, size=size, sha256=sha256)
