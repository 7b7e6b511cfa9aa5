"""`NAME.jsonl.cancel` in the inbox: all that was dropped under that name ends, and each answer says so."""

import errno
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from batchbox.ports.storage import Spool
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Log, Start, health, told
from tests.engine.meddling import Meddled, fail
from tests.engine.promises import check_promises
from tests.engine.test_commands import TWO, be_sent, be_undecided, count_posts
from tests.engine.test_crash import Fuse, run_killed
from tests.support.engine import Engine, prompts


def withdraw(engine: Engine, name: str = "a.jsonl.cancel", queue: str = "", content: bytes = b"") -> Path:
    """Ask for an end."""
    engine.drop(name, content, queue)
    return engine.root / "inbox" / queue / name


@pytest.mark.parametrize("ending", [".cancel", ".CANCEL"])
def test_a_running_file_is_ended(start: Start, slow: Sandbox, ending: str) -> None:
    """Its batch is canceled at the API, its receipt says who asked, and what asked is gone."""
    engine = start(on=slow)
    be_sent(engine, slow)
    path = withdraw(engine, "a.jsonl" + ending)
    engine.run_until(lambda: not path.exists())
    engine.run_to_end()
    receipt = engine.receipt("a")
    assert receipt["status"] == "canceled"
    assert f"a.jsonl{ending} asked to cancel it" in receipt["message"]
    assert [path.name for path in (engine.root / "outbox").glob("*.receipt.json")] == ["a.receipt.json"]
    check_promises(engine, slow)


def test_all_of_that_name_are_ended_and_no_others(start: Start, slow: Sandbox) -> None:
    """Two files of one name, that of another queue, another name: the first two end."""
    engine = start(on=slow)
    for name, queue in (("a.jsonl", ""), ("a.jsonl", ""), ("a.jsonl", "nightly"), ("b.jsonl", "")):
        engine.drop(name, TWO, queue)
        engine.run_until(lambda: not list((engine.root / "inbox").glob("**/*.jsonl")))
    engine.run_until(lambda: engine.states() == ["submitted"] * 4)
    path = withdraw(engine)
    engine.run_until(lambda: not path.exists() and len(engine.manifests("done")) == 2)
    assert {engine.receipt(stem)["status"] for stem in ("a", "a~2")} == {"canceled"}
    slow.end()
    engine.run_to_end()
    assert engine.receipt("a", "nightly")["status"] == engine.receipt("b")["status"] == "succeeded"
    check_promises(engine, slow)


def test_one_of_several_is_ended_by_the_name_of_its_answers(start: Start, slow: Sandbox) -> None:
    """`a~2.jsonl.cancel` means the second of two files called a.jsonl."""
    engine = start(on=slow)
    for _ in range(2):
        engine.drop("a.jsonl", TWO)
        engine.run_until(lambda: not list((engine.root / "inbox").glob("*.jsonl")))
    engine.run_until(lambda: engine.states() == ["submitted"] * 2)
    withdraw(engine, "a~2.jsonl.cancel")
    engine.run_until(lambda: engine.path("a~2", "receipt.json").exists())
    slow.end()
    engine.run_to_end()
    assert (engine.receipt("a")["status"], engine.receipt("a~2")["status"]) == ("succeeded", "canceled")


@pytest.mark.parametrize("is_held", [False, True])
def test_the_very_name_is_meant_before_that_of_answers(start: Start, slow: Sandbox, is_held: bool) -> None:
    """Where a file was dropped as `a~2.jsonl`, the second a.jsonl, whose answers are a~2, goes on."""
    engine = start(on=slow, queue={"q": {"max_requests_per_day": 4 if is_held else 9}})
    for number, name in enumerate(("a.jsonl", "a.jsonl", "a~2.jsonl"), 1):
        engine.drop(name, TWO, "q")
        engine.run_until(lambda number=number: len(engine.manifests() + engine.manifests("hold")) == number)  # type: ignore[misc]
        engine.run_until(lambda: set(engine.states()) == {"submitted"})
    assert len(engine.manifests("hold")) == is_held
    path = withdraw(engine, "a~2.jsonl.cancel", "q")
    engine.run_until(lambda: not path.exists())
    engine.run_for(30)
    slow.end()
    engine.run_to_end()
    told = {stem: engine.receipt(stem, "q")["status"] for stem in ("a", "a~2", "a~2~2")}
    assert told == {"a": "succeeded", "a~2": "succeeded", "a~2~2": "canceled"}


