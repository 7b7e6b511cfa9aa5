"""The courier: brings letters to their receivers, until they have them or a day is over.

Letters of one queue and one way go one after another; each such lane has a thread of its own while there is
something to bring, so a receiver that hangs keeps neither the loop waiting nor other queues.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, Protocol

import structlog

from batchbox.domain.errors import trace
from batchbox.notify.targets import Targets
from batchbox.ports.clock import Clock
from batchbox.reports.notifications import Notification, UndeliveredNotification, Way
from batchbox.settings.queues import NotifyOn

PAUSES = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)  # seconds after each try; the last of them again and again
GIVEN_UP_AFTER = timedelta(days=1)
TRIES_AT_LEAST = 3  # by this process: a clock that was set forward is no reason to give up
LANES_AT_ONCE = 16  # threads; the unit allows 64
UNSEEN = 60.0  # seconds until a folder that could not be read is looked at again

log = structlog.get_logger()


class NotificationQueue(Protocol):
    """Where they are kept."""

    def pending(self) -> list[str]:
        """Return their names, the oldest first. Raise `OSError`."""

    def read(self, name: str) -> Notification | None:
        """Return one; None if it is gone or cannot be understood. Raise `OSError`."""

    def remove(self, name: str) -> None:
        """Forget one. Raise `OSError`."""


@dataclass(frozen=True, slots=True)
class _News:
    """There may be more to bring. *settled* is set once each letter was tried, or waits for its next try."""

    settled: Event | None = None


@dataclass(frozen=True, slots=True)
class _Tried:
    name: str
    told: str | None = None  # None: nobody is to be told any more
    error: UndeliveredNotification | None = None


@dataclass(slots=True)
class _Letter:
    letter: Notification
    tries: int = 0
    until: float = 0.0


@dataclass(slots=True)
class _Lane:
    letters: dict[str, _Letter] = field(default_factory=dict)
    is_busy: bool = False
    unheard: set[str] = field(default_factory=set)  # since the receiver last answered; one alone may be ill
    until: float = 0.0  # nothing is brought to a receiver that is deaf

    def due(self) -> tuple[float, str]:
        """Return when which letter is to be brought next; infinity if there is none."""
        found = min(((one.until, name) for name, one in self.letters.items()), default=(float("inf"), ""))
        return (float("inf"), "") if self.is_busy else (max(found[0], self.until), found[1])


class Delivery:
    """Runs from `start` to `close`; `wake` may be called from any thread."""

    def __init__(
        self,
        letters: NotificationQueue,
        receivers: Targets,
        notice_of: Callable[[str], NotifyOn],
        clock: Clock,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._letters = letters
        self._receivers = receivers
        self._notice_of = notice_of
        self._clock = clock
        self._pauses = pauses
        self._mail: SimpleQueue[_News | _Tried | None] = SimpleQueue()
        self._lanes: dict[tuple[str, Way], _Lane] = {}
        self._settling: list[Event] = []
        self._next_look = 0.0
        self.pending = 0

    def start(self) -> None:
        """Begin, with what an earlier process has left."""
        Thread(target=self._run, daemon=True, name="courier").start()

    def wake(self) -> None:
        """Say that there is a new letter."""
        self._mail.put(_News())

    def settle(self, seconds: float) -> None:
        """Wait until every letter was tried once, but no longer than *seconds*."""
        settled = Event()
        self._mail.put(_News(settled))
        settled.wait(seconds)

    def close(self) -> None:
        """Bring nothing more; what is left is brought by the next process."""
        self._mail.put(None)
        self._receivers.close()

    def _run(self) -> None:
        while True:
            for mail in self._take():
                if mail is None:
                    return
                self._take_in(mail)
            if self._clock.monotonic() >= self._next_look:
                self._look()
            self._send()

    def _take(self) -> list[_News | _Tried | None]:
        """Return all mail there is, once there is any or something is due."""
        due = [lane.due()[0] for lane in self._lanes.values()] if self._has_room() else []
        wait = min([self._next_look, *due]) - self._clock.monotonic()
        found = []
        try:
            found.append(self._mail.get(timeout=max(0.0, wait) if wait < float("inf") else None))
            while True:
                found.append(self._mail.get_nowait())
        except Empty:
            return found

    def _has_room(self) -> bool:
        return sum(lane.is_busy for lane in self._lanes.values()) < LANES_AT_ONCE

    def _take_in(self, mail: _News | _Tried) -> None:
        if isinstance(mail, _Tried):
            self._note(mail)
            return
        self._next_look = 0.0
        if mail.settled:
            self._settling.append(mail.settled)

    def _look(self) -> None:
        """Find letters that are new."""
        self._next_look = float("inf")
        known = {name for lane in self._lanes.values() for name in lane.letters}
        try:
            for name in self._letters.pending():
                if name not in known:
                    self._add(name)
        except OSError:
            self._next_look = self._clock.monotonic() + UNSEEN  # the spool is away; the loop tells of it
        self._count()

    def _add(self, name: str) -> None:
        try:
            letter = self._letters.read(name)
        except OSError:
            self._next_look = self._clock.monotonic() + UNSEEN  # the others are brought all the same
            return
        if letter:
            self._lanes.setdefault((letter.queue, letter.way), _Lane()).letters[name] = _Letter(letter)

    def _count(self) -> None:
        self._lanes = {key: lane for key, lane in self._lanes.items() if lane.letters}
        self.pending = sum(len(lane.letters) for lane in self._lanes.values())

    def _send(self) -> None:
        now = self._clock.monotonic()
        for lane in self._lanes.values():
            due, name = lane.due()
            if due <= now and self._has_room():
                lane.is_busy = True
                letter = lane.letters[name].letter
                Thread(target=self._bring, args=(name, letter), daemon=True, name=f"notice {name}").start()
        if not any(lane.is_busy or lane.due()[0] <= now for lane in self._lanes.values()):
            for event in self._settling:
                event.set()
            self._settling = []

    def _bring(self, name: str, letter: Notification) -> None:
        """Try once, in a thread of its own."""
        told, error = None, None
        try:
            notice = self._notice_of(letter.queue)
            if notice.command if letter.way == "command" else notice.url:
                told = self._receivers.deliver(letter, notice)
        except UndeliveredNotification as flaw:
            error = flaw
        except Exception as bug:  # noqa: BLE001  whatever it is, the lane must not stand still
            error = UndeliveredNotification(f"a bug: {' '.join(trace(bug))}", "please report it")
        self._mail.put(_Tried(name, told, error))

    def _note(self, tried: _Tried) -> None:
        lane = next(lane for lane in self._lanes.values() if tried.name in lane.letters)
        one, lane.is_busy = lane.letters[tried.name], False
        one.tries += 1
        if tried.error:
            self._postpone(lane, one, tried.error)
            return
        lane.unheard, lane.until = set(), 0.0
        if tried.told is None:
            log.info("notice.dropped", **_facts(one))
        else:
            log.info("notice.delivered", **_facts(one), told=tried.told)
        self._forget(lane, one.letter)

    def _postpone(self, lane: _Lane, one: _Letter, error: UndeliveredNotification) -> None:
        """Let a letter wait; if the receiver is deaf, the others wait too, longer the more have failed."""
        lane.unheard = lane.unheard | {one.letter.name} if error.is_deaf else set()
        told, now = {"problem": error.problem, "fix": error.fix}, self._clock.monotonic()
        one.until = now + self._pause(one.tries)
        lane.until = now + self._pause(len(lane.unheard)) if error.is_deaf else 0.0
        for late in [one, *lane.letters.values()] if error.is_deaf else [one]:
            is_over = self._clock.now() - datetime.fromisoformat(late.letter.at) > GIVEN_UP_AFTER
            tries = max(late.tries, len(lane.unheard))
            if is_over and tries >= TRIES_AT_LEAST and late.letter.name in lane.letters:
                log.error("notice.given_up", **_facts(late), **told)
                self._forget(lane, late.letter)
        if one.letter.name in lane.letters:
            log.warning("notice.postponed", **_facts(one), **told)

    def _pause(self, failures: int) -> float:
        return self._pauses[min(failures, len(self._pauses)) - 1]

    def _forget(self, lane: _Lane, letter: Notification) -> None:
        del lane.letters[letter.name]
        try:
            self._letters.remove(letter.name)
        except OSError as error:
            problem = f"its file cannot be removed, so it is brought again after a restart: {error}"
            fix = "see whether state/notices/ can be written"
            log.warning("notice.stuck", notice=letter.id, problem=problem, fix=fix)
        self._count()


def _facts(one: _Letter) -> dict[str, Any]:
    letter = one.letter
    return {"notice": letter.id, "queue": letter.queue, "way": letter.way, "tries": one.tries}
