"""The real engine in this process: real folders, the real client, the stand-in; only time is made up.

The loop runs as it does in the program. Its mailbox, where the program would wait for news, moves the
clock on instead, by exactly as long as the loop was willing to wait; so hours pass in milliseconds.
"""

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from batchbox.api.client import AnthropicApi
from batchbox.domain.file_types import form_of
from batchbox.domain.job import Manifest
from batchbox.domain.operator_commands import Command, Verb
from batchbox.domain.part import Part
from batchbox.engine.dispatch import start_thread
from batchbox.engine.loop import Loop
from batchbox.engine.mailbox import Hint, Mail, Mailbox
from batchbox.engine.steps.context import Context
from batchbox.ports.api import Api
from batchbox.ports.storage import Spool
from batchbox.settings.model import Settings
from batchbox.storage.local.command_files import leave_command
from batchbox.storage.local.local_spool import LocalSpool
from batchbox.storage.local.lock import make_spool
from batchbox.storage.local.manifest_files import read_manifest

TURNS = 20_000
IDLE_TURNS = 200  # in a row, without news and without waiting: the loop would burn a processor
ANSWER_SECONDS = 0.3
REAL_STEP = 0.02

USUAL = {"scan_seconds": 60.0, "answer_seconds": ANSWER_SECONDS, "reserve_bytes": 0}


class Killed(BaseException):
    """The process ends here, as by SIGKILL: nothing catches it."""


class _Enough(BaseException):
    """What was waited for has come."""