def test_a_file_that_still_waits_is_never_sent(start: Start, sandbox: Sandbox) -> None:
    """Both lie in the inbox at once: the file is taken, comes back whole, and nothing is sent."""
    engine = start()
    path = withdraw(engine)
    engine.drop("a.jsonl", TWO)
    engine.run_until(lambda: engine.is_done() and not path.exists())
    receipt = engine.receipt("a")
    assert receipt["status"] == "canceled"
    assert "a.jsonl.cancel asked" in receipt["message"]
    assert (engine.root / "rejected" / "a.jsonl").read_bytes() == TWO
    assert not sandbox.batches()
    assert len(engine.manifests("done")) == 1


def test_a_file_that_never_ends_in_a_newline_is_ended(start: Start, sandbox: Sandbox) -> None:
    """An upload that was given up is not waited for."""
    engine = start()
    withdraw(engine)
    engine.drop("a.jsonl", TWO[:-9])
    engine.run_for(10)
    assert engine.receipt("a")["status"] == "canceled"
    assert not sandbox.batches()


def test_a_held_file_is_ended(start: Start, slow: Sandbox) -> None:
    """It comes back from hold/ and ends with a receipt."""
    engine = start(on=slow)
    be_undecided(engine, slow)
    path = withdraw(engine)
    engine.run_until(lambda: not path.exists())
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "canceled"
    assert not list((engine.root / "hold").iterdir())


@pytest.mark.parametrize("content", [b"", b"please stop", b"\xff" * 5000])
def test_what_finds_nothing_is_answered(start: Start, sandbox: Sandbox, content: bytes) -> None:
    """A slip in the name gets a receipt of its own, which names no file of anybody else's."""
    engine = start(on=sandbox)
    engine.drop("other.jsonl", TWO)
    engine.run_to_end()
    path = withdraw(engine, "othr.jsonl.cancel", "nightly", content)
    engine.run_until(lambda: engine.path("othr.jsonl.cancel", "receipt.json", "nightly").exists())
    engine.run_to_end()
    receipt = engine.receipt("othr.jsonl.cancel", "nightly")
    assert receipt["status"] == "rejected"
    assert receipt["message"].startswith("Nothing was canceled")
    assert "othr.jsonl into inbox/nightly is under way" in receipt["mistakes"][0]["problem"]
    assert "other.jsonl" not in str(receipt)
    assert receipt["outputs"] == []
    assert not path.exists()
    assert not list((engine.root / "rejected").glob("**/*.*"))


def test_too_late_is_answered(engine: Engine) -> None:
    """What has ended is named with its receipts."""
    for _ in range(2):
        engine.drop("a.jsonl", TWO)
        engine.run_to_end()
    withdraw(engine)
    engine.run_until(lambda: engine.path("a.jsonl.cancel", "receipt.json").exists())
    (mistake,) = engine.receipt("a.jsonl.cancel")["mistakes"]
    assert "a.receipt.json (succeeded), a~2.receipt.json (succeeded)" in mistake["problem"]


def test_what_is_being_published_is_waited_for(tmp_path: Path, sandbox: Sandbox) -> None:
    """It is too late for that file: its receipt comes as it would have, and the answer names it."""
    ill = fail(OSError(errno.EIO, "the disk is ill"))
    wrap = lambda real: cast("Spool", Meddled(real, "publish", [ill] * 3))  # noqa: E731
    with closing(Engine(tmp_path / "spool", sandbox.url, wrap_spool=wrap)) as engine:
        engine.drop("a.jsonl", TWO)
        engine.run_until(lambda: "publishing" in [job.state.value for job in engine.manifests()])
        withdraw(engine)
        engine.run_until(lambda: engine.path("a.jsonl.cancel", "receipt.json").exists())
        assert engine.receipt("a")["status"] == "succeeded"
        (mistake,) = engine.receipt("a.jsonl.cancel")["mistakes"]
        assert "had ended already: see a.receipt.json (succeeded)" in mistake["problem"]
        assert "too late" in mistake["fix"]


