"""What one sandbox knows: its batches, its open orders, its log, its clock."""

import asyncio
import time
import zlib
from collections.abc import Callable, Sequence
from itertools import cycle

from batchbox_sandbox.batches import Batch
from batchbox_sandbox.calls import CallLog
from batchbox_sandbox.checks import Dialect
from batchbox_sandbox.envelope import Request, parse
from batchbox_sandbox.faults import FaultBook, Hide
from batchbox_sandbox.outcomes import OutcomeBook, decide
from batchbox_sandbox.replies import draw_id
from batchbox_sandbox.settings import SandboxSettings
from batchbox_sandbox.uploads import Upload
from batchbox_sandbox.workspace import Workspace


class State:
    """Everything the endpoints share; only the event loop's own thread may touch it."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self.workspace = Workspace(settings.listing)
        self.faults = FaultBook()
        self.outcomes = OutcomeBook()
        self.calls = CallLog()
        self._timers: dict[asyncio.TimerHandle, tuple[float, Callable[[], object]]] = {}
        self._passed = 0.0
        self._skews = cycle((0.0,))
        self.skew = 0.0

    def now(self) -> float:
        """Return the server's time, which may differ from this machine's."""
        return time.time() + self._passed + self.settings.clock_offset_seconds  # noqa: TID251 - a server has its own clock

    def parse(self, upload: Upload) -> list[Request]:
        """Return the requests of a create's body, or raise `EnvelopeError`."""
        duplicates = self.settings.duplicate_ids == "accept"
        return parse(upload.data, self.settings.max_requests, duplicates)

    def accept(
        self,
        upload: Upload,
        requests: Sequence[Request],
        dialect: Dialect,
        *,
        hide: Hide | None = None,
        stranger: bool = False,
    ) -> Batch:
        """Store a batch: from here on it is worked on and would be billed."""
        settings, now = self.settings, self.now()
        batch = Batch(
            id=draw_id("msgbatch"),
            created_at=now,
            requests=requests,
            verdicts=decide(requests, dialect, self.outcomes),
            crc32=upload.crc32,
            size=upload.size,
            stranger=stranger,
            work_seconds=settings.work_seconds,
            cancel_seconds=settings.cancel_seconds,
            expire_seconds=settings.expire_seconds,
            retain_seconds=settings.retain_seconds,
            skew=self.skew,
            hidden_until=now + hide.seconds if hide else 0.0,
            hidden_calls=hide.calls if hide else 0,
        )
        self.workspace.add(batch)
        return batch

    def accept_stranger(self, count: int, prefix: str) -> Batch:
        """Store a batch as somebody else in the same workspace would have created it."""
        params = '{"model":"claude-haiku-5-5","max_tokens":16,"messages":[{"role":"user","content":"Hi"}]}'
        items = (f'{{"custom_id":"{prefix}{number}","params":{params}}}' for number in range(1, count + 1))
        data = f'{{"requests":[{",".join(items)}]}}'.encode()
        upload = Upload(data, len(data), zlib.crc32(data))
        return self.accept(upload, self.parse(upload), Dialect(), stranger=True)

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Call *act* after *seconds*, unless everything is forgotten before."""
        timer: asyncio.TimerHandle = asyncio.get_running_loop().call_later(seconds, lambda: self._fire(timer))
        self._timers[timer] = (self.now() + seconds, act)

    def _fire(self, timer: asyncio.TimerHandle) -> None:
        _, act = self._timers.pop(timer)
        timer.cancel()
        act()

    def pass_time(self, seconds: float) -> None:
        """Let *seconds* pass at once, with everything that comes due in them."""
        self._passed += seconds
        now = self.now()
        for timer in [timer for timer, (due, _) in self._timers.items() if due <= now]:
            self._fire(timer)

    def order_skews(self, skews: Sequence[float]) -> None:
        """Let machines whose clocks are wrong by *skews* answer the next calls in turn."""
        self._skews = cycle(skews or (0.0,))
        self.turn_clock()

    def turn_clock(self) -> None:
        """Go on to the next machine."""
        self.skew = next(self._skews)

    def reset(self) -> None:
        """Forget everything, also what was still to come."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._passed = 0.0
        self.order_skews(())
        self.workspace.clear()
        self.faults.clear()
        self.outcomes.clear()
        self.calls.clear()
