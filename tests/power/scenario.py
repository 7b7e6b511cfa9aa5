"""What is worked off while the world breaks: files of every fate, and what has to come of them."""

from pathlib import Path

from batchbox.storage.local.lock import make_spool
from batchbox_sandbox.remote import Sandbox
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine

FILES = {
    "three.jsonl": request("a") + request("b") + request("c"),  # of two parts
    "wrong.jsonl": b"nonsense\n",
    "again.jsonl": request("x") + request("again"),  # one row expires, and is asked again
}
STATUSES = {"three": "succeeded", "wrong": "rejected", "again": "succeeded"}
SETTINGS = {"max_part_requests": 2}


def prepare(root: Path, sandbox: Sandbox) -> None:
    """Begin anew: an empty stand-in that will lose one answer, a new spool with all files dropped."""
    sandbox.reset()
    sandbox.outcome("question again", "expired")
    sandbox.order("create", "drop_after", skip=1)
    make_spool(root)
    for name, content in FILES.items():
        (root / "inbox" / name).write_bytes(content)


def start(root: Path, url: str) -> Engine:
    """Start an engine on what lies there."""
    return Engine(root, url, settings=SETTINGS, dropped={("", name): FILES[name] for name in FILES})


def finish(engine: Engine, sandbox: Sandbox) -> None:
    """Run to the end, and check everything."""
    engine.run_to_end()
    receipts = {path.name for path in (engine.root / "outbox").glob("**/*.receipt.json")}
    assert receipts == {f"{stem}.receipt.json" for stem in STATUSES}, receipts
    assert {stem: engine.receipt(stem)["status"] for stem in STATUSES} == STATUSES
    check_promises(engine, sandbox)
