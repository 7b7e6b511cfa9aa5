"""A spool or an API with something done to it just before or after one of its calls."""

from collections.abc import Callable
from typing import Any

from batchbox.ports.api import Api
from batchbox.ports.storage import Spool

Act = Callable[[], object]


class Meddled:
    """The real thing; *before* and *after* the call *name*, one act each time, until they are used up."""

    def __init__(self, real: Spool | Api, name: str, before: list[Act] | None = None) -> None:
        self._real = real
        self._name = name
        self.before = before or []
        self.after: list[Act] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return self._meddle(found) if name == self._name else found

    def _meddle(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def meddled(*arguments: Any, **more: Any) -> Any:
            if self.before:
                self.before.pop(0)()
            result = call(*arguments, **more)
            if self.after:
                self.after.pop(0)()
            return result

        return meddled


def fail(error: Exception) -> Act:
    """Return an act that raises *error*."""

    def act() -> None:
        raise error

    return act
