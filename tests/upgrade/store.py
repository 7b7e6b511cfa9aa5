"""Store a spool as this version writes it, with jobs in every state, for those that come after.

    python -m tests.upgrade.store tests/upgrade/schema-2.tar.gz

To be run once for each number of `SCHEMA` or `FORMAT`, before it is released. In the archive: `spool/`, as it
is left by a daemon that was killed, and `api/NUMBER-ID.json`, the exact bytes of each batch the API took.

Each job is brought to its state by the real engine against the stand-in, in a process that ends there; what
later ones would take further meanwhile is put aside, and back at the end.
"""

import shutil
import socket
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from batchbox.domain.job import Manifest
from batchbox.domain.operator_commands import Command, Verb
from batchbox.domain.states import JobState, PartState
from batchbox.ports.api import Api, Body
from batchbox.ports.storage import Spool
from batchbox.storage.local.command_files import leave_command
from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.support.daemon import request
from tests.support.engine import Engine, Killed

TWO = request("a") + request("b")
THREE = TWO + request("c")
SETTINGS = {"max_part_requests": 2, "bad_lines": "skip"}

Moment = Callable[[str, Manifest], bool]


def never(_call: str, _job: Manifest) -> bool:
    """Let it live."""
    return False


def once_part_is(state: PartState) -> Moment:
    """Return the moment at which a part has become durable in *state*."""
    return lambda call, job: call == "saved" and any(part.state is state for part in job.parts)


def once_job_is(state: JobState) -> Moment:
    """Return the moment at which a job has become durable in *state*."""
    return lambda call, job: call == "saved" and job.state is state


def once(wanted: str, state: PartState | None = None) -> Moment:
    """Return the moment of a call, of a job with a part in *state* if one is given."""
    return lambda call, job: call == wanted and (not state or any(part.state is state for part in job.parts))


class Deadly:
    """A spool; the process ends at the given moment."""

    def __init__(self, real: Spool, moment: Moment) -> None:
        self._real = real
        self._moment = moment

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def _die(self, call: str, job: Manifest) -> None:
        if self._moment(call, job):
            raise Killed

    def take(self, incoming: Any, job: Manifest) -> Any:
        taken = self._real.take(incoming, job)
        self._die("taken", job)
        return taken

    def save(self, job: Manifest, *more: Any, **named: Any) -> Any:
        self._die("saving", job)
        stored = self._real.save(job, *more, **named)
        self._die("saved", job)
        return stored

    def publish(self, job: Manifest, output: Any) -> None:
        self._real.publish(job, output)
        self._die("published", job)


class Copied:
    """An API; what it is sent is kept as well."""

    def __init__(self, real: Api, sandbox: Sandbox, folder: Path) -> None:
        self._real = real
        self._sandbox = sandbox
        self._folder = folder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def create(self, body: Body, commit: Callable[[], None]) -> Any:
        with body.open() as file:
            data = file.read()
        try:
            return self._real.create(body, commit)
        finally:
            for number, batch in enumerate(self._sandbox.batches()):
                path = self._folder / f"{number:02d}-{batch['id']}.json"
                if not list(self._folder.glob(f"{number:02d}-*")):
                    path.write_bytes(data)


class Store:
    """The spool that is to be stored."""

    def __init__(self, base: Path, sandbox: Sandbox) -> None:
        self.root, self.api, self.aside = base / "spool", base / "api", base / "aside"
        self.api.mkdir()
        self.aside.mkdir()
        self.sandbox = sandbox

    def begin(self, moment: Moment = never) -> Engine:
        """Start a process that ends at *moment*."""
        return Engine(
            self.root,
            self.sandbox.url,
            settings=SETTINGS,
            wrap_spool=lambda spool: cast("Spool", Deadly(spool, moment)),
            wrap_api=lambda api: cast("Api", Copied(api, self.sandbox, self.api)),
        )

    def put_aside(self, engine: Engine, place: str = "work") -> str:
        """End that process, and put its one job aside; return its id."""
        engine.close()
        (folder,) = (self.root / place).iterdir()
        (self.aside / place).mkdir(exist_ok=True)
        folder.rename(self.aside / place / folder.name)
        return folder.name

    def kill(self, name: str, moment: Moment, content: bytes = TWO) -> str:
        """Bring a file to the moment at which the process ends; return its job."""
        engine = self.begin(moment)
        engine.drop(f"{name}.jsonl", content)
        try:
            engine.run_to_end()
        except Killed:
            return self.put_aside(engine)
        raise AssertionError(f"{name} never came to its moment")

    def leave(self, name: str, state: str, place: str = "work", content: bytes = TWO) -> str:
        """Leave a file in a state in which it waits for the API or for a person."""
        engine = self.begin()
        engine.drop(f"{name}.jsonl", content)
        engine.run_until(lambda: state in engine.states(place))
        return self.put_aside(engine, place)

    def finish(self, name: str, content: bytes = TWO, queue: str = "") -> None:
        """Bring a file to its end."""
        engine = self.begin()
        engine.drop(f"{name}.jsonl", content, queue)
        self.run_to_end(engine)
        engine.close()

    def run_to_end(self, engine: Engine) -> None:
        """Turn the loop until all is done; each batch ends as soon as it is seen."""

        def is_done() -> bool:
            self.sandbox.end()
            return engine.is_done()

        engine.run_until(is_done)

    def put_back(self) -> None:
        """Put all jobs in their places."""
        for place in self.aside.iterdir():
            for folder in place.iterdir():
                folder.rename(self.root / place.name / folder.name)
        shutil.rmtree(self.root / "state")
        (self.root / "state").mkdir()


