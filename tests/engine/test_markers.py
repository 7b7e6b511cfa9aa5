"""`NAME.jsonl.ok`: a file is taken once somebody vouches for it, and only if it is what they say."""

import hashlib
import json
import os
from pathlib import Path
from typing import cast

import pytest

from batchbox.ports.storage import Spool
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Log, Start, health, told
from tests.engine.promises import check_promises
from tests.engine.test_cancel_files import Watched
from tests.engine.test_crash import Fuse, run_killed
from tests.support.daemon import request
from tests.support.engine import Engine

TWO = request("a") + request("b")


def mark(engine: Engine, content: bytes = b"", name: str = "a.jsonl.ok", queue: str = "") -> Path:
    """Put a marker beside a file, later than it by the clock of the file system."""
    path = engine.root / "inbox" / queue / name
    before = os.stat(path.with_suffix("")).st_ctime_ns
    path.write_bytes(content)
    while os.stat(path).st_ctime_ns < before:
        path.touch()
    return path


def waiting(engine: Engine) -> list[str]:
    return [one["problem"] for one in health(engine)["waiting"]]


def test_a_file_waits_for_its_marker(start: Start, sandbox: Sandbox, log: Log) -> None:
    """Status says so at once, the log after a long time; with its marker it is taken, and that is gone."""
    engine = start(require_ok=True)
    engine.drop("a.jsonl", TWO)
    engine.run_for(70)
    assert waiting(engine) == ["waits for its marker a.jsonl.ok"]
    assert not told(log, "file.waiting")
    engine.run_for(700)
    assert waiting(engine) == ["is still waiting for its marker a.jsonl.ok"]
    assert "empty file a.jsonl.ok beside it" in told(log, "file.waiting")[0]["fix"]
    path = mark(engine)
    engine.run_until(lambda: engine.is_done() and engine.manifests("done"))
    assert engine.receipt("a")["status"] == "succeeded"
    assert not path.exists()
    check_promises(engine, sandbox)


def test_what_is_vouched_for_needs_no_last_newline(start: Start, sandbox: Sandbox) -> None:
    """The marker says that it is whole."""
    engine = start(require_ok=True)
    engine.drop("a.jsonl", TWO[:-1])
    mark(engine, b'{"lines": 2}')
    engine.run_until(lambda: engine.path("a", "receipt.json").exists())
    assert engine.receipt("a")["status"] == "succeeded"
    assert len(sandbox.batches()) == 1


def test_one_that_is_still_being_written_is_not_taken(start: Start, sandbox: Sandbox) -> None:
    """Whatever its marker says."""
    engine = start(require_ok=True)
    engine.drop("a.jsonl", TWO)
    if engine.ctx.spool.examine(engine.ctx.spool.scan()[0]).writer != "none":
        pytest.skip("writers cannot be seen here")
    with (engine.root / "inbox" / "a.jsonl").open("ab"):
        mark(engine)
        engine.run_for(100)
        assert waiting(engine) == ["is still open for writing"]
    assert not sandbox.batches()
    engine.run_until(lambda: engine.path("a", "receipt.json").exists())


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"lines": 3}, "a.jsonl.ok says 3 lines, the file has 2"),
        ({"bytes": 7}, f"a.jsonl.ok says 7 bytes, the file has {len(TWO):,}"),
        ({"sha256": "ab" * 32}, f"says SHA-256 {'ab' * 32}, the file has {hashlib.sha256(TWO).hexdigest()}"),
        ("whole", "a.jsonl.ok holds what is neither JSON nor the lines of sha256sum"),
        ({"count": 2}, 'a.jsonl.ok says "count": 2, which means nothing here'),
    ],
)
@pytest.mark.parametrize("require_ok", [True, False])
def test_what_does_not_match_is_refused(
    start: Start, sandbox: Sandbox, content: object, problem: str, require_ok: bool
) -> None:
    """With both figures, also where nobody requires a marker: who puts one there means it."""
    engine = start(queue={"nightly": {"require_ok": require_ok}})
    engine.drop("a.jsonl", TWO, "nightly")
    mark(engine, (content if isinstance(content, str) else json.dumps(content)).encode(), queue="nightly")
    engine.run_until(lambda: engine.path("a", "receipt.json", "nightly").exists())
    engine.run_to_end()
    receipt = engine.receipt("a", "nightly")
    assert receipt["status"] == "rejected"
    assert problem in receipt["mistakes"][0]["problem"]
    assert "drop" in receipt["mistakes"][0]["fix"]
    assert (engine.root / "rejected" / "nightly" / "a.jsonl").read_bytes() == TWO
    assert not sandbox.batches()
    assert not list((engine.root / "inbox" / "nightly").iterdir())


