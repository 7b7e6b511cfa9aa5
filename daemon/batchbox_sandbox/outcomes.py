"""Pure: the outcomes that can be ordered for single requests.

An order holds for the next `times` requests whose raw JSON contains `match`, and is decided when their
batch is stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from batchbox_sandbox.batches import Verdict
from batchbox_sandbox.checks import Dialect, check
from batchbox_sandbox.envelope import Request
from batchbox_sandbox.faults import BadOrder


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One order; `error_type` and `message` are for `errored` only."""

    match: Annotated[str, msgspec.Meta(min_length=1)]
    outcome: Literal["expired", "canceled", "errored", "unknown_type", "refusal"]
    times: Annotated[int, msgspec.Meta(ge=1)] = 1
    error_type: str = "overloaded_error"
    message: str = "Overloaded"

    @property
    def verdict(self) -> Verdict:
        """What becomes of a request that matches."""
        if self.outcome != "errored":
            return Verdict(self.outcome)
        return Verdict("errored", self.error_type, self.message)


def read_order(body: dict[str, Any]) -> Outcome:
    """Return the outcome that *body* orders, or raise `BadOrder` with the values that are known."""
    try:
        return msgspec.convert(body, Outcome)
    except msgspec.ValidationError as error:
        raise BadOrder(
            f"{error}; known outcomes: expired, canceled, errored, unknown_type, refusal; "
            f"known details: {', '.join(Outcome.__struct_fields__)}"
        ) from None


@dataclass(slots=True)
class _Entry:
    order: Outcome
    needle: bytes
    times: int


class OutcomeBook:
    """The orders that are still open."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []

    def add(self, order: Outcome) -> None:
        """Take an order; it comes after all the earlier ones."""
        self._entries.append(_Entry(order, order.match.encode(), order.times))

    def take(self, request: Request) -> Verdict | None:
        """Return the verdict ordered for *request*, and count it as delivered."""
        if not self._entries:
            return None
        text = bytes(request.raw)
        entry = next((each for each in self._entries if each.needle in text), None)
        if entry is None:
            return None
        entry.times -= 1
        if not entry.times:
            self._entries.remove(entry)
        return entry.order.verdict

    def show(self) -> list[dict[str, Any]]:
        """Return the open orders, with what is left of `times`."""
        return [{**msgspec.to_builtins(entry.order), "times": entry.times} for entry in self._entries]

    def clear(self) -> None:
        """Forget every open order."""
        self._entries.clear()


def decide(requests: Sequence[Request], dialect: Dialect, book: OutcomeBook) -> Mapping[int, Verdict]:
    """Return what becomes of the *requests* that do not simply succeed: by order, or by their own fault."""
    verdicts = {}
    for index, request in enumerate(requests):
        verdict = book.take(request)
        complaint = None if verdict else check(request.raw, dialect)
        if complaint:
            verdict = Verdict("errored", "invalid_request_error", complaint)
        if verdict:
            verdicts[index] = verdict
    return verdicts
