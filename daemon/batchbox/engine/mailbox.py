"""The mailbox: the only way into the deciding thread.

Signals, the watcher and finished steps put mail in and do nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from batchbox.scheduling.actions import Action
from batchbox.scheduling.deadlines import Deadline
from batchbox.scheduling.retention import Archive, Totals

LONGEST_WAIT = 3600.0


@dataclass(frozen=True, slots=True)
class Hint:
    """Something moved in the inbox: look now."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    """Begin nothing new and return."""


@dataclass(frozen=True, slots=True)
class ReloadAsked:
    """Read the settings again."""


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step has ended: what it returned, or what it raised."""

    action: Action
    result: object = None
    error: Exception | None = None


def attempt(action: Action, work: Callable[[], object]) -> StepDone:
    """Do *work*; return how it ended."""
    try:
        return StepDone(action, result=work())
    except Exception as error:  # noqa: BLE001  whatever it is, the loop has to hear of it
        return StepDone(action, error=error)


@dataclass(frozen=True, slots=True)
class CleanedUp:
    """A look at what is kept has ended: which answers are about to be lost, what is left of each archive."""

    deadlines: list[Deadline]
    archives: Mapping[Archive, Totals]


Mail = Hint | StopAsked | ReloadAsked | StepDone | CleanedUp


class Mailbox:
    """Holds mail until the loop takes it. `put` is safe in a signal handler and in any thread."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Mail] = SimpleQueue()

    def put(self, mail: Mail) -> None:
        """Leave *mail* and return at once."""
        self._queue.put(mail)

    def take(self, seconds: float) -> list[Mail]:
        """Return all mail there is, after waiting up to *seconds* for the first."""
        mail: list[Mail] = []
        try:
            mail.append(self._queue.get(timeout=min(max(seconds, 0.0), LONGEST_WAIT)))
            while True:
                mail.append(self._queue.get_nowait())
        except Empty:
            return mail
