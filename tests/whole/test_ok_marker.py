"""`drop` where a marker is required: it vouches for what it drops."""

import hashlib

from batchbox.domain.ok_files import Confirmed, read_ok_file
from tests.support.daemon import Box, request


def test_drop_puts_the_marker_where_it_is_required(box: Box) -> None:
    """With the digest; nowhere else, and not by settings that cannot be read."""
    settings = box.root / "batchbox.toml"
    file = box.root.parent / "a.jsonl"
    file.write_bytes(request("a"))
    marker = box.root / "inbox" / "nightly" / "a.jsonl.ok"
    for text, is_there in (
        ("require_ok = [", False),
        ("require_ok = true\n[queue.nightly]\nrequire_ok = false\n", False),
        ("[queue.nightly]\nrequire_ok = true\n", True),
    ):
        settings.write_text(text)
        done = box.command("drop", str(file), "--queue", "nightly")
        assert done.returncode == 0, done.stderr
        assert marker.exists() == is_there
        if not is_there:
            (box.root / "inbox" / "nightly" / "a.jsonl").unlink()
    said = read_ok_file(marker.read_bytes(), b"a.jsonl")
    assert said == Confirmed(sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    assert box.command("run", "--until-idle").returncode == 0
    receipt = box.receipt("a", "nightly")
    assert receipt
    assert receipt["status"] == "succeeded"
