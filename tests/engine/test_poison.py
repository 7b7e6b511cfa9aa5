"""A file that kills the process three times is put aside; its neighbours are not blamed for it."""

from pathlib import Path
from typing import Any, cast

import pytest

from batchbox.ports.api import Api
from batchbox.ports.storage import Spool
from batchbox_sandbox.remote import Sandbox
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine, Killed

POISON = b"the process dies of this"
GOOD = request("a") + request("b")
DEADLY = request("p", POISON.decode()) + request("q")
DEATHS = 3


class Frail:
    """A spool or an API in whose call *name* the process dies when it meets the poison, while *deadly*."""

    deadly = True

    def __init__(self, real: Any, root: Path, name: str) -> None:
        self._real = real
        self._root = root
        self._name = name

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return self._guard(found) if name == self._name and Frail.deadly else found

    def _guard(self, call: Any) -> Any:
        def guarded(*arguments: Any, **more: Any) -> Any:
            begun = [path.parent / "request.jsonl" for path in self._root.glob("work/*/begun")]
            if any(POISON in path.read_bytes() for path in begun if path.exists()):
                raise Killed
            return call(*arguments, **more)

        return guarded


def open_frail(root: Path, sandbox: Sandbox, name: str) -> Engine:
    Frail.deadly = True
    return Engine(
        root,
        sandbox.url,
        wrap_spool=lambda real: cast("Spool", Frail(real, root, name)),
        wrap_api=lambda real: cast("Api", Frail(real, root, name)),
    )


def run_until_held(engine: Engine) -> int:
    """Start the daemon again each time it dies, as systemd does; return how often that was."""
    for deaths in range(2 * DEATHS):
        try:
            engine.run_to_end()
        except Killed:
            engine.crash_and_restart()
        else:
            return deaths
    raise AssertionError("it dies and dies")


@pytest.mark.parametrize("step", ["freeze", "rows", "publish"])
def test_three_deaths(tmp_path: Path, sandbox: Sandbox, step: str) -> None:
    """Whatever step the process dies in: after three times the file is held, and the others have ended."""
    engine = open_frail(tmp_path / "spool", sandbox, step)
    for stem in "bad":
        engine.drop(f"{stem}.jsonl", DEADLY if stem == "a" else GOOD)
    assert run_until_held(engine) == DEATHS
    (held,) = engine.manifests("hold")
    assert held.source.name == "a.jsonl"
    assert engine.receipt("b")["status"] == engine.receipt("d")["status"] == "succeeded"
    Frail.deadly = False
    engine.crash_and_restart()
    engine.ask("release", held.job)
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "succeeded"
    check_promises(engine, sandbox)
    engine.close()


def test_two_deaths(tmp_path: Path, sandbox: Sandbox) -> None:
    """A step that ends well is forgiven: deaths count only in a row."""
    engine = open_frail(tmp_path / "spool", sandbox, "freeze")
    engine.drop("a.jsonl", DEADLY)
    for _ in range(DEATHS - 1):
        with pytest.raises(Killed):
            engine.run_to_end()
        engine.crash_and_restart()
    Frail.deadly = False
    engine.crash_and_restart()
    engine.run_to_end()
    check_promises(engine, sandbox)
    engine.close()


def test_a_failure_is_no_death(tmp_path: Path, sandbox: Sandbox) -> None:
    """A step that fails, however often, has ended: nothing is held for it."""
    sandbox.order("results", "cut", times=9)
    engine = Engine(tmp_path / "spool", sandbox.url)
    engine.drop("a.jsonl", GOOD)
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "succeeded"
    check_promises(engine, sandbox)
    engine.close()


def test_canceled_poison(tmp_path: Path, sandbox: Sandbox) -> None:
    """A file that cannot be checked ends with a receipt when a person cancels it, and is not opened again."""
    engine = open_frail(tmp_path / "spool", sandbox, "freeze")
    engine.drop("a.jsonl", DEADLY)
    assert run_until_held(engine) == DEATHS
    engine.ask("cancel", engine.manifests("hold")[0].job)
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "canceled"
    assert (engine.root / "rejected" / "a.jsonl").read_bytes() == DEADLY
    engine.close()
