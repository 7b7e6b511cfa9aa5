"""The log of API calls: what was asked and what was sent, never a key and never a body."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from aiohttp import web


@dataclass(slots=True)
class Call:
    """One call; `status` is None while it is under way."""

    operation: str
    method: str
    path: str
    query: dict[str, str]
    headers: list[str]
    key: bool
    fault: str | None = None
    status: int | Literal["aborted"] | None = None

    def settle(self, status: int | Literal["aborted"]) -> None:
        """Note how the call ends; only the first word counts."""
        if self.status is None:
            self.status = status


CALL = web.RequestKey("call", Call)


class CallLog:
    """Every API call, in the order of arrival."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    def open(self, operation: str, request: web.Request) -> Call:
        """Begin the record of *request*."""
        call = Call(
            operation=operation,
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers=sorted(name.lower() for name in request.headers),
            key=bool(read_key(request)),
        )
        self._calls.append(call)
        return call

    def show(self) -> list[dict[str, Any]]:
        """Return every call as plain data."""
        return [asdict(call) for call in self._calls]

    def clear(self) -> None:
        """Forget every call."""
        self._calls.clear()


def read_key(request: web.Request) -> str:
    """Return the key that *request* carries, in either of its two headers, or nothing."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("x-api-key", "").strip()
