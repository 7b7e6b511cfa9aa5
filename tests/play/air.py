"""What lies between the daemon and the API, by the engine's own clock: answers get lost, batches show late.

The stand-in lives in real time and the engine in a made-up one; so whatever takes minutes is done here.
What is promised of the real service holds here too: a create shows within `doubt_seconds` of its end.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from typing import Any
from zlib import crc32

from batchbox.domain.batch import Batch, Page
from batchbox.domain.errors import BatchboxError, InDoubt
from batchbox.ports.api import Api, Body
from batchbox_sandbox.remote import Sandbox
from tests.support.engine import Clock

MOST = 1000


@dataclass(frozen=True)
class Mishap:
    """What becomes of one create.

    *fate*: "kept" is answered, "lost" is not, "late" is stored *delay* seconds later, "never" never.
    *veil*: seconds for which the batch is not shown. *company*: a stranger makes a batch of the same size.
    """

    fate: str
    veil: float = 0.0
    delay: float = 0.0
    company: bool = False


@dataclass
class Weather:
    """What is in the air; it outlives the process."""

    clock: Clock
    mishaps: list[Mishap] = field(default_factory=list)
    hidden: dict[str, float] = field(default_factory=dict)
    on_the_way: list[tuple[float, bytes, float]] = field(default_factory=list)
    hurry: bool = False  # every batch ends before it is asked for


class Air:
    """The API as it is seen through the weather."""

    def __init__(self, real: Api, sandbox: Sandbox, weather: Weather) -> None:
        self._real = real
        self._sandbox = sandbox
        self._weather = weather

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def create(self, body: Body, commit: Callable[[], None]) -> Batch:
        """Send a part, into whatever mishap is next."""
        mishap = self._weather.mishaps.pop(0) if self._weather.mishaps else Mishap("kept")
        if mishap.fate in ("late", "never"):
            self._swallow(body, commit, mishap)
            raise InDoubt("the line broke")
        batch = self._real.create(body, commit)
        self._weather.hidden[batch.id] = self._weather.clock.monotonic() + mishap.veil
        if mishap.company:
            self._sandbox.stranger(batch.total or 1)
        if mishap.fate == "lost":
            raise InDoubt("the answer was lost")
        return batch

    def _swallow(self, body: Body, commit: Callable[[], None], mishap: Mishap) -> None:
        with body.open() as file:
            data = file.read()
        commit()
        if mishap.fate == "late":
            due = self._weather.clock.monotonic() + mishap.delay
            self._weather.on_the_way.append((due, data, mishap.veil))

    def arrive(self) -> None:
        """Store what was on its way until now."""
        now = self._weather.clock.monotonic()
        due = [one for one in self._weather.on_the_way if one[0] <= now]
        self._weather.on_the_way = [one for one in self._weather.on_the_way if one[0] > now]
        for moment, data, veil in due:
            with suppress(BatchboxError):  # it may be refused there
                batch = self._real.create(Body(partial(BytesIO, data), len(data), crc32(data)), lambda: None)
                self._weather.hidden[batch.id] = moment + veil

    def _is_hidden(self, batch_id: str) -> bool:
        return self._weather.hidden.get(batch_id, 0.0) > self._weather.clock.monotonic()

    def page(self, after: str | None = None, limit: int = MOST) -> Page:
        """Return what can be seen of the list."""
        self.arrive()
        if self._weather.hurry:
            self._sandbox.end()
        page = self._real.page(after, MOST)
        seen = tuple(batch for batch in page.batches if not self._is_hidden(batch.id))
        return Page(seen[:limit], page.has_more or len(seen) > limit)

    def retrieve(self, batch_id: str) -> Batch | None:
        """Return a batch, if it can be seen."""
        return None if self._is_hidden(batch_id) else self._real.retrieve(batch_id)
