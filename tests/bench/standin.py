"""batchbox's own stand-in for the API as a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from batchbox_sandbox.remote import Sandbox
from tests.bench.daemon import DEADLINE, ROOT, clean_environment

FOREVER = 86_000.0  # seconds: no batch ends within a measurement


@contextmanager
def standin(work_seconds: float) -> Iterator[Sandbox]:
    """Run a stand-in whose batches end after *work_seconds*."""
    command = [sys.executable, "-m", "batchbox_sandbox", "--port", "0", "--work-seconds", str(work_seconds)]
    process = subprocess.Popen(
        command, env=clean_environment(), cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert process.stdout
    try:
        said = process.stdout.readline().decode()
        yield Sandbox(said.split()[-1])
    finally:
        process.terminate()
        process.wait(DEADLINE)
        process.stdout.close()


def one_line(text: str = "How high is the Eiffel Tower?") -> bytes:
    """Return a dropped file of one request."""
    return f'"{text}"\n'.encode()
