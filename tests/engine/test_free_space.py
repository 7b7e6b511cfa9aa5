"""The room on the disk while a file is checked that grows by the files that it names."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from batchbox.engine.steps import free_space
from batchbox.ports.storage import Spool
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.promises import check_promises
from tests.support.engine import Engine, prompts

RESERVE = 100_000
PART = 150_000
LONG = "a" * 40_000
FAT = (
    json.dumps({"prompt": [{"type": "document", "source": {"type": "file", "path": "_d/text"}}]}).encode()
    + b"\n"
) * 20


class Disk:
    """A spool on a disk of *size* bytes, as far as jobs fill it. *least*: that ever was free."""

    def __init__(self, real: Spool, root: Path, size: int) -> None:
        self._real = real
        self._root = root
        self.size = size
        self.least = size

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def free_bytes(self) -> int:
        self.least = min(self.least, self.size - filled(self._root))
        return self.size - filled(self._root)


def filled(root: Path) -> int:
    """Return how many bytes the jobs of a spool take."""
    return sum(path.stat().st_size for path in (root / "work").glob("*/*"))


def put_document(engine: Engine) -> None:
    (engine.root / "inbox/_d").mkdir()
    (engine.root / "inbox/_d/text").write_text(LONG)


def test_a_file_that_grows_leaves_the_reserve_and_the_others_alone(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives all back that it took, waits and says why; what is dropped after it is answered meanwhile."""
    monkeypatch.setattr(free_space, "LOOK_EVERY", 1)
    root = tmp_path / "spool"
    settings = {"reserve_bytes": RESERVE, "max_part_bytes": PART}
    wrap = lambda spool: cast("Spool", Disk(spool, root, 600_000))  # noqa: E731
    engine = Engine(root, sandbox.url, wrap_spool=wrap, settings=settings)
    put_document(engine)
    engine.drop("fat.jsonl", FAT)
    engine.run_for(5)
    assert "no room on the disk" in engine.loop.memory.backoffs[engine.manifests()[0].job].problem
    assert filled(root) < 2 * len(FAT)
    engine.drop("small.jsonl", prompts("one"))
    engine.run_until(lambda: engine.path("small", "receipt.json").exists())
    disk = cast("Disk", engine.ctx.spool)
    assert RESERVE <= disk.least < 2 * RESERVE + PART
    disk.size = 1 << 30
    engine.run_to_end()
    assert engine.receipt("fat")["counts"]["succeeded"] == 20
    check_promises(engine, sandbox)
    engine.close()


def test_a_small_file_cannot_become_any_amount(start: Start) -> None:
    """It is refused with what to do, and nothing of it stays; one that does not grow may be of any size."""
    engine = start(max_unpacked_bytes=500_000, max_part_bytes=PART)
    put_document(engine)
    engine.drop("fat.jsonl", FAT)
    engine.drop("plain.jsonl", prompts(*["b" * 60_000] * 10))
    engine.run_to_end()
    (mistake,) = engine.receipt("fat")["mistakes"]
    assert (mistake["line"], mistake["problem"]) == (
        13,
        "the file grows by more than 500,000 bytes, with the files that it names",
    )
    assert "max_unpacked_bytes" in mistake["fix"]
    assert not list(engine.root.glob("**/part-*"))
    assert engine.receipt("plain")["status"] == "succeeded"
