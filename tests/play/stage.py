"""One history: a fresh spool, an emptied stand-in, a daemon that may be killed, and eyes on all of it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import BinaryIO, cast

from batchbox.ports.api import Api
from batchbox.ports.storage import Spool
from batchbox.settings.queues import QueueSettings
from batchbox_sandbox.remote import Sandbox
from tests.play.air import Air, Weather
from tests.play.eyes import Eyes, Watched, digest
from tests.play.fuse import Fuse, Guarded
from tests.support.engine import Clock, Engine, Killed

SETTINGS = {
    "max_part_requests": 3,
    "poll_seconds": 60.0,
    "answer_seconds": 5.0,
    "queue": {"skips": QueueSettings.model_validate({"bad_lines": "skip"})},
}
FLAGS = ("PAUSE", "DRAIN")


@dataclass(frozen=True)
class Scene:
    """Where histories are played."""

    sandbox: Sandbox
    folder: Path
    bugs: list[str]
    numbers: "count[int]"


class Stage:
    """The world of one history."""

    def __init__(self, scene: Scene) -> None:
        self.sandbox = scene.sandbox
        self.sandbox.reset()
        self._bugs = scene.bugs
        self._bugs.clear()
        self.root = scene.folder / str(next(scene.numbers))
        self.weather = Weather(Clock())
        self.fuse = Fuse(lambda: [self.sandbox.faults() for _ in range(2)])
        self.writers: dict[Path, tuple[BinaryIO, bytes]] = {}
        self.sound = True
        self.eyes = Eyes(self.root, self.sandbox)
        self.engine = Engine(
            self.root,
            self.sandbox.url,
            settings=SETTINGS,
            clock=self.weather.clock,
            wrap_api=lambda api: cast("Api", Guarded(self._veil(api), "api", self.fuse)),
            wrap_spool=lambda spool: cast("Spool", Guarded(Watched(spool, self.eyes), "spool", self.fuse)),
        )
        self.eyes.engine = self.engine

    def _veil(self, api: Api) -> Air:
        self.air = Air(api, self.sandbox, self.weather)
        return self.air

    def run(self, work: Callable[[], None]) -> None:
        """Let the engine do *work*; if that kills it, begin again."""
        self.sound = False
        try:
            work()
        except Killed:
            self.fuse.clear()
            self.eyes.deaths += 1
            self.engine.crash_and_restart()
        self.sound = True

    def look(self) -> None:
        """Look at everything that has to hold now."""
        self.sound = False
        self.air.arrive()
        assert not self._bugs
        self.eyes.look()
        self.sound = True

    def drop(self, queue: str, name: str, content: bytes) -> None:
        """Drop a file whole; one of that name that still lies there is overwritten."""
        self.withdraw(self.inbox(queue) / name)
        self.engine.drop(name, content, queue)
        self.eyes.dropped[queue, name, digest(content)] += 1

    def inbox(self, queue: str) -> Path:
        """Return the folder of a queue."""
        folder = self.root / "inbox" / queue
        folder.mkdir(exist_ok=True)
        return folder

    def lying(self) -> list[Path]:
        """Return what lies in the inbox."""
        return sorted((self.root / "inbox").rglob("*.jsonl"))

    def withdraw(self, path: Path) -> None:
        """Take a file out of the inbox, if it is there."""
        if path in self.writers:
            self.writers.pop(path)[0].close()
        if path.exists():
            self._count(path, -1)
            path.unlink()

    def _count(self, path: Path, number: int) -> None:
        inbox = self.root / "inbox"
        queue = "" if path.parent == inbox else path.parent.name
        self.eyes.dropped[queue, path.name, digest(path.read_bytes())] += number

    def begin_writing(self, queue: str, name: str, content: bytes) -> None:
        """Write the first half of a file in its place, and keep it open."""
        path = self.inbox(queue) / name
        self.withdraw(path)
        file = path.open("wb")
        half = len(content) // 2
        file.write(content[:half])
        file.flush()
        self.writers[path] = file, content[half:]
        self._count(path, 1)

    def finish_writing(self, path: Path) -> None:
        """Write the second half."""
        assert path.exists(), "a file was taken from under its writer"
        file, rest = self.writers.pop(path)
        self._count(path, -1)
        with file:
            file.write(rest)
        self._count(path, 1)

    def consume(self, receipt: Path, whole: bool) -> None:
        """Take a job's outputs out of the outbox, as who reads them does; if not *whole*, but the receipt."""
        (job,) = [
            job
            for job, path in self.eyes.receipts.items()
            if path == receipt and path in self.eyes.outputs and job not in self.eyes.consumed
        ]
        stem = receipt.name.removesuffix(".receipt.json")
        kinds = ["results.jsonl", "errors.jsonl", *(["receipt.json"] if whole else [])]
        for path in [receipt.with_name(f"{stem}.{kind}") for kind in kinds]:
            if self.eyes.outputs.pop(path, None):
                path.unlink()
        rejected = self.root / "rejected" / receipt.parent.relative_to(self.root / "outbox") / f"{stem}.jsonl"
        if whole and not rejected.exists():
            self.eyes.consumed.add(job)

    def raise_flag(self, name: str, up: bool) -> None:
        """Put up a flag of control/, or take it down."""
        path = self.root / "control" / name
        path.touch() if up else path.unlink(missing_ok=True)

    def work_off(self) -> None:
        """Let every batch end, and run until nothing is left to do; not for long, if a flag is up."""
        self.weather.hurry = True
        self.run(lambda: self.engine.run_turns(60))
        self.weather.hurry = False

    def finish(self) -> None:
        """Let everything be well, run to the end, and give back what a person had to look at."""
        self.fuse.clear()
        self.sandbox.clear()
        self.weather.mishaps.clear()
        for path in list(self.writers):
            self.finish_writing(path)
        for flag in FLAGS:
            self.raise_flag(flag, up=False)
        self.weather.hurry = True
        self.engine.run_to_end()
        self.look()
        for folder in (self.root / "hold").iterdir():
            folder.rename(self.root / "work" / folder.name)
            self.engine.run_for(61)  # the inbox is looked at once a minute
            self.engine.run_to_end()
        self.weather.clock.advance(1000)  # what is still on its way is stored, and paid, whoever waits for it
        self.look()
        self._check_end()

    def _check_end(self) -> None:
        for name in ("inbox", "work", "hold"):
            assert not [path for path in (self.root / name).rglob("*") if path.is_file()]
        jobs = [job.job for job in self.engine.manifests("done")]
        assert len(jobs) == self.eyes.dropped.total()
        assert set(jobs) == self.eyes.receipts.keys(), "not one receipt for each file"

    def close(self) -> None:
        """Leave nothing behind."""
        for file, _ in self.writers.values():
            file.close()
        self.engine.close()
        shutil.rmtree(self.root)
