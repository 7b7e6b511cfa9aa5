"""One trial: a scenario from the first start of the program to the end, with one mishap on the way."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from batchbox.domain.errors import Stop
from batchbox.ports.api import Api
from batchbox_sandbox.remote import Sandbox
from tests.engine.promises import check_promises
from tests.faults.scenarios import Scenario
from tests.support.disk import CountedApi, Disk
from tests.support.engine import Engine, Killed
from tests.support.mishaps import Mishap, Operation

RESTART_SECONDS = 60.0
LIVES = 100


class Outbox:
    """What a producer sees: only whole files, which never change or vanish, and receipts that come last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, str] = {}

    def look(self) -> None:
        """Look at every name that a producer would read."""
        paths = {str(path): path for path in self._files()}
        assert self._seen.keys() <= paths.keys(), "something vanished from the outbox"
        for name, path in sorted(paths.items()):
            data = path.read_bytes()
            found = hashlib.sha256(data).hexdigest()
            assert self._seen.get(name, found) == found, f"{name} changed after it was first seen"
            if name not in self._seen:
                self._read(path, data)
            self._seen[name] = found

    def _files(self) -> Iterator[Path]:
        for path in self._folder.rglob("*"):
            if not path.name.startswith(".") and path.is_file():
                yield path

    def _read(self, path: Path, data: bytes) -> None:
        """Read a file at first sight: it is whole, and with a receipt all that it names is there."""
        assert data.endswith(b"\n"), f"{path.name} is half a file"
        if path.name.endswith(".jsonl"):
            for line in data.splitlines():
                json.loads(line)
            return
        for output in json.loads(data)["outputs"]:
            place = self._folder.parent / output["folder"] / path.parent.relative_to(self._folder)
            content = (place / output["name"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == output["sha256"], f"{path.name} came too early"


class Trial:
    """The program under one mishap, started anew as often as it ends before its work does."""

    def __init__(self, root: Path, sandbox: Sandbox, disk: Disk, scenario: Scenario) -> None:
        sandbox.reset()
        disk.armed = False
        self.scenario = scenario
        self._sandbox = sandbox
        self._disk = disk
        self._sent = False
        self._clients: list[Any] = []
        settings = {"max_part_requests": 2, "bad_lines": "reject"} | scenario.settings
        self.engine = Engine(root, sandbox.url, settings=settings, wrap_api=self._wrap)
        self._outbox = Outbox(root / "outbox")
        self.deaths = 0
        self.ends: list[str] = []

    def _wrap(self, api: Api) -> Api:
        self._clients.append(api)
        return cast("Api", CountedApi(api, self._disk, self._hear))

    def _hear(self, call: str) -> None:
        if call == "create" and not self._sent:
            self._sent = True
            self.scenario.sent(self._sandbox)

    def run(self, mishap: Mishap) -> list[Operation]:
        """Run to the end and check everything; return all that was asked of the disk and the API."""
        self._disk.bury()
        self.scenario.begin(self.engine, self._sandbox)
        self._disk.watch = self._outbox.look
        self._disk.arm(mishap)
        while not self._live():
            self._outbox.look()
            self._disk.bury()
            self.engine.clock.advance(RESTART_SECONDS)
            assert self.deaths + len(self.ends) < LIVES, self.ends
        self._disk.armed = False
        self._check()
        self._disk.bury()
        for client in self._clients:
            client.close()
        return self._disk.trace

    def _live(self) -> bool:
        """Run the program once; say whether it came to the end of its work."""
        try:
            self.engine.open()
            self.engine.run_until(self._is_done)
        except Killed:
            self.deaths += 1
            return False
        except (OSError, Stop) as error:
            self.ends.append(repr(error))
            return False
        return True

    def _is_done(self) -> bool:
        self._disk.armed = False  # the test's own looks are not the program's
        self.scenario.turn(self.engine)
        self._disk.armed = True
        self._outbox.look()
        asked = list((self.engine.root / "control").glob("*-*"))
        return self._disk.mishap.is_over() and self.engine.is_done() and not asked

    def _check(self) -> None:
        self._outbox.look()
        assert {stem: self._status(stem) for stem in self.scenario.statuses} == self.scenario.statuses
        receipts = list((self.engine.root / "outbox").rglob("*.receipt.json"))
        assert len(receipts) == len(self.scenario.statuses)
        assert not list((self.engine.root / "hold").iterdir())
        check_promises(self.engine, self._sandbox)

    def _status(self, stem: str) -> str:
        queue, _, name = stem.rpartition("/")
        return str(self.engine.receipt(name, queue)["status"])
