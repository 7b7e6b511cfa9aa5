"""An engine and a stand-in for which the same time passes, and somebody else in the same workspace."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from batchbox.ports.api import Api
from batchbox_sandbox.remote import Sandbox
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine

WORK_SECONDS = 8.0
ANSWER_SECONDS = 0.1
LATER_SECONDS = 0.15  # than a create waits for its answer
HOUR = 3600.0
PARTS = 3
AGAIN = "question y"  # expires once, and goes out again
LONG = {"work_seconds": 12 * HOUR, "cancel_seconds": 5.0}  # there is time to cancel
FILES = {
    "three": request("a") + request("b") + request("c"),
    "again": request("x") + request("y"),
}


class Watched:
    """The API as it is, in a world that goes on before each call and when a create is over."""

    CALLS = frozenset({"create", "page", "retrieve", "rows"})

    def __init__(self, real: Api, worlds: "list[World]") -> None:
        self._real = real
        self._worlds = worlds  # empty until the engine has been made

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return self._watch(name, found) if name in self.CALLS else found

    def _watch(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **more: Any) -> Any:
            (world,) = self._worlds
            world.pass_time()
            try:
                return call(*arguments, **more)
            finally:
                if name == "create":
                    world.crowd()

        return watched


@dataclass
class World:
    """Both sides, and what to do between them."""

    engine: Engine
    sandbox: Sandbox
    strangers_size: int = 5  # of each of the batches that follow a create
    told: float = 0.0
    between: Callable[[], None] = lambda: None  # is called before each call

    @classmethod
    def begin(cls, root: Path, sandbox: Sandbox, settings: dict[str, Any]) -> "World":
        """Return a world in which nothing has happened yet."""
        begun: list[World] = []

        def wrap(api: Api) -> Api:
            return cast("Api", Watched(api, begun))

        begun.append(cls(Engine(root, sandbox.url, settings=settings, wrap_api=wrap), sandbox))
        return begun[0]

    def pass_time(self) -> None:
        """Let as much time pass for the stand-in as has passed for the engine."""
        self.between()
        behind = self.engine.clock.seconds - self.told
        if behind > 0:
            self.sandbox.pass_time(behind)
            self.told = self.engine.clock.seconds

    def crowd(self) -> None:
        """Let somebody else create batches, so that ours are not on the first page."""
        if self.strangers_size:
            self.sandbox.strangers(3, self.strangers_size)

    def drop_files(self) -> None:
        """Drop files that need every call: two parts, and a row that is asked for again."""
        self.sandbox.outcome(AGAIN, "expired")
        for name, content in FILES.items():
            self.engine.drop(f"{name}.jsonl", content)

    def cancel_files(self) -> None:
        """Have a person cancel every file as soon as something of it is out."""
        self.engine.run_until(self.engine.is_in("submitted"))
        for job in self.engine.manifests():
            (self.engine.root / "control" / f"cancel-{job.job}").touch()

    def heal(self) -> None:
        """Let the API work again; a row that was to expire still does."""
        self.sandbox.clear()
        if not any(one.startswith("y-") for batch in self.own() for one in batch["custom_ids"]):
            self.sandbox.outcome(AGAIN, "expired")

    def statuses(self) -> list[str]:
        """Return how the jobs ended, by name."""
        paths = sorted((self.engine.root / "outbox").glob("*.receipt.json"))
        return [self.engine.receipt(path.name.removesuffix(".receipt.json"))["status"] for path in paths]

    def own(self) -> list[dict[str, Any]]:
        """Return every batch that was accepted from us."""
        return [batch for batch in self.sandbox.batches() if not batch["stranger"]]

    def finish(self, paid: int | None = None, held: int = 0) -> None:
        """Run to the end; check every promise, and that so many batches were *paid*."""
        self.engine.run_to_end()
        check_promises(self.engine, self.sandbox, held=held)
        assert paid is None or len(self.own()) == paid

    def count_calls(self, operation: str) -> int:
        """Return how often *operation* was called."""
        return sum(1 for call in self.sandbox.calls() if call["operation"] == operation)
