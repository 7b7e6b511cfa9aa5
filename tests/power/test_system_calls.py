"""Every system call of the daemon fails, or is its last: it goes on, or says why not; then all ends well."""

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import pytest

from batchbox.storage.local.lock import make_spool
from batchbox_sandbox.remote import Sandbox
from tests.power.nursery import Nursery, Order
from tests.support.daemon import Box, request

ROOT = Path(__file__).parents[2]
SHARDS = 4
FAILING = 1.5  # seconds, after which nothing fails any more
LIVES = 3  # in a row that are ended at the same call; each gets a little further
KILLED = -9
TOLD = (0, 3, 4)  # exit codes: all well, the disk cannot be used, no key
SOON = {
    "BATCHBOX_SCAN_SECONDS": "0.05",
    "BATCHBOX_DOUBT_SECONDS": "1",
    "BATCHBOX_ANSWER_SECONDS": "2",  # a send that failed is passed over, and the answer awaited
    "BATCHBOX_MAX_PART_REQUESTS": "2",
}

ERRORS = [
    *[("fsync", error) for error in ("EIO", "ENOSPC")],
    *[("rename", error) for error in ("EIO", "ENOSPC", "EACCES")],
    *[("renameat2", error) for error in ("EIO", "EDQUOT")],
    *[("write", error) for error in ("EIO", "ENOSPC")],
    *[("openat", error) for error in ("EMFILE", "ENOSPC", "EIO")],
    *[("mkdir", error) for error in ("ENOSPC", "EDQUOT")],
    *[("link", error) for error in ("ENOSPC", "EMLINK")],
    *[("unlink", error) for error in ("EIO", "EROFS")],
    *[("sendto", error) for error in ("ECONNRESET", "ENETUNREACH")],
    *[("connect", error) for error in ("ECONNREFUSED", "ETIMEDOUT")],
]
CALLS = list(dict.fromkeys(call for call, _ in ERRORS))
SHARDED = [0, *(pytest.param(one, marks=pytest.mark.slow) for one in range(1, SHARDS))]


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Give a process that starts daemons; skip where system calls cannot be met."""
    strace = shutil.which("strace")
    if not strace:
        pytest.skip("strace is not installed")
    seen = subprocess.run([strace, "true"], capture_output=True, text=True, check=False)
    if seen.returncode:
        pytest.skip(f"strace may not look: {seen.stderr.splitlines()[0]}")
    with closing(Nursery(ROOT)) as found:
        yield found


class Trial:
    """A daemon to be run on a spool of its own, again and again."""

    def __init__(self, nursery: Nursery, sandbox: Sandbox, folder: Path) -> None:
        folder.mkdir()
        self._nursery = nursery
        self._sandbox = sandbox
        self._log = folder / "log"
        self._trace = folder / "trace"
        make_spool(folder / "spool")
        sandbox.reset()
        self.box = Box(folder / "spool", {"ANTHROPIC_BASE_URL": sandbox.url, "ANTHROPIC_API_KEY": "x"} | SOON)
        self.box.drop("q.jsonl", request("a") + request("b") + request("c"))
        self.box.drop("wrong.jsonl", b"nonsense\n")

    def run(self, injection: str = "") -> int:
        """Run until idle, with something done to a system call for a while; return the exit code."""
        child = self._nursery.begin(Order(self.box.env(), str(self._log), traced=bool(injection)))
        if injection:
            self._meet(child, injection)
        return self._nursery.end()

    def _meet(self, child: int, injection: str) -> None:
        call = injection.partition(":")[0]
        words = ["strace", "-f", "-o", str(self._trace), "-e", f"trace={call}", "-e", f"inject={injection}"]
        with subprocess.Popen([*words, "-p", str(child)], stderr=subprocess.DEVNULL) as tracer:
            with suppress(subprocess.TimeoutExpired):
                tracer.wait(timeout=FAILING)
            tracer.terminate()

    def failures(self) -> int:
        """Return how many calls have failed."""
        return self._trace.read_text(errors="replace").count("(INJECTED)")

    def check_told(self, code: int) -> None:
        """Check that it went on, or ended with a documented code and a sentence."""
        said = self._log.read_text(errors="replace")
        assert "Traceback" not in said, said
        assert "a bug in batchbox" not in said, said
        assert code in TOLD, said
        assert code == 0 or "batchbox: " in said

    def finish(self) -> None:
        """Run once more, undisturbed, and check everything."""
        code = self.run()
        assert code == 0, self._log.read_text(errors="replace")
        names = sorted(path.name for path in (self.box.root / "outbox").iterdir())
        assert names == ["q.receipt.json", "q.results.jsonl", "wrong.receipt.json"]
        assert [row["custom_id"] for row in self.box.rows("q")] == ["a", "b", "c"]
        receipts = [self.box.await_receipt(stem) for stem in ("q", "wrong")]
        assert [receipt["status"] for receipt in receipts] == ["succeeded", "rejected"]
        paid = [one.partition("-")[0] for batch in self._sandbox.batches() for one in batch["custom_ids"]]
        assert sorted(paid) == ["a", "b", "c"]
        assert not list((self.box.root / "work").iterdir())


Attempt = Callable[[int], Trial]


@pytest.fixture
def attempt(nursery: Nursery, sandbox: Sandbox, tmp_path: Path) -> Attempt:
    """Begin a trial, each on a new spool."""
    return lambda number: Trial(nursery, sandbox, tmp_path / str(number))


@pytest.fixture
def numbers(pytestconfig: pytest.Config) -> list[int]:
    """Give the numbers of the calls to be met; none: all there are."""
    return [] if pytestconfig.getoption("--soak") else [3]


@pytest.mark.parametrize("shard", SHARDED)
@pytest.mark.parametrize(("call", "error"), ERRORS)
def test_a_call_that_fails(
    attempt: Attempt, tally: Counter[str], numbers: list[int], shard: int, call: str, error: str
) -> None:
    """The n-th call of each thread fails, for every n: a sentence at most, and nothing lost or paid twice."""
    for number in numbers or count(shard + 1, SHARDS):
        trial = attempt(number)
        trial.check_told(trial.run(f"{call}:error={error}:when={number}"))
        trial.finish()
        tally["system calls that failed (strace)"] += trial.failures()
        if not trial.failures():
            return


@pytest.mark.parametrize("shard", SHARDED)
@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_is_the_last(
    attempt: Attempt, tally: Counter[str], numbers: list[int], shard: int, call: str
) -> None:
    """Killed at its n-th call, for every n, three times over: the next start puts everything right."""
    for number in numbers or count(shard + 1, SHARDS):
        trial = attempt(number)
        codes = [trial.run(f"{call}:signal=KILL:when={number}") for _ in range(LIVES)]
        assert set(codes) <= {0, KILLED}
        trial.finish()
        tally["system calls killed at (strace)"] += codes.count(KILLED)
        if codes[0] == 0:
            return
