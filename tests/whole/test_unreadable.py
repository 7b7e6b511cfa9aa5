"""A file that the daemon may not read: it stays, and status tells the fix."""

import os
import shutil
import subprocess

import pytest

from tests.support.daemon import PROGRAM, Box, request, wait_for

NOBODY = 65534
WITHOUT_POWERS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, to give a file to another user"
)
def test_an_unreadable_file_stays_with_the_fix(box: Box) -> None:
    """Another user's private file is left where it is; made readable, it is taken by itself."""
    private = box.drop("private.jsonl", request("a"))
    private.chmod(0o600)
    os.chown(private, NOBODY, NOBODY)
    process = subprocess.Popen([*WITHOUT_POWERS, *PROGRAM, "run"], env=box.env(), stderr=subprocess.DEVNULL)
    try:
        found = wait_for(lambda: box.waiting("private.jsonl"), "the reason why it waits")
        assert "cannot be read" in found["problem"]
        assert "mode 0600" in found["problem"]
        assert "chmod" in found["fix"]
        private.chmod(0o644)
        assert box.await_receipt("private")["status"] == "succeeded"
    finally:
        process.kill()
        process.wait()
