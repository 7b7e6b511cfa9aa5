"""The commands, as a person runs them: what is said, what is done, and the exit code."""

import json
from pathlib import Path

import pytest

from batchbox import __version__
from batchbox_sandbox.remote import Sandbox
from tests.support.daemon import Box, request, wait_for


def test_version(box: Box) -> None:
    """`--version` says which."""
    assert box.command("--version").stdout.strip() == f"batchbox {__version__}"


def test_no_arguments_shows_help_within_80_columns(box: Box) -> None:
    """`batchbox` alone names every command, each on a whole line."""
    shown = box.command("--help", COLUMNS="80").stdout
    for name in ("init", "run", "check", "drop", "status", "show", "cancel", "adopt", "demo", "sandbox"):
        assert f"  {name}" in shown
    assert "..." not in shown.split("Commands:")[1]
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_init_makes_a_spool_and_leaves_an_old_one_alone(box: Box, tmp_path: Path) -> None:
    """`init` makes the folders and a settings file; a second time it keeps id and settings."""
    root = tmp_path / "new"
    assert box.command("init", str(root)).returncode == 0
    marker = (root / ".batchbox").read_bytes()
    (root / "batchbox.toml").write_text("max_attempts = 5\n")
    assert box.command("init", str(root)).returncode == 0
    assert (root / ".batchbox").read_bytes() == marker
    assert (root / "batchbox.toml").read_text() == "max_attempts = 5\n"
    (root / "batchbox.toml").write_text("[queue.nightly]\n[queue.default]\n")
    assert f"{root}/inbox/nightly/\n" in box.command("init", str(root)).stdout
    assert [path.name for path in (root / "inbox").iterdir()] == ["nightly"]


def test_check_needs_no_key_no_spool_and_no_network(box: Box, tmp_path: Path) -> None:
    """`check` tells requests, parts and bytes of what would be sent."""
    file = tmp_path / "q.jsonl"
    file.write_bytes(b"".join(request(str(n)) for n in range(5)))
    done = box.command(
        "check", str(file), BATCHBOX_SPOOL="", ANTHROPIC_API_KEY="", BATCHBOX_MAX_PART_REQUESTS="2"
    )
    assert done.returncode == 0, done.stderr
    assert "would send 5 requests in 3 parts" in done.stdout


