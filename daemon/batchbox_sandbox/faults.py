"""Pure: the faults that can be ordered, and the book they are taken from.

An order names a fault, the operation `at` which it happens (or `any`), how many `times`, and how many
matching calls to let through first (`skip`). Orders are consumed one per matching call, in the order in
which they were given. The fields of each class below are the details of that fault.
"""

from collections import deque
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from batchbox_sandbox.settings import Framing

EVERY = frozenset({"create", "list", "retrieve", "results", "cancel", "delete"})
CREATE = frozenset({"create"})
RESULTS = frozenset({"results"})
VIEWS = frozenset({"create", "list", "retrieve", "cancel"})

Whole = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Status = Annotated[int, msgspec.Meta(ge=400, le=599)]


class BadOrder(ValueError):
    """The order cannot be taken; the text names what could be."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault"):
    """What every order has."""

    OPERATIONS: ClassVar[frozenset[str]] = EVERY

    at: str
    times: Annotated[int, msgspec.Meta(ge=1)] = 1
    skip: Whole = 0

    def fits(self, operation: str) -> bool:
        """Say whether a call of *operation* consumes this order."""
        return operation == self.at or (self.at == "any" and operation in self.OPERATIONS)


class _Problem(Fault, frozen=True, kw_only=True):
    """An answer in the API's error envelope."""

    status: Status
    error_type: str | None = None
    message: str = "Ordered from the sandbox"
    error_code: str | None = None
    retry_after: int | float | str | None = None
    headers: dict[str, str] = {}


class _Stream(Fault, frozen=True, kw_only=True):
    """Something about the rows; `framing` overrides the sandbox's own."""

    OPERATIONS = RESULTS
    framing: Framing | None = None


class Clean(Fault, frozen=True, kw_only=True, tag="clean"):
    """No fault: a placeholder that lets one call through."""


class Refuse(_Problem, frozen=True, kw_only=True, tag="refuse"):
    """Nothing is done; `early` answers before the body was read."""

    early: bool = False


class DropBefore(Fault, frozen=True, kw_only=True, tag="drop_before"):
    """Nothing is done, the connection is aborted: in mid-upload with `after_bytes`, else with all read."""

    after_bytes: Whole | None = None


class DropAfter(Fault, frozen=True, kw_only=True, tag="drop_after"):
    """The work is done, then the connection is aborted without an answer."""


class ErrorAfter(_Problem, frozen=True, kw_only=True, tag="error_after"):
    """The work is done, then the answer is an error."""

    status: Status = 500


class Html(Fault, frozen=True, kw_only=True, tag="html"):
    """An HTML error page as a proxy would send it; with `after` the work is done first."""

    status: Status = 503
    after: bool = False


class Late(Fault, frozen=True, kw_only=True, tag="late"):
    """The work is done at once, the answer comes `seconds` later."""

    seconds: Seconds


class LateStore(Fault, frozen=True, kw_only=True, tag="late_store"):
    """The whole body is read, the connection aborted, and the batch stored only `seconds` later."""

    OPERATIONS = CREATE
    seconds: Seconds


class Hide(Fault, frozen=True, kw_only=True, tag="hide"):
    """Stored, but 404 and not listed for `seconds`, or for the next `calls` looks; `lost`: not answered."""

    OPERATIONS = CREATE
    seconds: Seconds = 0.0
    calls: Whole = 0
    lost: bool = False

    def __post_init__(self) -> None:
        if not self.seconds and not self.calls:
            raise ValueError("needs `seconds` or `calls`")


class NotFound(Fault, frozen=True, kw_only=True, tag="not_found"):
    """404, although the batch is there; nothing is done."""

    OPERATIONS = frozenset({"retrieve", "results", "cancel", "delete"})


class Redirect(Fault, frozen=True, kw_only=True, tag="redirect"):
    """Sent elsewhere; nothing is done."""

    location: str
    status: Literal[301, 302, 303, 307, 308] = 307


class Garbage(Fault, frozen=True, kw_only=True, tag="garbage"):
    """The work is done, the answer is 200 with a body that is not JSON."""


class Empty(Fault, frozen=True, kw_only=True, tag="empty"):
    """The work is done, the answer is 200 with an empty body."""


