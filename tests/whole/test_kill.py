"""SIGKILL at any moment of a busy day: names used again while they are in flight, answers lost, rows expired.

A run is told by its seed: `SEED=... pytest --soak tests/whole/test_kill.py` drops the same files, orders the
same faults and kills after the same events. What the machine does in between differs each time.
"""

import hashlib
import json
import os
import random
import select
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from batchbox_sandbox.remote import Sandbox
from tests.power.nursery import Nursery, Order
from tests.support.daemon import Box, request, wait_for

NAMES = [("", "a.jsonl"), ("", "b.jsonl"), ("", "c.jsonl"), ("nightly", "a.jsonl")]
LOST_ANSWERS = [("drop_after", {}), ("drop_before", {}), ("error_after", {}), ("late", {"seconds": 3})]
SMALL_PARTS = {"BATCHBOX_MAX_PART_REQUESTS": "3"}
SHARDS, KILLS = 2, 18
LONG_SHARDS, MANY_KILLS = 6, 60
LONGEST_FILE = 8
DIED = "the process has died"

Seen = tuple[int, int, int]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Dropped:
    """A file as it was dropped. *ids* is empty if it is to be refused."""

    content: bytes
    ids: list[str]


@dataclass
class Producer:
    """Drops ever new contents under ever the same names, and never over a file that still waits."""

    box: Box
    sandbox: Sandbox
    chance: random.Random
    dropped: dict[str, Dropped] = field(default_factory=dict)  # by digest
    expiring: set[str] = field(default_factory=set)

    def drop(self) -> None:
        """Drop one more file, if its name is free."""
        queue, name = self.chance.choice(NAMES)
        lines = self.chance.randrange(1, LONGEST_FILE)
        kind = self.chance.random()
        if (self.box.root / "inbox" / queue / name).exists():
            return
        ids = [f"{len(self.dropped)}-{line}" for line in range(lines)]
        if kind < 0.3:
            self._let_expire(self.chance.choice(ids))
        content = b"".join(map(request, ids))
        if kind > 0.9:
            content, ids = content + b"oops\n", []
        self.dropped[digest(content)] = Dropped(content, ids)
        self.box.drop(name, content, queue)

    def _let_expire(self, custom_id: str) -> None:
        self.sandbox.outcome(f'"question {custom_id}"', "expired")
        self.expiring.add(custom_id)


@dataclass
class Witness:
    """Looks at the outbox all the time, and remembers each file as it was at first sight."""

    outbox: Path
    digests: dict[Path, str] = field(default_factory=dict)
    _seen: dict[Path, Seen] = field(default_factory=dict)

    def look(self) -> bool:
        """Complain of a file that is gone or has changed, and of a receipt that came too early."""
        found = {path: path.stat() for path in sorted(self.outbox.rglob("*.json*"))}
        assert self._seen.keys() <= found.keys(), "a file is gone from the outbox"
        for path, now in found.items():
            seen = (now.st_ino, now.st_size, now.st_mtime_ns)
            assert self._seen.setdefault(path, seen) == seen, f"{path} has changed"
            if path not in self.digests:
                self._take_in(path)
        return True

    def _take_in(self, path: Path) -> None:
        content = path.read_bytes()
        self.digests[path] = digest(content)
        if path.name.endswith(".receipt.json"):
            for output in json.loads(content)["outputs"]:
                place = self.outbox.parent / output["folder"] / path.relative_to(self.outbox).parent
                named = (place / output["name"]).read_bytes()
                assert digest(named) == output["sha256"], f"{path} came before what it names"

    def receipts(self) -> dict[Path, dict[str, Any]]:
        """Return every receipt that was seen."""
        return {
            path: json.loads(path.read_bytes())
            for path in self.digests
            if path.name.endswith(".receipt.json")
        }


