"""A file in whose midst the process dies again and again is put aside; nobody else is blamed for it."""

from collections import Counter
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from batchbox.storage.local.lock import make_spool
from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.support.daemon import Box, Daemon, request, wait_for

DEATHS_BORNE = 3
LONG = 20_000  # characters in a line of a file whose check takes long enough to be met in its midst
LINES = 1000
TWO = request("a") + request("b")  # the second row comes after a pause
GRACE = {"BATCHBOX_GRACE_SECONDS": "0.2"}


def long_file(stem: str) -> bytes:
    """Return a file of 20 MB."""
    return b"".join(request(f"{stem}-{n}", "x" * LONG) for n in range(LINES))


def deaths(box: Box, name: str) -> int:
    """Return how many steps of the job of file *name* have begun and not ended."""
    for manifest in (box.root / "work").glob("*/manifest.json"):
        with suppress(FileNotFoundError):  # it has moved on meanwhile
            if name.encode() in manifest.read_bytes():
                return len((manifest.parent / "begun").read_bytes())
    return 0


def kill_in_midst(box: Box, name: str, also: str = "") -> None:
    """Start the daemon; kill it as soon as it is in the midst of file *name*, and of *also* if given."""
    before = deaths(box, name)
    with box.running():
        wait_for(lambda: deaths(box, name) > before and (not also or deaths(box, also)), f"work on {name}")


def held(box: Box) -> list[str]:
    return [path.parent.name for path in (box.root / "hold").glob("*/hold.json")]


def await_held(box: Box) -> str:
    """Return the one job in hold/, once there is one."""
    (job,) = wait_for(lambda: held(box), "a job in hold/")
    return job


def slow_answers(sandbox: Sandbox) -> None:
    """Let the rows of every batch come so slowly that a fetch never ends by itself."""
    sandbox.order("results", "slow", times=99, seconds=30)


def count_calls(sandbox: Sandbox, operation: str) -> int:
    return sum(1 for call in sandbox.calls() if call["operation"] == operation)


def await_fetch(sandbox: Sandbox) -> None:
    """Wait until the rows of a batch are on their way, once more."""
    before = count_calls(sandbox, "results")
    wait_for(lambda: count_calls(sandbox, "results") > before, "a fetch")


def await_polls(sandbox: Sandbox) -> None:
    """Wait until the state of the batches was asked for, twice more."""
    before = count_calls(sandbox, "list")
    wait_for(lambda: count_calls(sandbox, "list") > before + 1, "two polls")


def files_suspected(daemon: Daemon) -> set[str]:
    """Return the names of the files that any daemon of this spool suspected."""
    names = {event["job"]: event["file"] for event in daemon.events("job.taken")}
    return {names[event["job"]] for event in daemon.events("job.suspected")}


def test_put_aside_after_three_deaths(box: Box, sandbox: Sandbox, tally: Counter[str]) -> None:
    """Parked with a reason to act on; others go on, also one that was in work at the first death."""
    box.drop("poison.jsonl", long_file("p"))
    box.drop("neighbour.jsonl", long_file("n"))
    kill_in_midst(box, "poison.jsonl", also="neighbour.jsonl")
    box.drop("small.jsonl", request("s"))
    for _ in range(DEATHS_BORNE - 1):
        kill_in_midst(box, "poison.jsonl")
        assert deaths(box, "neighbour.jsonl") <= 1, "it was worked on beside a suspect"
    tally["kills of the daemon (SIGKILL)"] += DEATHS_BORNE
    with box.running() as daemon:
        job = await_held(box)
        for stem in ("neighbour", "small"):
            assert box.await_receipt(stem)["status"] == "succeeded"
        (shown,) = box.status()["held"]
        assert (shown["job"], shown["file"]) == (job, "poison.jsonl")
        assert "died 3 times" in shown["problem"]
        assert f"batchbox release {job}" in shown["fix"]
        told = box.command("status").stdout
        assert "Held for a person: 1" in told
        assert "poison.jsonl" in told
        assert all(len(line) <= 80 for line in told.splitlines() if str(box.root) not in line)
        done = box.command("release", "poison.jsonl")
        assert done.returncode == 0, done.stderr
        assert box.await_receipt("poison")["status"] == "succeeded"
        assert not held(box)
        assert len(daemon.events("job.held")) == 1
    assert [row["custom_id"] for row in box.rows("poison")] == [f"p-{n}" for n in range(LINES)]
    assert len(sandbox.batches()) == 3