class ForeignResultsUrl(Fault, frozen=True, kw_only=True, tag="foreign_results_url"):
    """`results_url` (null until ended, as ever) names the origin `url` and not our own."""

    OPERATIONS = VIEWS
    url: str


class RelativeResultsUrl(Fault, frozen=True, kw_only=True, tag="relative_results_url"):
    """`results_url` is a path without an origin."""

    OPERATIONS = VIEWS


class Cut(_Stream, frozen=True, kw_only=True, tag="cut"):
    """The connection ends after `rows` rows (default: half), at a line's end or in the next line's middle."""

    where: Literal["line_end", "mid_line"] = "line_end"
    rows: Whole | None = None


class Short(_Stream, frozen=True, kw_only=True, tag="short"):
    """A stream in perfect order that ends after `rows` rows (default: all but one)."""

    rows: Whole | None = None


class MissingRow(_Stream, frozen=True, kw_only=True, tag="missing_row"):
    """Without the row at position `row` of the stream."""

    row: Whole = 0


class DoubledRow(_Stream, frozen=True, kw_only=True, tag="doubled_row"):
    """The row at position `row` comes twice."""

    row: Whole = 0


class StrangerRow(_Stream, frozen=True, kw_only=True, tag="stranger_row"):
    """One row more, for a `custom_id` that nobody asked for; of the others all, or only `rows`."""

    custom_id: str = "stranger"
    place: Literal["first", "last"] = "last"
    rows: Whole | None = None


class UnknownType(_Stream, frozen=True, kw_only=True, tag="unknown_type"):
    """The row at position `row` has a `result.type` that does not exist."""

    row: Whole = 0


class Slow(_Stream, frozen=True, kw_only=True, tag="slow"):
    """A pause of `seconds` after every `rows` rows."""

    seconds: Seconds
    rows: Annotated[int, msgspec.Meta(ge=1)] = 1


_KINDS: tuple[type[Fault], ...] = (
    *(Clean, Refuse, DropBefore, DropAfter, ErrorAfter, Html, Late, LateStore, Hide, NotFound, Redirect),
    *(Garbage, Empty, ForeignResultsUrl, RelativeResultsUrl, Cut, Short, MissingRow, DoubledRow),
    *(StrangerRow, UnknownType, Slow),
)
FAULTS: dict[str, type[Fault]] = {str(kind.__struct_config__.tag): kind for kind in _KINDS}


def read_order(body: dict[str, Any]) -> Fault:
    """Return the fault that *body* orders, or raise `BadOrder` with the values that are known."""
    name, at = body.get("fault"), body.get("at")
    kind = FAULTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise BadOrder(f"fault: {name!r} is not known; known faults: {', '.join(FAULTS)}")
    if at not in kind.OPERATIONS | {"any"}:
        known = ", ".join(sorted(kind.OPERATIONS))
        raise BadOrder(f"at: {at!r} is not known for {name}; known: {known}, any")
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        known = ", ".join(sorted({*kind.__struct_fields__} - {"at"}))
        raise BadOrder(f"{name}: {error}; known details: {known}") from None


@dataclass(slots=True)
class _Entry:
    fault: Fault
    skip: int
    times: int


class FaultBook:
    """The orders that are still open."""

    def __init__(self) -> None:
        self._entries: deque[_Entry] = deque()

    def add(self, fault: Fault) -> None:
        """Take an order; it comes after all the earlier ones."""
        self._entries.append(_Entry(fault, fault.skip, fault.times))

    def take(self, operation: str) -> Fault | None:
        """Return the fault for one call of *operation*, and count it as delivered."""
        entry = next((each for each in self._entries if each.fault.fits(operation)), None)
        if entry is None:
            return None
        if entry.skip:
            entry.skip -= 1
            return None
        entry.times -= 1
        if not entry.times:
            self._entries.remove(entry)
        return entry.fault

    def show(self) -> list[dict[str, Any]]:
        """Return the open orders, with what is left of `times` and `skip`."""
        return [
            {**msgspec.to_builtins(entry.fault), "times": entry.times, "skip": entry.skip}
            for entry in self._entries
        ]

    def clear(self) -> None:
        """Forget every open order."""
        self._entries.clear()


def read_name(fault: Fault | None) -> str | None:
    """Return what *fault* is called in an order."""
    return None if fault is None else str(fault.__struct_config__.tag)
