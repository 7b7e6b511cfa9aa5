"""A stranger's batch that cannot be read, or is odd in the list, never stands before ours."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from batchbox.domain.batch import Batch, Page
from batchbox.domain.errors import TryLater
from batchbox.ports.api import Api
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine

TWO = request("a") + request("b")
STRANGERS = 4


@dataclass
class Unreadable:
    """The API, but for the rows of some batches: nobody ever gets those."""

    api: Api
    closed: set[str] = field(default_factory=set)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.api, name)

    def rows(self, batch: Batch) -> AbstractContextManager[Iterator[bytes]]:
        """Stream the results, or refuse."""
        return self._refuse() if batch.id in self.closed else self.api.rows(batch)

    @contextmanager
    def _refuse(self) -> Iterator[Iterator[bytes]]:
        raise TryLater("the API said 403 permission_error: not yours", shared=True)
        yield iter(())


@dataclass
class BrokenList:
    """The API, but for a list that says that it goes on and shows nothing, while it is broken."""

    api: Api
    broken: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.api, name)

    def page(self, after: str | None = None, limit: int = 1000) -> Page:
        """Return a page, or nothing."""
        return Page((), has_more=True) if self.broken else self.api.page(after, limit)


def bring_among_strangers(engine: Engine, slow: Sandbox) -> list[str]:
    """Bring a part into doubt whose batch exists, among strangers of the same size."""
    slow.order("create", "drop_after")
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("in_doubt"))
    strangers = [slow.stranger(2) for _ in range(STRANGERS)]
    engine.run_until(engine.is_in("candidates"))
    return strangers


def check_found(engine: Engine, slow: Sandbox) -> None:
    """Check that our batch was found, and nothing was sent again."""
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "succeeded"
    assert sum(1 for batch in slow.batches() if not batch["stranger"]) == 1
    check_promises(engine, slow)


def test_strangers_that_cannot_be_read(start: Start, slow: Sandbox) -> None:
    """Ours is proven though the rows of all others are refused, again and again."""
    engine = start(on=slow)
    unreadable: list[Unreadable] = []

    def wrap(api: Api) -> Api:
        unreadable.append(Unreadable(api))
        return cast(Api, unreadable[-1])

    engine.wrap_api = wrap
    engine.crash_and_restart()
    unreadable[-1].closed = set(bring_among_strangers(engine, slow))
    slow.end()
    check_found(engine, slow)


def test_strangers_that_were_archived(start: Start, slow: Sandbox) -> None:
    """A stranger's archived batch holds nothing up, and no person is asked."""
    engine = start(on=slow)
    strangers = bring_among_strangers(engine, slow)
    slow.end()
    for stranger in strangers:
        slow.archive(stranger)
    check_found(engine, slow)


def test_outbox_renamed_away(start: Start, slow: Sandbox) -> None:
    """While the outbox is away nothing is published elsewhere; once it is back, it goes on."""
    engine = start(on=slow)
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))
    away = engine.root / "elsewhere"
    (engine.root / "outbox").rename(away)
    slow.end()
    engine.run_for(600)
    assert not (engine.root / "outbox").exists()
    assert not list(away.iterdir())
    away.rename(engine.root / "outbox")
    check_found(engine, slow)


def test_a_list_that_breaks_off_clears_nobody(start: Start, slow: Sandbox) -> None:
    """Ours may be in the part of the list that was not shown: nothing is sent until it is."""
    engine = start(on=slow)
    lists: list[BrokenList] = []

    def wrap(api: Api) -> Api:
        lists.append(BrokenList(api))
        return cast(Api, lists[-1])

    engine.wrap_api = wrap
    engine.crash_and_restart()
    slow.order("create", "drop_after")
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in("in_doubt"))
    lists[-1].broken = True
    engine.run_for(4000)
    assert engine.states() == ["in_doubt"]
    lists[-1].broken = False
    engine.run_until(engine.is_in("candidates"))
    slow.end()
    check_found(engine, slow)