class Clock:
    """A clock that moves when it is told to. It begins with the real time, which the stand-in goes by."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._start = datetime.now(UTC)  # noqa: TID251

    def now(self) -> datetime:
        """Return the time of day."""
        return self._start + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Return seconds that only ever go forward."""
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Let *seconds* pass."""
        self.seconds += seconds

    def set_back(self, seconds: float) -> None:
        """Let the time of day, and nothing else, be *seconds* earlier."""
        self._start -= timedelta(seconds=seconds)


class PassingMailbox(Mailbox):
    """Lets the clock pass where the loop would wait. *pause* is called between two turns."""

    def __init__(self, clock: Clock, pause: Callable[[], None], is_busy: Callable[[], bool]) -> None:
        super().__init__()
        self._clock = clock
        self._pause = pause
        self._is_busy = is_busy
        self._idle = 0

    def take(self, seconds: float) -> list[Mail]:
        """Return the mail there is, or let *seconds* pass if there is none."""
        self._pause()
        mail = super().take(REAL_STEP if self._is_busy() else 0)
        self._idle = 0 if mail or seconds > 0 else self._idle + 1
        assert self._idle < IDLE_TURNS, "the loop turns and turns without anything to do"
        if not mail:
            self._clock.advance(seconds)
        return mail


@dataclass
class Engine:
    """One spool, and the engine that works it until the test ends or it is killed."""

    root: Path
    url: str
    threads: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    wrap_spool: Callable[[Spool], Spool] = lambda spool: spool
    wrap_api: Callable[[Api], Api] = lambda api: api
    clock: Clock = field(default_factory=Clock)
    dropped: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        make_spool(self.root)
        self._epoch = 0
        self._turns = 0
        self._fact: Callable[[], object] = lambda: None
        self.open()

    def open(self) -> None:
        """Begin as the program does, with nothing in memory."""
        self._epoch += 1
        settings = Settings(base_url=self.url, **(USUAL | self.settings))
        self._folder = LocalSpool(self.root, self._epoch)
        self._client = AnthropicApi(lambda: "sandbox", self.url, settings.answer_seconds)
        spool, api = self.wrap_spool(self._folder), self.wrap_api(self._client)
        self.ctx = Context(spool, api, self.clock, settings, secrets.token_bytes)
        self.mailbox = PassingMailbox(self.clock, self._between_turns, self._is_busy)
        self.loop = Loop(self.ctx, self.mailbox, start_thread if self.threads else lambda work: work())

    def close(self) -> None:
        """Let go of the spool."""
        self._folder.close()
        self._client.close()

    def crash_and_restart(self) -> None:
        """Lose all that is in memory, and begin again."""
        self.close()
        self.open()

    def _is_busy(self) -> bool:
        return self.threads and bool(self.loop.memory.busy or self.loop.memory.polling)

    def _between_turns(self) -> None:
        if self._fact():
            raise _Enough
        self._turns += 1
        assert self._turns < TURNS, f"in vain after {TURNS} turns: {self.loop.memory.jobs}"

    def run_until(self, fact: Callable[[], object]) -> None:
        """Turn the loop until *fact* holds; it is asked between two turns."""
        self._fact, self._turns = fact, 0
        try:
            self.loop.run()
        except _Enough:
            self._fact = lambda: None

    def run_turns(self, number: int) -> None:
        """Turn the loop that often, or until nothing is left to do."""
        left = number + 1

        def is_enough() -> bool:
            nonlocal left
            left -= 1
            return left == 0 or self.is_done()

        self.run_until(is_enough)

    def is_done(self) -> bool:
        """Say whether nothing is left to do but what needs a person or a producer."""
        files = (path for path in (self.root / "inbox").glob("**/*") if not path.is_dir())
        return self.loop.is_idle() and not any(form_of(os.fsencode(path.name)) for path in files)

    def run_to_end(self) -> None:
        """Turn the loop until it is done."""
        self.run_until(self.is_done)

    def run_for(self, seconds: float) -> None:
        """Turn the loop until that much time has passed."""
        end = self.clock.seconds + seconds
        self.run_until(lambda: self.clock.seconds >= end)

    def drop(self, name: str | bytes, content: bytes, queue: str = "") -> None:
        """Put a whole file into the inbox by one rename."""
        folder = self.root / "inbox" / queue
        folder.mkdir(exist_ok=True)
        (folder / ".dropping.tmp").write_bytes(content)
        (folder / ".dropping.tmp").rename(folder / os.fsdecode(name))
        self.dropped[queue, os.fsdecode(name)] = content
        self.mailbox.put(Hint())

    def ask(self, verb: str, job: str, batch_id: str = "") -> None:
        """Leave a command, and turn the loop until it has been carried out."""
        name = Command(Verb(verb), job, batch_id).name
        leave_command(self.root, Command(Verb(verb), job, batch_id))
        self.mailbox.put(Hint())
        self.run_until(lambda: name not in self._folder.commands())

    def receipt(self, stem: str, queue: str = "") -> dict[str, Any]:
        """Return the receipt of *stem*."""
        found: dict[str, Any] = json.loads(self.path(stem, "receipt.json", queue).read_bytes())
        return found

    def rows(self, stem: str, kind: str = "results", queue: str = "") -> list[dict[str, Any]]:
        """Return the lines of an output of *stem*."""
        return [
            json.loads(line) for line in self.path(stem, f"{kind}.jsonl", queue).read_bytes().splitlines()
        ]

    def path(self, stem: str, kind: str, queue: str = "") -> Path:
        """Return where an output of *stem* is, or would be."""
        return self.root / "outbox" / queue / f"{stem}.{kind}"

    def manifests(self, folder: str = "work") -> list[Manifest]:
        """Return the manifests of the jobs in a folder of the spool, by its pattern."""
        paths = sorted((self.root / folder).glob("**/manifest.json"))
        found = [read_manifest(path.parent) for path in paths]
        return [stored.manifest for stored in found if stored]

    def parts(self, folder: str = "work") -> list[Part]:
        """Return all parts of the jobs in a folder of the spool."""
        return [part for job in self.manifests(folder) for part in job.parts]

    def states(self, folder: str = "work") -> list[str]:
        """Return the states of all parts there."""
        return [part.state.value for part in self.parts(folder)]

    def is_in(self, state: str) -> Callable[[], bool]:
        """Return a fact: some part under way is in *state*."""
        return lambda: state in self.states()


def prompts(*texts: str) -> bytes:
    """Return a file of bare prompts."""
    return b"".join(json.dumps(text).encode() + b"\n" for text in texts)