def test_what_matches_is_taken(start: Start) -> None:
    """All three facts at once, or what sha256sum prints."""
    engine = start(require_ok=True)
    digest = hashlib.sha256(TWO).hexdigest()
    for stem, content in (
        ("a", json.dumps({"lines": 2, "bytes": len(TWO), "sha256": digest})),
        ("b", f"{digest}  b.jsonl\n{'0' * 64}  c.jsonl\n"),
    ):
        engine.drop(f"{stem}.jsonl", TWO)
        mark(engine, content.encode(), f"{stem}.jsonl.ok")
        engine.run_until(lambda stem=stem: engine.path(stem, "receipt.json").exists())  # type: ignore[misc]
        assert engine.receipt(stem)["status"] == "succeeded"


def test_a_marker_of_an_earlier_file_vouches_for_nothing(start: Start, sandbox: Sandbox) -> None:
    """It has to come after the file: one that was left over is told of, and a new one counts."""
    engine = start(require_ok=True)
    engine.drop("a.jsonl", b"")
    mark(engine)
    while os.stat(engine.root / "inbox" / "a.jsonl").st_ctime_ns <= _ctime(engine):
        engine.drop("a.jsonl", TWO)
    engine.run_for(70)
    assert waiting(engine) == ["has changed since its marker a.jsonl.ok was put there"]
    assert not sandbox.batches()
    mark(engine)
    engine.run_until(lambda: engine.path("a", "receipt.json").exists())


def _ctime(engine: Engine) -> int:
    return os.stat(engine.root / "inbox" / "a.jsonl.ok").st_ctime_ns


def test_what_is_wanted_no_more_needs_no_marker(start: Start, sandbox: Sandbox) -> None:
    """A file that waits for one can be canceled."""
    engine = start(require_ok=True)
    engine.drop("a.jsonl", TWO)
    engine.drop("a.jsonl.cancel", b"")
    engine.run_until(lambda: engine.path("a", "receipt.json").exists())
    assert engine.receipt("a")["status"] == "canceled"
    assert not sandbox.batches()


def test_a_marker_that_is_no_file_vouches_for_nothing(start: Start, sandbox: Sandbox) -> None:
    """A link is not followed."""
    engine = start(require_ok=True)
    engine.drop("a.jsonl", TWO)
    (engine.root / "inbox" / "a.jsonl.ok").symlink_to("/dev/null")
    engine.run_for(70)
    assert waiting(engine) == ["waits: its marker a.jsonl.ok is a symbolic link, not a file"]
    assert not sandbox.batches()


def test_an_older_marker_is_none_where_nobody_requires_one(start: Start) -> None:
    """What was left over keeps no file waiting, and is not held against it."""
    engine = start()
    engine.drop("a.jsonl", b"")
    path = mark(engine, b'{"lines": 9}')
    while os.stat(engine.root / "inbox" / "a.jsonl").st_ctime_ns <= _ctime(engine):
        engine.drop("a.jsonl", TWO)
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "succeeded"
    assert path.exists()


def test_killed_after_everything_it_does(tmp_path: Path, sandbox: Sandbox) -> None:
    """Whatever was the last thing done: taken once, its marker gone, and no later file taken by that."""
    later = TWO + request("c")
    for length in range(1, 200):
        sandbox.reset()
        fuse = Fuse()
        engine = Engine(
            tmp_path / str(length),
            sandbox.url,
            settings={"require_ok": True},
            wrap_spool=lambda spool, fuse=fuse: cast("Spool", Watched(spool, fuse)),  # type: ignore[misc]
        )
        engine.drop("a.jsonl", TWO)
        path = mark(engine, b'{"lines": 2}')
        fuse.left = length
        was_killed = run_killed(engine, fuse)
        fuse.left = float("inf")
        assert not (engine.root / "inbox" / "a.jsonl").exists()
        engine.drop("a.jsonl", later)
        engine.run_until(lambda: engine.path("a", "receipt.json").exists() and not engine.manifests())  # noqa: B023
        left = (engine.root / "inbox" / "a.jsonl").read_bytes()
        assert left == later, "a later file was taken by the marker of an earlier one"
        assert engine.receipt("a")["status"] == "succeeded"
        assert not path.exists()
        assert len(sandbox.batches()) == 1
        engine.close()
        if not was_killed:
            assert length > 5
            return
    raise AssertionError("the run never ended")
