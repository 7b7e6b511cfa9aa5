"""`drop` where a marker is required: the file is taken, wherever that is said."""

from pathlib import Path

import pytest

from tests.support.daemon import Box, request

SAID = {
    "nowhere": ({}, "", []),
    "in the environment": ({"BATCHBOX_REQUIRE_OK": "true"}, "", []),
    "in the spool's settings": ({}, "require_ok = true\n", []),
    "for its queue": ({}, "[queue.nightly]\nrequire_ok = true\n", []),
    "in another file": ({}, "", ["--config", "other.toml"]),
}


@pytest.mark.parametrize("said", SAID)
def test_what_drop_drops_is_taken(box: Box, tmp_path: Path, said: str) -> None:
    """Only the daemon knows whether it requires a marker, so there always is one, and none stays."""
    environment, settings, arguments = SAID[said]
    (box.root / "batchbox.toml").write_text(settings)
    (tmp_path / "other.toml").write_text("require_ok = true\n")
    arguments = [str(tmp_path / one) if one.endswith(".toml") else one for one in arguments]
    file = tmp_path / "a.jsonl"
    file.write_bytes(request("a"))
    assert box.command("drop", str(file), "--queue", "nightly").returncode == 0
    done = box.command("run", "--until-idle", *arguments, **environment)
    assert done.returncode == 0, done.stderr
    receipt = box.receipt("a", "nightly")
    assert receipt
    assert receipt["status"] == "succeeded"
    assert not list((box.root / "inbox" / "nightly").iterdir())


def test_a_file_that_was_taken_at_once_leaves_no_marker(box: Box, tmp_path: Path) -> None:
    """A running daemon may be quicker than the marker."""
    file = tmp_path / "a.jsonl"
    file.write_bytes(request("a"))
    with box.running():
        for _ in range(3):
            assert box.command("drop", str(file), "--wait").returncode == 0
            assert not list((box.root / "inbox").glob("a*"))


def test_a_file_that_others_may_write_to_keeps_its_marker(box: Box) -> None:
    """It is replaced by a private copy before it is checked: that is no change."""
    file = box.drop("a.jsonl", request("a"))
    file.chmod(0o666)
    file.with_name("a.jsonl.ok").touch()
    assert box.command("run", "--until-idle").returncode == 0
    receipt = box.receipt("a")
    assert receipt
    assert receipt["status"] == "succeeded", receipt["message"]
