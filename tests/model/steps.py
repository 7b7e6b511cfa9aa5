"""The steps of the engine, run as they are, one effect at a time.

A step is begun anew each time with the answers that it has had so far, and runs to the first thing it
asks of the world that has not been answered. So the code of `submit`, `resolve_unknown` and `collect` in
`engine.steps` is what is explored, with a pause before every durable write and every call.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from hashlib import sha256
from io import BytesIO
from typing import BinaryIO, cast

import anthropic
import httpx2

from batchbox.api.failures import explain_create
from batchbox.domain.batch import Batch, Page
from batchbox.domain.errors import BatchboxError, TryLater
from batchbox.domain.job import JobId, Manifest
from batchbox.domain.part import Part
from batchbox.domain.usage import PricedUsage
from batchbox.engine.dispatch import CancelAsked, JobGone, Looked, StepInput, perform
from batchbox.engine.steps.context import Context
from batchbox.engine.steps.submit import SubmitCursor, Submitted
from batchbox.ports.api import Api, Body
from batchbox.ports.clock import Clock
from batchbox.ports.storage import Spool, Stored
from batchbox.settings.model import Settings
from tests.model.effects import (
    DONE,
    DOWN,
    Answer,
    Ask,
    Cancel,
    Connect,
    Effect,
    End,
    Fetch,
    LastByte,
    Leave,
    Save,
)
from tests.model.world import INDEX, NOW, TODAY, Flight, Shelf, created_at, name_of, write_body

KEY = "sandbox"


class _Pause(BaseException):
    """The step has come to something that has not been answered yet."""

    def __init__(self, effect: Effect) -> None:
        super().__init__()
        self.effect = effect


class _Script:
    """The answers that a step has had so far."""

    def __init__(self, flight: Flight) -> None:
        self._answers = iter(flight.log)

    def ask(self, effect: Effect) -> object:
        """Return the next answer, or stop the step here."""
        for answer in self._answers:
            return answer
        raise _Pause(effect)


class _Lease:
    def holds(self, seconds: float) -> bool:
        return seconds > 0


class _Disk:
    """As much of a spool as the steps need: files are made up as they are opened."""

    lease = _Lease()

    def __init__(self, script: _Script, shelf: Shelf, stored: Stored) -> None:
        self._script = script
        self._shelf = shelf
        self._stored = stored
        self._files: dict[str, bytes] = {}

    def reserve(self, _job: JobId) -> None:
        """Leave it: a disk that is full at the worst moment is one of the answers to a save."""

    def save(self, manifest: Manifest, if_version: int, **_more: bool) -> Stored:
        assert if_version == self._stored.version
        if self._script.ask(Save(self._shelf.put(manifest))) != DONE:
            raise OSError("no space left")
        self._stored = Stored(manifest, if_version + 1)
        return self._stored

    def park(self, _job: JobId, _problem: str, _fix: str) -> None:
        if self._script.ask(Leave()) != DONE:
            raise OSError("no space left")

    def open(self, _job: JobId, name: str) -> BinaryIO:
        if name not in self._files and "index" in name:
            return BytesIO(INDEX)
        if name not in self._files:
            return BytesIO(write_body(self._part(name).nonce))
        return BytesIO(self._files[name])

    @contextmanager
    def create(self, _job: JobId, name: str) -> Iterator[BinaryIO]:
        file = BytesIO()
        yield file
        self._files[name] = file.getvalue()

    def discard(self, _job: JobId, _names: object) -> None:
        """Leave them: nothing in the model depends on it."""

    def _part(self, name: str) -> Part:
        label = name.partition(".")[0]
        return next(part for part in self._stored.manifest.parts if part.label == label)


class Line:
    """The API as the client shows it: errors are explained by the client's own code."""

    def __init__(self, script: _Script) -> None:
        self._script = script

    def create(self, _body: Body, commit: Callable[[], None]) -> Batch:
        """Send a body: the last byte leaves after *commit*."""
        self.connect()
        commit()
        self._script.ask(LastByte())
        return self.receive()

    def connect(self) -> None:
        """Send all but the last byte."""
        status = cast("int", self._script.ask(Connect()))
        if status != httpx2.codes.OK:
            raise explain_create(_failure(status), committed=False, key=KEY)

    def release(self) -> None:
        """Let the last byte go."""
        self._script.ask(LastByte())

    def receive(self) -> Batch:
        """Wait for the answer."""
        answer = self._script.ask(Answer())
        if isinstance(answer, Batch):
            return answer
        raise explain_create(_failure(cast("int", answer)), committed=True, key=KEY)

    def page(self, after: str | None = None, limit: int = 1000) -> Page:
        """Ask for a page."""
        answer = self._script.ask(Ask(after, limit))
        if isinstance(answer, Page):
            return answer
        raise TryLater("down", shared=True)

    def cancel(self, batch_id: str) -> bool:
        """Ask for an end of a batch."""
        answer = self._script.ask(Cancel(batch_id))
        if answer == DOWN:
            raise TryLater("down", shared=True)
        return answer == DONE

    @contextmanager
    def rows(self, batch: Batch) -> Iterator[Iterator[bytes]]:
        """Give the one row of a batch: the answer is whose it is and how it went."""
        answer = self._script.ask(Fetch(batch.id))
        if not isinstance(answer, tuple):
            raise TryLater("the results are not there")
        nonce, outcome = answer
        yield iter([b'{"custom_id":"%s-%s","result":{"type":"%s"}}\n' % (b"q", nonce.encode(), outcome)])

    def tiers(self, _model: str, _at: datetime) -> tuple[int, ...]:
        return ()

    def price(self, _model: str, _spent: PricedUsage, _at: datetime, _in_batch: bool = True) -> float | None:
        return None


