"""Pure: the order of a batch's rows, and the ways to damage them."""

import random
from collections.abc import Iterable, Iterator
from itertools import chain, islice

import msgspec

from batchbox_sandbox import faults
from batchbox_sandbox.answers import UNKNOWN_TYPE, write_row
from batchbox_sandbox.batches import Batch, judge


def shuffle(count: int, seed: int) -> list[int]:
    """Return the positions 0..count-1 in an order that is never the original one, if there is another."""
    order = list(range(count))
    random.Random(seed).shuffle(order)
    # A client that relies on the order must fail on the first batch, not on every second small one.
    if order == sorted(order):
        order.reverse()
    return order


def write_rows(batch: Batch, seed: int) -> Iterator[bytes]:
    """Yield the result lines of the ended *batch*, one after the other, never all at once."""
    for index in shuffle(len(batch.requests), seed):
        yield write_row(batch.id, batch.requests[index], judge(batch, index))


def damage(lines: Iterable[bytes], count: int, fault: faults.Fault | None) -> Iterator[bytes]:
    """Yield the *count* lines as *fault* leaves them; a line cut short has no newline."""
    lines = iter(lines)
    match fault:
        case faults.Cut():
            yield from _cut(lines, count, fault)
        case faults.Short(rows=rows):
            yield from islice(lines, count - 1 if rows is None else rows)
        case faults.MissingRow(row=row):
            yield from (line for at, line in enumerate(lines) if at != row)
        case faults.DoubledRow(row=row):
            yield from (again for at, line in enumerate(lines) for again in [line] * (1 + (at == row)))
        case faults.StrangerRow(custom_id=custom_id, place=place, rows=rows):
            extra, others = [_stranger(custom_id)], islice(lines, rows)
            yield from chain(extra, others) if place == "first" else chain(others, extra)
        case faults.UnknownType(row=row):
            yield from (_forget_type(line) if at == row else line for at, line in enumerate(lines))
        case _:
            yield from lines


def _cut(lines: Iterator[bytes], count: int, fault: faults.Cut) -> Iterator[bytes]:
    # At least one row is lost, or it would not be a cut.
    rows = min(count // 2 if fault.rows is None else fault.rows, count - 1)
    yield from islice(lines, rows)
    if fault.where == "mid_line":
        line = next(lines)
        yield line[: len(line) // 2]


def _stranger(custom_id: str) -> bytes:
    return msgspec.json.encode({"custom_id": custom_id, "result": {"type": "expired"}}) + b"\n"


def _forget_type(line: bytes) -> bytes:
    return msgspec.json.encode({**msgspec.json.decode(line), "result": {"type": UNKNOWN_TYPE}}) + b"\n"