def test_what_cannot_be_removed_is_told(tmp_path: Path, sandbox: Sandbox, log: Log) -> None:
    """The file ends all the same, and a run for cron does not wait for ever."""

    class Stuck(Watched):
        CALLS = frozenset({"remove"})

        def _guard(self, call: Callable[..., Any]) -> Callable[..., Any]:
            del call
            return lambda *_: fail(PermissionError(errno.EPERM, "not yours"))()

    wrap = lambda real: cast("Spool", Stuck(real, Fuse()))  # noqa: E731
    with closing(Engine(tmp_path / "spool", sandbox.url, wrap_spool=wrap)) as engine:
        path = withdraw(engine)
        engine.drop("a.jsonl", TWO)
        engine.run_until(lambda: told(log, "file.waiting"))
        engine.run_to_end()
        assert engine.receipt("a")["status"] == "canceled"
        assert "not yours" in told(log, "file.waiting")[0]["problem"]
        assert path.exists()


def test_every_request_was_answered_all_the_same(start: Start, slow: Sandbox) -> None:
    """Where the batch had ended already, the receipt says that it was too late."""
    engine = start(on=slow)
    be_sent(engine, slow)
    slow.order("results", "refuse", status=500, times=3)
    slow.end()
    path = withdraw(engine)
    engine.run_until(lambda: not path.exists())
    engine.run_to_end()
    receipt = engine.receipt("a")
    assert receipt["status"] == "succeeded"
    assert "came too late" in receipt["message"]


def test_what_is_there_and_is_none_of_ours_is_not_waited_for(engine: Engine) -> None:
    """A file with no ending of ours, or a folder, is never taken."""
    (engine.root / "inbox" / "notes").touch()
    (engine.root / "inbox" / "a.jsonl").mkdir()
    for name in ("notes.cancel", "a.jsonl.cancel"):
        withdraw(engine, name)
        engine.run_until(lambda name=name: engine.path(name, "receipt.json").exists())  # type: ignore[misc]
    assert (engine.root / "inbox" / "notes").exists()


def test_a_pause_lets_what_finds_nothing_wait(engine: Engine) -> None:
    """Nothing is taken while PAUSE stands; status says so."""
    (engine.root / "control" / "PAUSE").touch()
    path = withdraw(engine)
    engine.run_for(120)
    assert path.exists()
    assert [one["file"] for one in health(engine)["waiting"]] == ["a.jsonl.cancel"]
    (engine.root / "control" / "PAUSE").unlink()
    engine.run_until(lambda: engine.path("a.jsonl.cancel", "receipt.json").exists())


def test_what_is_no_file_stays_and_is_told(engine: Engine, log: Log) -> None:
    """A link is not followed, and ends nothing; a folder may be a queue."""
    (engine.root / "inbox" / "a.jsonl.cancel").symlink_to("/etc/passwd")
    (engine.root / "inbox" / "x.cancel").mkdir()
    engine.run_for(120)
    (waiting,) = told(log, "file.waiting")
    assert (waiting["file"], waiting["problem"]) == ("a.jsonl.cancel", "is a symbolic link, not a file")


class Watched:
    """A spool that burns the fuse once it has written anything, companions and letters included."""

    CALLS = frozenset({"take", "save", "publish", "retire", "remove", "put"})

    def __init__(self, real: object, fuse: Fuse) -> None:
        self._real = real
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name in ("companions", "letters"):
            return type(self)(found, self._fuse)
        return self._guard(found) if name in self.CALLS else found

    def _guard(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **more: Any) -> Any:
            result = call(*arguments, **more)
            self._fuse.burn()
            return result

        return guarded


def test_killed_after_everything_it_does(tmp_path: Path, slow: Sandbox) -> None:
    """Whatever was the last thing done: the file ends once, and what asked is answered and gone."""
    for length in range(1, 200):
        slow.reset()
        fuse = Fuse()
        engine = Engine(
            tmp_path / str(length),
            slow.url,
            wrap_spool=lambda spool, fuse=fuse: cast("Spool", Watched(spool, fuse)),  # type: ignore[misc]
        )
        be_sent(engine, slow)
        path = withdraw(engine)
        engine.drop("a.jsonl", prompts("later"))
        fuse.left = length
        was_killed = run_killed(engine, fuse)
        fuse.left = float("inf")
        engine.run_until(lambda: not path.exists() and engine.is_done())  # noqa: B023
        ended: list[Any] = [engine.receipt(stem) for stem in ("a", "a~2")]
        assert [receipt["status"] for receipt in ended] == ["canceled", "canceled"]
        assert all("a.jsonl.cancel asked" in receipt["message"] for receipt in ended)
        assert count_posts(slow) <= 2
        engine.close()
        if not was_killed:
            assert length > 10
            return
    raise AssertionError("the run never ended")
