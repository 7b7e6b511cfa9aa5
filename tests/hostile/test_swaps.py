"""A file that is swapped while it is being taken: what is taken was really there, whole."""

import json
import os
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from batchbox.ports.storage import Spool
from batchbox_sandbox.remote import Sandbox
from tests.engine.meddling import Meddled
from tests.hostile.conftest import Start
from tests.hostile.neighbours import KINDS, LINES, clear, digest, outside, require_secret, swap, whole
from tests.storage.support import fork
from tests.support.engine import Engine

MOMENTS = ["examine", "take"]
EAGER = {"quiet_seconds": 0.0, "max_settle_seconds": 0.0}
SHARDS = 4
SWAPS, SOAK_SWAPS = 10_000, 200_000


def meddled(start: Start, name: str) -> tuple[Engine, Meddled]:
    """Return an engine and its spool, with whose call *name* a neighbour interferes."""
    real: list[Meddled] = []

    def wrap(spool: Spool) -> Spool:
        real.append(Meddled(spool, name))
        return cast("Spool", real[-1])

    return start(wrap_spool=wrap), real[0]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", KINDS)
def test_swapped_at_the_last_instant(
    start: Start, sandbox: Sandbox, tally: Counter[str], kind: str, moment: str
) -> None:
    """Between the scan, the look and the claim: another file is taken whole, anything else is not read."""
    engine, spool = meddled(start, moment)
    path = engine.root / "inbox" / "x.jsonl"
    outside(path)
    spool.before.append(lambda: swap(path, KINDS[kind]))
    engine.drop("x.jsonl", whole(1))
    engine.run_until(lambda: not spool.before)
    engine.run_for(30)
    assert outside(path).stat().st_mode & 0o777 == 0o600
    if kind == "another file":
        engine.run_to_end()
        assert engine.receipt("x")["input"]["sha256"] == digest(whole(2))
    else:
        assert not engine.path("x", "receipt.json").exists()
        assert sandbox.batches() == []
        require_secret(engine.root, sandbox, but="x.jsonl" if path.exists() else "request.jsonl")
    tally["attempts of neighbours"] += 1


@pytest.mark.parametrize("moment", ["take", "request", "open"])
def test_the_other_name_goes_away_in_time(
    start: Start, sandbox: Sandbox, tally: Counter[str], moment: str
) -> None:
    """A second name that is there for the claim alone: what was taken is one file, unchanged."""
    engine, spool = meddled(start, moment)
    path = engine.root / "inbox" / "x.jsonl"
    other = engine.root.parent / "other"
    spool.before += [lambda: os.link(path, other)] if moment == "take" else [lambda: None]
    spool.after.append(lambda: other.unlink(missing_ok=True))
    engine.drop("x.jsonl", whole(1))
    engine.run_to_end()
    assert engine.receipt("x")["input"]["sha256"] == digest(whole(1))
    assert not other.exists()
    require_secret(engine.root, sandbox)
    tally["attempts of neighbours"] += 1


def swap_on(path: Path, numbers: range) -> None:
    """Do nothing else but swap: mostly another good file, in between what is none."""
    odd = ["a link", "a pipe", "a folder"]
    for number in numbers:
        good = bool(number % 5)
        swap(path, partial(write_number, number=number) if good else KINDS[odd[number // 5 % len(odd)]])


def write_number(path: Path, number: int) -> None:
    """Write good file *number*."""
    path.write_bytes(whole(number))


@pytest.mark.parametrize("shard", range(SHARDS))
def test_swapped_again_and_again(
    start: Start, sandbox: Sandbox, tally: Counter[str], pytestconfig: pytest.Config, shard: int
) -> None:
    """Thousands of swaps while files are taken: each that is answered was there, whole."""
    swaps = (SOAK_SWAPS if pytestconfig.getoption("--soak") else SWAPS) // SHARDS
    numbers = range(shard * swaps, (shard + 1) * swaps)
    engine = start(settings=EAGER)
    path = engine.root / "inbox" / "x.jsonl"
    outside(path)
    child = fork(lambda: swap_on(path, numbers))
    engine.run_until(lambda: has_ended(child))
    clear(path)
    engine.run_to_end()
    known = {digest(whole(number)): number for number in numbers}
    receipts = [json.loads(one.read_bytes()) for one in engine.root.glob("outbox/*.receipt.json")]
    for receipt in receipts:
        number = known[receipt["input"]["sha256"]]
        rows = engine.rows(stem_of_receipt(receipt))
        assert [row["custom_id"] for row in rows] == [f"{number}-{line}" for line in range(LINES)]
    assert receipts
    require_secret(engine.root, sandbox)
    tally["swaps of a file while it was being claimed"] += swaps
    tally["swaps of a file: files taken meanwhile"] += len(receipts) + len(engine.manifests("hold"))


def stem_of_receipt(receipt: dict[str, Any]) -> str:
    """Return the stem of the results that *receipt* names."""
    return str(receipt["outputs"][0]["name"]).removesuffix(".results.jsonl")


def has_ended(child: int) -> bool:
    """Say whether *child* has ended, and well."""
    found, status = os.waitpid(child, os.WNOHANG)
    assert status == 0
    return found == child