@dataclass
class Siege:
    """A daemon that is killed and started again and again."""

    box: Box
    sandbox: Sandbox
    chance: random.Random
    tally: Counter[str]
    nursery: Nursery
    producer: Producer = field(init=False)
    witness: Witness = field(init=False)
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.producer = Producer(self.box, self.sandbox, self.chance)
        self.witness = Witness(self.box.root / "outbox")
        self.log = self.box.root.with_name("siege.log")

    def live_and_die(self) -> None:
        """Start the daemon, drop files before and while it works, and kill it at some moment."""
        for _ in range(self.chance.randrange(3)):
            self.producer.drop()
        if self.chance.random() < 0.5:
            fault, details = self.chance.choice(LOST_ANSWERS)
            self.sandbox.order("create", fault, **details)
        events = self.chance.randrange(1, 20)
        number = self.nursery.begin(Order(self.box.env(**SMALL_PARTS), str(self.log), traced=False))
        self._await_events(number, events // 2)
        self.producer.drop()
        self._await_events(number, events - events // 2)
        pause = self.chance.choice([0, 0, 0.002, 0.005, 0.01])
        select.select([], [], [], pause)  # it lives on for a moment, which no event marks
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
        code = self.nursery.end()
        assert code in (0, -signal.SIGKILL), self.log.read_text()
        self.tally["kills of the daemon (SIGKILL)"] += code != 0
        self.witness.look()
        self.release()

    def _await_events(self, number: int, events: int) -> None:
        """Wait until so many more *events* are logged, or the daemon has found nothing left to do."""
        enough = self._count_events() + events

        def is_time() -> bool:
            self.witness.look()
            return self._count_events() >= enough or not Path(f"/proc/{number}").exists()

        wait_for(is_time, f"{events} events")

    def _count_events(self) -> int:
        return self.log.read_bytes().count(b"\n") if self.log.exists() else 0

    def release(self) -> None:
        """Bring back what was put aside because the process died in its midst three times."""
        asked = {path.name for path in (self.box.root / "control").glob("release-*")}
        for reason in (self.box.root / "hold").glob("*/hold.json"):
            job = reason.parent.name
            if f"release-{job}" in asked:
                continue
            with suppress(FileNotFoundError):  # on its way back already
                assert json.loads(reason.read_bytes())["problem"].startswith(DIED)
                (self.box.root / "control" / f"release-{job}").touch()
                self.tally["files put aside after three deaths, and released"] += 1

    def end(self) -> None:
        """Let the daemon work off what is left, and check everything."""
        hold, work = self.box.root / "hold", self.box.root / "work"

        def is_done() -> bool:
            self.release()
            self.witness.look()
            return len(self.witness.receipts()) >= len(self.producer.dropped)

        with self.box.running(**SMALL_PARTS):
            wait_for(is_done, "every receipt")
            wait_for(lambda: not list(work.iterdir()), "an empty work folder")
            assert not list(hold.iterdir())
        self.check_files()
        self.check_bill()
        self.tally["files dropped while the daemon was killed"] += len(self.producer.dropped)

    def check_files(self) -> None:
        """Each content has one receipt; its rows are in order, under its own ids; nothing has changed."""
        assert not list((self.box.root / "inbox").rglob("*.jsonl"))
        assert all(digest(path.read_bytes()) == known for path, known in self.witness.digests.items())
        receipts = self.witness.receipts()
        assert Counter(one["input"]["sha256"] for one in receipts.values()) == Counter(
            self.producer.dropped.keys()
        )
        named = set(receipts)
        for path, receipt in receipts.items():
            dropped = self.producer.dropped[receipt["input"]["sha256"]]
            folders = [output["folder"] for output in receipt["outputs"]]
            assert folders == (["outbox"] if dropped.ids else ["rejected"])
            assert receipt["status"] == ("succeeded" if dropped.ids else "rejected"), receipt
            if dropped.ids:
                rows = path.with_name(receipt["outputs"][0]["name"])
                named.add(rows)
                answered = [json.loads(row)["custom_id"] for row in rows.read_bytes().splitlines()]
                assert answered == dropped.ids
        assert named == {path for path in (self.box.root / "outbox").rglob("*") if path.is_file()}

    def check_bill(self) -> None:
        """Each request was accepted once, and once more for each time that it expired unanswered."""
        batches = self.sandbox.batches()
        accepted = [custom_id.rpartition("-") for batch in batches for custom_id in batch["custom_ids"]]
        expected = Counter(one for file in self.producer.dropped.values() for one in file.ids)
        expected.update(self.producer.expiring & expected.keys())
        assert Counter(base for base, _, _ in accepted) == expected
        nonces = [{one.rpartition("-")[2] for one in batch["custom_ids"]} for batch in batches]
        assert all(len(nonce) == 1 for nonce in nonces), "a batch under two marks"
        assert len(set.union(*nonces)) == len(nonces), "two batches under one mark"
        assert len({batch["crc32"] for batch in batches}) == len(batches), "a body was accepted twice"


@pytest.fixture
def nursery(pytestconfig: pytest.Config) -> Iterator[Nursery]:
    found = Nursery(pytestconfig.rootpath)
    yield found
    found.close()


@pytest.fixture
def siege(box: Box, sandbox: Sandbox, tally: Counter[str], nursery: Nursery) -> Siege:
    return Siege(box, sandbox, random.Random(0), tally, nursery)


def besiege(siege: Siege, seed: int | str, kills: int) -> None:
    siege.chance.seed(seed)
    for _ in range(kills):
        siege.live_and_die()
    siege.end()


@pytest.mark.parametrize("seed", range(SHARDS))
def test_killed_under_load(siege: Siege, seed: int) -> None:
    """Every content ends in one receipt with its own rows in order, and is paid once."""
    besiege(siege, seed, KILLS)


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(LONG_SHARDS))
def test_killed_for_long(siege: Siege, shard: int) -> None:
    """The same with hundreds of kills, at other moments each time."""
    seed = os.environ.get("SEED") or f"{random.SystemRandom().randrange(10**9)}-{shard}"
    print(f"SEED={seed}")  # noqa: T201  shown if it fails, and by -rP
    besiege(siege, seed, MANY_KILLS)


@pytest.mark.parametrize("fault", ["drop_after", "late"])
def test_killed_while_the_answer_is_awaited(siege: Siege, fault: str) -> None:
    """Killed with a submission in doubt, it finds its batch."""
    siege.sandbox.order("create", fault, times=2, **({"seconds": 5} if fault == "late" else {}))
    siege.producer.drop()
    daemon = siege.box.start(**SMALL_PARTS)
    wait_for(lambda: [call for call in siege.sandbox.calls() if call["method"] == "POST"], "a submission")
    daemon.kill()
    siege.tally["kills of the daemon (SIGKILL)"] += 1
    siege.end()
