"""Announce: each receipt has its letters, for as long as the settings want any."""

from pathlib import Path
from typing import cast

from batchbox.ports.storage import Spool
from batchbox.reports.notifications import Notification
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.test_cancel_files import Watched
from tests.engine.test_crash import Fuse, run_killed
from tests.support.daemon import request
from tests.support.engine import Engine

SETTINGS = {
    "notify_command": ["true"],
    "notify_secret_file": "/nowhere",
    "queue": {"web": {"notify_url": "https://example.com/"}},
}


def letters(engine: Engine) -> list[Notification]:
    paths = sorted((engine.root / "state" / "notices").glob("*"))
    found = [Notification.model_validate_json(path.read_bytes()) for path in paths]
    return sorted(found, key=lambda one: (one.output, one.way))


def test_each_receipt_has_a_letter_for_each_who_is_told(start: Start) -> None:
    """Also that of a refused file; it says what the receipt says."""
    engine = start(**SETTINGS)
    heard: list[int] = []
    engine.ctx.announced = lambda: heard.append(len(letters(engine)))
    engine.drop("a.jsonl", request("a"), "web")
    engine.run_to_end()
    engine.drop("wrong.jsonl", b"nonsense\n")
    engine.run_to_end()
    assert heard == [2, 3], "told once they are there"
    assert [(one.way, one.queue, one.output) for one in letters(engine)] == [
        ("command", "web", "a.receipt.json"),
        ("url", "web", "a.receipt.json"),
        ("command", "default", "wrong.receipt.json"),
    ]
    first = letters(engine)[0]
    receipt = engine.receipt("a", "web")
    assert first.data["receipt"] == "a.receipt.json"
    assert first.data["outputs"] == ["outbox/a.results.jsonl", "outbox/a.receipt.json"]
    assert all(first.data[name] == receipt[name] for name in ("status", "message", "counts", "job", "file"))


def test_a_held_file_has_letters_like_those_of_a_receipt(start: Start, sandbox: Sandbox) -> None:
    """The same keys, so that no receiver stumbles; the name of the receipt is that which will come."""
    engine = start(**SETTINGS, max_requests_per_day=2)
    for content in (request("a"), request("a") + request("b")):
        engine.drop("a.jsonl", content)
        engine.run_to_end()
    sent, held = letters(engine)
    assert (held.kind, held.output) == ("held.published", "a~2.held.json")
    assert held.data.keys() == sent.data.keys()
    assert (held.data["status"], held.data["requests"], held.data["cost_usd"]) == ("held", 2, 0.0)
    assert set(held.data["counts"].values()) == {0}
    assert held.data["receipt"] == "a~2.receipt.json"
    assert held.data["outputs"] == ["outbox/a~2.held.json"]
    assert len(sandbox.batches()) == 1


def test_nobody_is_told_where_nobody_is_set(engine: Engine) -> None:
    """Then nothing is written."""
    engine.drop("a.jsonl", request("a"))
    engine.run_to_end()
    assert not (engine.root / "state" / "notices").exists()


def test_killed_after_everything_it_does(tmp_path: Path, sandbox: Sandbox) -> None:
    """No receipt is out at the end without its letter, and none has two."""
    for length in range(1, 100):
        sandbox.reset()
        fuse = Fuse(length)
        engine = Engine(
            tmp_path / str(length),
            sandbox.url,
            settings=SETTINGS,
            wrap_spool=lambda spool, fuse=fuse: cast("Spool", Watched(spool, fuse)),  # type: ignore[misc]
        )
        engine.drop("wrong.jsonl", b"nonsense\n")
        was_killed = run_killed(engine, fuse)
        fuse.left = float("inf")
        engine.run_to_end()
        (letter,) = letters(engine)
        assert letter.id == f"{engine.receipt('wrong')['job']}-receipt"
        engine.close()
        if not was_killed:
            assert length > 4
            return
    raise AssertionError("the run never ended")
