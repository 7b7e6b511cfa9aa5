"""Death in the middle: the process ends just before or just after some call to the spool or to the API."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.engine import Killed

CALLS = frozenset(
    {"take", "save", "discard", "publish", "retire", "park", "load", "page", "retrieve", "create", "rows"}
)
MOMENTS = tuple(
    [f"spool.{name}" for name in ("take", "save", "discard", "publish", "retire", "park", "load", "create")]
    + [f"api.{name}" for name in ("page", "retrieve", "create", "rows")]
)
ANY = "any"


class Fuse:
    """Kills at the moment it was set to. *linger* is called first: the kernel still sends what it has."""

    def __init__(self, linger: Callable[[], object]) -> None:
        self._linger = linger
        self._moment = ""
        self._left = 0

    def set(self, moment: str, number: int) -> None:
        """Kill at the *number*-th *moment* from now on: `any`, or "before" or "after" and a call."""
        self._moment, self._left = moment, number

    def clear(self) -> None:
        """Kill no more."""
        self._left = 0

    def burn(self, moment: str) -> None:
        """Pass a moment; kill if it is the one."""
        if not self._left or self._moment not in (ANY, moment):
            return
        self._left -= 1
        if not self._left:
            self._linger()
            raise Killed


class Guarded:
    """A spool or an API, used as it is; every call of it passes the fuse twice."""

    def __init__(self, real: object, name: str, fuse: Fuse) -> None:
        self._real = real
        self._name = name
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in CALLS:
            return found
        moment = f"{self._name}.{name}"
        if moment in ("api.rows", "spool.create"):
            return self._guard_block(found, moment)
        return self._guard_call(found, moment)

    def _guard_call(self, call: Callable[..., Any], moment: str) -> Callable[..., Any]:
        def guarded(*arguments: Any, **more: Any) -> Any:
            self._fuse.burn(f"before {moment}")
            result = call(*arguments, **more)
            self._fuse.burn(f"after {moment}")
            return result

        return guarded

    def _guard_block(self, call: Callable[..., Any], moment: str) -> Callable[..., Any]:
        @contextmanager
        def guarded(*arguments: Any) -> Iterator[Any]:
            self._fuse.burn(f"before {moment}")
            with call(*arguments) as found:
                yield found
            self._fuse.burn(f"after {moment}")

        return guarded