def test_check_says_the_bytes_that_really_go_out(box: Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """The number of bytes is that of the body, marker and all."""
    file = tmp_path / "q.jsonl"
    file.write_bytes(request("a") + b'"a prompt"\n')
    told = json.loads(box.command("check", "--json", str(file)).stdout)[0]["bytes"]
    with box.running():
        box.drop("q.jsonl", file.read_bytes())
        box.await_receipt("q")
        manifest = wait_for(lambda: next((box.root / "done").rglob("manifest.json"), None), "the archive")
    posts = [call for call in sandbox.calls() if call["method"] == "POST"]
    assert len(posts) == 1
    assert json.loads(manifest.read_bytes())["parts"][0]["bytes"] == told


def test_check_tells_every_mistake_with_its_line(box: Box, tmp_path: Path) -> None:
    """`check` exits with 1 and names each line."""
    file = tmp_path / "q.jsonl"
    file.write_bytes(request("a") + b"oops\n" + request("a"))
    done = box.command("check", str(file))
    assert done.returncode == 1
    assert "line 2, column" in done.stdout
    assert "line 3: custom_id" in done.stdout
    assert "nothing would be sent" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["check", "/nowhere.jsonl"], 2, "cannot be read"),
        (["check", "/dev"], 2, "not a file"),
        (["run", "--spool", "/nowhere"], 3, "is not a spool"),
        (["status", "--spool", "/nowhere"], 3, "is not a spool"),
        (["show", "no-such-job"], 2, 'no job is called "no-such-job"'),
        (["drop", "/nowhere.jsonl"], 2, "does not exist"),
        (["drop", "/etc/hostname"], 2, "would not be taken"),
        (["run", "--config", "/nowhere.toml"], 2, "does not exist"),
        (["nonsense"], 2, "No such command"),
    ],
)
def test_wrong_use_is_told_in_a_sentence(box: Box, arguments: list[str], code: int, words: str) -> None:
    """A person's mistake gives a sentence and its exit code, never a traceback."""
    done = box.command(*arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_no_key_is_told(box: Box) -> None:
    """Without a key `run` says what to set, and exits with 4."""
    done = box.command("run", ANTHROPIC_API_KEY="")
    assert done.returncode == 4
    assert "ANTHROPIC_API_KEY" in done.stderr


def test_a_wrong_setting_is_told_with_the_nearest_name(box: Box) -> None:
    """An unknown key in batchbox.toml is refused, with the file and the name that was meant."""
    (box.root / "batchbox.toml").write_text("pol_seconds = 3\n")
    done = box.command("run")
    assert done.returncode == 2
    assert "batchbox.toml" in done.stderr
    assert '"poll_seconds"' in done.stderr


def test_drop_and_wait(box: Box, tmp_path: Path) -> None:
    """`drop --wait` gives back the receipt; 0 if every request was answered, 1 if not."""
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_bytes(request("a"))
    bad.write_bytes(b"oops\n")
    with box.running():
        done = box.command("drop", str(good), "--wait")
        assert (done.returncode, done.stdout.splitlines()[0][:10]) == (0, "succeeded:")
        done = box.command("drop", str(bad), "--wait", "--json", "--queue", "nightly")
        assert done.returncode == 1
        assert json.loads(done.stdout)["status"] == "rejected"
    assert good.exists()


def test_drop_does_not_overwrite_a_file_that_waits(box: Box, tmp_path: Path) -> None:
    """A name that is still waiting in the inbox is not taken from under its owner."""
    box.drop("q.jsonl", request("first"))
    second = tmp_path / "q.jsonl"
    second.write_bytes(request("second"))
    done = box.command("drop", str(second))
    assert done.returncode == 2
    assert (box.root / "inbox" / "q.jsonl").read_bytes() == request("first")


def test_status_tells_what_waits_and_why(box: Box, sandbox: Sandbox) -> None:
    """`status` shows a running daemon, a stopped one, and the reason when nothing can be sent."""
    assert "is not running" in box.command("status").stdout
    fault = {"status": 401, "error_type": "authentication_error", "message": "bad key"}
    sandbox.order("create", "refuse", times=50, **fault)
    with box.running() as daemon:
        box.drop("q.jsonl", request("a"))
        wait_for(lambda: daemon.events("part.postponed"), "the refusal")
        wait_for(lambda: box.status()["sending"], "the reason why nothing is sent")
        shown = box.command("status").stdout
        assert "sending waits" in shown
        assert "401" in shown
        assert "key" in shown
        assert all(len(line) <= 80 for line in shown.splitlines() if str(box.root) not in line)
        sandbox.clear()
        assert box.await_receipt("q")["status"] == "succeeded"


def test_show_tells_the_story_of_a_file(box: Box) -> None:
    """`show` names each step of a finished job and where its outputs are."""
    with box.running():
        box.drop("q.jsonl", request("a"))
        box.await_receipt("q")
        wait_for(lambda: list((box.root / "done").rglob("manifest.json")), "the archive")
    shown = box.command("show", "q.jsonl").stdout
    for word in (
        "taken",
        "checked",
        "part 1",
        "msgbatch_",
        "fetched: 1 succeeded",
        "published",
        "q.receipt.json",
    ):
        assert word in shown
    assert json.loads(box.command("show", "q", "--json").stdout)["stem"] == "q"


def test_the_demo_ends_as_its_samples_say(box: Box, tmp_path: Path) -> None:
    """`demo` needs nothing, shows each stage, and exits with 0."""
    done = box.command("demo", "--spool", str(tmp_path / "demo"), ANTHROPIC_API_KEY="")
    assert done.returncode == 0, done.stdout + done.stderr
    for stage in ("taken:", "checked:", "sent:", "waiting:", "fetched:", "published:"):
        assert stage in done.stdout
    assert "01-questions.results.jsonl" in done.stdout


def test_the_demo_refuses_a_folder_in_use(box: Box) -> None:
    """`demo --spool` never mixes with what is there."""
    done = box.command("demo", "--spool", str(box.root))
    assert done.returncode == 3
    assert "is not empty" in done.stderr