class _Calendar:
    def now(self) -> datetime:
        return TODAY

    def monotonic(self) -> float:
        return NOW


@cache
def _failure(status: int) -> anthropic.APIError:
    request = httpx2.Request("POST", "https://api.example/v1/messages/batches")
    if status == DOWN:
        return anthropic.APIConnectionError(request=request)
    body = {"type": "error", "error": {"type": "some_error", "message": "no"}}
    return anthropic.APIStatusError("no", response=httpx2.Response(status, request=request), body=body)


class Runner:
    """Runs steps to their next effect, each distinct history of a step once."""

    def __init__(self, shelf: Shelf, line: Callable[[_Script], Line] = Line) -> None:
        self._shelf = shelf
        self._line = line
        self._settings = Settings(max_attempts=2)
        self._known: dict[Flight, Effect | End] = {}

    def next(self, flight: Flight) -> Effect | End:
        """Return what the step asks next, or how it ended."""
        if flight not in self._known:
            self._known[flight] = self._run(flight)
        return self._known[flight]

    def _run(self, flight: Flight) -> Effect | End:
        stored = Stored(self._shelf.get(flight.start), 0)
        script = _Script(flight)
        disk = _Disk(script, self._shelf, stored)
        seed = sha256(
            repr((stored.manifest.job, flight.action.job, len(stored.manifest.parts))).encode()
        ).digest()
        ctx = Context(
            spool=cast("Spool", disk),
            api=cast("Api", self._line(script)),
            clock=cast("Clock", _Calendar()),
            settings=self._settings,
            entropy=lambda number: seed[:number],
        )
        briefing = StepInput(_horizon(flight.cursor), flight.owned, flight.found, lambda _queue, _stem: False)
        try:
            result = perform(ctx, flight.action, stored, briefing)
        except _Pause as pause:
            return pause.effect
        except Exception as error:  # noqa: BLE001  whatever it is, the checker has to judge it
            return End(error=error)
        match result:
            case Looked(found=found):
                return End(found=found)
            case Stored(manifest=manifest) | Submitted(stored=Stored(manifest=manifest)):
                return End(manifest=self._shelf.put(manifest))
            case _:
                assert isinstance(result, JobGone | CancelAsked)
                return End()


def is_expected(error: Exception) -> bool:
    """Say whether the loop bears *error* and goes on; any other is a bug."""
    return isinstance(error, BatchboxError | OSError)


def _horizon(cursor: int | None) -> SubmitCursor | None:
    if cursor is None:
        return None
    return SubmitCursor(name_of(cursor), created_at(cursor)) if cursor >= 0 else SubmitCursor(None, "")
