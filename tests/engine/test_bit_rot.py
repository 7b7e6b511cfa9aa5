"""A manifest in which a byte has changed is never read as "not sent": it is put aside, or read as it was."""

from collections import Counter
from pathlib import Path

import pytest

from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.support.daemon import request
from tests.support.engine import Engine

TWO = request("a") + request("b")
SHARDS = 4
STEP = 13  # every so many bytes, unless all are asked for
BITS = (0x01, 0x02, 0x10, 0x20)
STATES = ("submitted", "in_doubt", "candidates")


def count_posts(sandbox: Sandbox) -> int:
    return sum(1 for call in sandbox.calls() if call["operation"] == "create")


def bring(engine: Engine, sandbox: Sandbox, state: str) -> Path:
    """Bring a job whose batch exists into *state*; return its manifest."""
    if state != "submitted":
        sandbox.order("create", "drop_after")
    engine.drop("a.jsonl", TWO)
    engine.run_until(engine.is_in(state))
    (manifest,) = engine.root.glob("work/*/manifest.json")
    return manifest


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("state", STATES)
def test_every_byte(
    start: Start,
    slow: Sandbox,
    tally: Counter[str],
    request: pytest.FixtureRequest,
    state: str,
    shard: int,
) -> None:
    """Whatever byte has rotted, nothing is sent, and nothing is published."""
    engine = start(on=slow)
    manifest = bring(engine, slow, state)
    job, whole = manifest.parent.name, manifest.read_bytes()
    step = 1 if request.config.getoption("--soak") else STEP
    for place in range(shard * step, len(whole), SHARDS * step):
        rotten = bytearray(whole)
        rotten[place] ^= BITS[place % len(BITS)]
        manifest.write_bytes(rotten)
        engine.crash_and_restart()
        engine.run_turns(3)
        held = engine.root / "hold" / job
        if held.exists():
            held.rename(manifest.parent)
            (manifest.parent / "hold.json").unlink()
        assert manifest.exists()
        tally["manifests with a byte changed"] += 1
    assert count_posts(slow) == 1
    assert not list((engine.root / "outbox").iterdir())