@pytest.mark.parametrize(
    "way",
    [
        "the command",
        pytest.param("the command while it is down", marks=pytest.mark.slow),
        pytest.param("a move by hand", marks=pytest.mark.slow),
    ],
)
def test_an_answer_that_kills(box: Box, sandbox: Sandbox, way: str, tally: Counter[str]) -> None:
    """Deaths in the midst of an answer count as well; released, it is fetched, and paid for once."""
    box.drop("poison.jsonl", TWO)
    slow_answers(sandbox)
    for _ in range(DEATHS_BORNE):
        with box.running():
            await_fetch(sandbox)
        tally["kills of the daemon (SIGKILL)"] += 1
    with box.running() as daemon:
        job = await_held(box)
        sandbox.clear()
        is_down = way == "the command while it is down"
        if is_down:
            daemon.kill()
        if way == "a move by hand":
            (box.root / "hold" / job).rename(box.root / "work" / job)
        else:
            assert box.command("release", job[:-4]).returncode == 0
        with box.running() if is_down else nullcontext():
            assert box.await_receipt("poison")["status"] == "succeeded"
    assert [row["custom_id"] for row in box.rows("poison")] == ["a", "b"]
    assert len(sandbox.batches()) == 1


@pytest.mark.slow
def test_dies_again_after_a_release(box: Box, sandbox: Sandbox, tally: Counter[str]) -> None:
    """A release forgives what was: three more deaths put it aside again, fewer do not."""
    box.drop("poison.jsonl", TWO)
    slow_answers(sandbox)
    for again in range(2 * DEATHS_BORNE):
        with box.running() as daemon:
            await_fetch(sandbox)
        tally["kills of the daemon (SIGKILL)"] += 1
        if again == DEATHS_BORNE - 1:
            with box.running():
                job = await_held(box)
            assert box.command("release", job).returncode == 0
    with box.running():
        assert await_held(box) == job
    assert len(daemon.events("job.held")) == 2


def test_clean_stops_do_not_count(box: Box, sandbox: Sandbox, tally: Counter[str]) -> None:
    """A stop by SIGTERM in the midst of a step is no death, however often."""
    box.drop("q.jsonl", TWO)
    slow_answers(sandbox)
    for _ in range(DEATHS_BORNE + 1):
        with box.running(**GRACE) as daemon:
            await_fetch(sandbox)
            assert daemon.stop() == 0
        assert not deaths(box, "q.jsonl")
        tally["stops in the midst of a step (SIGTERM)"] += 1
    sandbox.clear()
    with box.running():
        assert box.await_receipt("q")["status"] == "succeeded"
    assert not files_suspected(daemon)


@pytest.mark.slow
def test_deaths_between_steps_do_not_count(tmp_path: Path, tally: Counter[str]) -> None:
    """Killed while it only waits for its batch, a file is suspected of nothing."""
    root = tmp_path / "spool"
    make_spool(root)
    with running(SandboxSettings(work_seconds=3600)) as sandbox:
        box = Box(root, {"ANTHROPIC_BASE_URL": sandbox.url, "ANTHROPIC_API_KEY": "sandbox"})
        box.drop("q.jsonl", TWO)
        for _ in range(DEATHS_BORNE + 1):
            with box.running() as daemon:
                await_polls(sandbox)
                assert not deaths(box, "q.jsonl")
            tally["kills of the daemon (SIGKILL)"] += 1
        sandbox.end()
        with box.running():
            assert box.await_receipt("q")["status"] == "succeeded"
        assert not files_suspected(daemon)
        assert len(sandbox.batches()) == 1
