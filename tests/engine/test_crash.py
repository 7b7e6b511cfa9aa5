"""The process may end after any turn and after any single thing it did: nothing is lost or paid twice."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from batchbox.ports.api import Api
from batchbox.ports.storage import Spool
from batchbox_sandbox.remote import Sandbox
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine, Killed

SHARDS = 6
SETTINGS = {"max_part_requests": 2, "bad_lines": "reject"}
RECEIPTS = 3


class Fuse:
    """Burns a little with everything the engine does to the world, and then kills it."""

    def __init__(self, length: float = float("inf")) -> None:
        self.left = length

    def burn(self) -> None:
        """Kill the process if this was the thing after which it was to end."""
        self.left -= 1
        if self.left == 0:
            raise Killed


class Guarded:
    """A spool or an API, used as it is; each of the named calls burns the fuse once it has been done."""

    CALLS = frozenset({"take", "save", "discard", "publish", "retire", "park", "page", "retrieve", "create"})
    BLOCKS = frozenset({"rows"})

    def __init__(self, real: object, fuse: Fuse) -> None:
        self._real = real
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name in self.BLOCKS or (name == "create" and hasattr(self._real, "retire")):  # a spool's
            return self._guard_block(found)
        return self._guard_call(found) if name in self.CALLS else found

    def _guard_call(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **more: Any) -> Any:
            result = call(*arguments, **more)
            self._fuse.burn()
            return result

        return guarded

    def _guard_block(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def guarded(*arguments: Any) -> Iterator[Any]:
            with call(*arguments) as found:
                yield found
            self._fuse.burn()

        return guarded


def start(root: Path, sandbox: Sandbox, fuse: Fuse) -> Engine:
    """Begin anew: an empty stand-in with an empty spool, the same faults ahead, and all files dropped."""
    sandbox.reset()
    engine = Engine(
        root,
        sandbox.url,
        settings=SETTINGS,
        wrap_spool=lambda spool: cast("Spool", Guarded(spool, fuse)),
        wrap_api=lambda api: cast("Api", Guarded(api, fuse)),
    )
    sandbox.outcome("question again", "expired")
    sandbox.order("create", "drop_after", skip=1)
    sandbox.order("create", "drop_before")
    sandbox.order("results", "cut", skip=1)
    engine.drop("three.jsonl", request("a") + request("b") + request("c"))
    engine.drop("wrong.jsonl", b"nonsense\n")
    engine.drop("again.jsonl", request("x") + request("again"))
    return engine


def finish(engine: Engine, sandbox: Sandbox) -> None:
    """Run to the end and check everything."""
    engine.run_to_end()
    assert len(list((engine.root / "outbox").glob("**/*.receipt.json"))) == RECEIPTS
    statuses = [engine.receipt(stem)["status"] for stem in ("three", "wrong", "again")]
    assert statuses == ["succeeded", "rejected", "succeeded"]
    check_promises(engine, sandbox)
    engine.close()


def run_killed(engine: Engine, fuse: Fuse) -> bool:
    """Run until the fuse kills; False if it came to the end before."""
    try:
        engine.run_to_end()
    except Killed:
        fuse.left = float("inf")
        engine.crash_and_restart()
        return True
    return False


@pytest.mark.parametrize("shard", range(SHARDS))
def test_after_every_turn(tmp_path: Path, sandbox: Sandbox, shard: int) -> None:
    """A restart after the n-th turn, for every n of a run with lost answers and rows to be asked again."""
    for turns in range(shard + 1, 10_000, SHARDS):
        engine = start(tmp_path / str(turns), sandbox, Fuse())
        engine.run_turns(turns)
        is_over = engine.is_done()
        engine.crash_and_restart()
        finish(engine, sandbox)
        if is_over:
            return
    raise AssertionError("the run never ended")


@pytest.mark.parametrize("shard", range(SHARDS))
def test_after_everything_it_does(
    tmp_path: Path, sandbox: Sandbox, shard: int, pytestconfig: pytest.Config
) -> None:
    """Killed after its k-th durable write, rename or call, even between commit and last byte.

    For every k with --soak, else for every other: tests/faults goes through the same moments, more finely.
    """
    step = 1 if pytestconfig.getoption("--soak") else 2
    for length in range(step * shard + 1, 10_000, step * SHARDS):
        fuse = Fuse(length)
        engine = start(tmp_path / str(length), sandbox, fuse)
        was_killed = run_killed(engine, fuse)
        finish(engine, sandbox)
        if not was_killed:
            assert length > 60
            return
    raise AssertionError("the run never ended")


@pytest.mark.parametrize("seed", range(8))
def test_killed_again_and_again(tmp_path: Path, sandbox: Sandbox, seed: int) -> None:
    """Killed many times in one run, the restarts included."""
    moments = random.Random(seed)
    fuse = Fuse()
    engine = start(tmp_path / "spool", sandbox, fuse)
    for _ in range(12):
        fuse.left = moments.randrange(1, 40)
        if not run_killed(engine, fuse):
            break
    fuse.left = float("inf")
    engine.run_to_end()
    for job in engine.manifests("hold"):  # the process died thrice in the midst of it
        engine.ask("release", job.job)
    finish(engine, sandbox)