def fill(store: Store) -> None:
    """Make a job in every state that there is."""
    sandbox = store.sandbox
    store.finish("succeeded")
    store.finish("in a queue", TWO, "nightly")
    store.finish("partial", TWO + b"nonsense\n")
    store.finish("rejected", b"nonsense\n")
    store.kill("taken", once("taken"))
    store.kill("ready", lambda call, job: call == "saved" and job.state is JobState.RUNNING)
    store.kill("prepared", once_part_is(PartState.PREPARED))
    store.kill("committed", once_part_is(PartState.COMMITTED))
    store.kill("committed and paid", once("saving", PartState.SUBMITTED))
    sandbox.order("create", "drop_after")
    store.leave("in doubt and paid", "in_doubt")
    sandbox.order("create", "drop_before")
    store.leave("in doubt", "in_doubt")
    sandbox.order("create", "drop_after")
    store.leave("candidates", "candidates")
    store.leave("submitted", "submitted")
    collect_one(store)
    for name, moment in (("sealed", once_job_is(JobState.PUBLISHING)), ("half out", once("published"))):
        publish_half(store, name, moment)
    publish_half(store, "done in work", once_job_is(JobState.DONE))
    cancel = store.kill("canceled", lambda call, job: call == "saved" and job.state is JobState.RUNNING)
    undecided = be_undecided(store)
    gone = be_gone(store)
    park(store)
    store.put_back()
    for command in ((Verb.CANCEL, cancel), (Verb.ADOPT, undecided[0], undecided[1]), (Verb.RELEASE, gone)):
        leave_command(store.root, Command(*command))
    (store.root / "inbox" / "waiting.jsonl").write_bytes(TWO)


def collect_one(store: Store) -> None:
    """Leave a file of which one part was fetched and one runs."""
    engine = store.begin()
    engine.drop("collected.jsonl", THREE)
    engine.run_until(lambda: engine.states() == ["submitted"] * 2)
    store.sandbox.end(engine.parts()[0].batch_id)
    engine.run_until(lambda: engine.states() == ["collected", "submitted"])
    store.put_aside(engine)


def publish_half(store: Store, name: str, moment: Moment) -> None:
    """Leave a file on its way into the outbox."""
    engine = store.begin(moment)
    engine.drop(f"{name}.jsonl", TWO)
    try:
        store.run_to_end(engine)
    except Killed:
        store.put_aside(engine)


def be_undecided(store: Store) -> tuple[str, str]:
    """Leave a file in hold/ whose batch may be one that is not shown; return its job, and that batch."""
    store.sandbox.order("create", "drop_after")
    engine = store.begin()
    engine.drop("undecided.jsonl", TWO)
    engine.run_until(engine.is_in("candidates"))
    batch_id = str(store.sandbox.batches()[-1]["id"])
    store.sandbox.delete(batch_id)
    engine.run_until(lambda: engine.states("hold") == ["undecided"])
    return store.put_aside(engine, "hold"), batch_id


def be_gone(store: Store) -> str:
    """Leave a file in hold/ whose results the API has no more; return its job."""
    engine = store.begin()
    engine.drop("gone.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))
    store.sandbox.end()
    store.sandbox.archive(store.sandbox.batches()[-1]["id"])
    engine.run_until(lambda: engine.states("hold") == ["gone"])
    return store.put_aside(engine, "hold")


def park(store: Store) -> None:
    """Leave a file in hold/ whose batch runs."""
    engine = store.begin()
    engine.drop("parked.jsonl", TWO)
    engine.run_until(engine.is_in("submitted"))
    (job,) = engine.manifests()
    engine.ctx.spool.park(job.job, "a person wanted it so", f"batchbox release {job.job}")
    store.put_aside(engine, "hold")


def main(target: Path) -> None:
    """Write the archive."""
    with (
        tempfile.TemporaryDirectory() as base,
        running(SandboxSettings(work_seconds=86_000.0, cancel_seconds=0.0)) as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(socket, "gethostname", lambda: "server")  # every manifest names it
        store = Store(Path(base), sandbox)
        fill(store)
        with tarfile.open(target, "w:gz") as archive:
            for folder in (store.root, store.api):
                archive.add(folder, folder.name, filter=_make_anonymous)


def _make_anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main(Path(sys.argv[1]))
