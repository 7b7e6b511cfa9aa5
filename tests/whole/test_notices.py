"""Notices, as the program brings them: set in batchbox.toml, for one queue and for all."""

import json
import re
import stat
from pathlib import Path

from tests.support.daemon import Box, request, wait_for
from tests.support.receiver import SECRET, Receiver, verify

KEY = "sandbox-key-that-must-not-show"
NAME = "$(touch PWNED);`id`\n-rf é.jsonl"


def write_tool(path: Path, text: str) -> Path:
    """Write a program that a shell runs."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_program_and_a_webhook_are_told(box: Box, tmp_path: Path) -> None:
    """A run for cron tells of all its receipts before it ends; the key is nobody's to see."""
    tool = write_tool(
        tmp_path / "tool", f'cat "$BATCHBOX_RECEIPT" - >> {tmp_path}/got; env >> {tmp_path}/env'
    )
    (tmp_path / "secret").write_text(SECRET)
    with Receiver() as receiver:
        (box.root / "batchbox.toml").write_text(
            f'notify_command = ["{tool}"]\n'
            f'[queue.nightly]\nnotify_url = "{receiver.url}"\nnotify_secret_file = "{tmp_path}/secret"\n'
        )
        box.drop(NAME, request("a"))
        box.drop("wrong.jsonl", b"nonsense\n", queue="nightly")
        done = box.command("run", "--until-idle", ANTHROPIC_API_KEY=KEY)
    assert done.returncode == 0, done.stderr
    ((headers, body),) = receiver.got
    assert verify(headers, body)
    data = json.loads(body)["data"]
    assert (data["file"], data["queue"], data["status"]) == ("wrong.jsonl", "nightly", "rejected")
    assert headers["webhook-id"] == f"{data['job']}-receipt"
    assert (tmp_path / "got").read_text().count('"status"') == 4, "two receipts, each with its notice"
    assert KEY not in (tmp_path / "env").read_text()
    assert not list(box.root.parent.glob("**/PWNED"))
    assert not list((box.root / "state" / "notices").iterdir())
    metrics = (box.root / "state" / "metrics.prom").read_text()
    assert re.search(r'^batchbox_notices_total{[^}]*outcome="delivered"[^}]*} 3.0$', metrics, re.MULTILINE)
    assert re.search(r"^batchbox_notices_pending{[^}]*} 0.0$", metrics, re.MULTILINE)
    assert SECRET not in done.stderr


def test_what_was_not_brought_is_brought_by_the_next(box: Box, tmp_path: Path) -> None:
    """A receiver that hangs delays neither the answers nor the end; after a restart it is told."""
    (tmp_path / "secret").write_text(SECRET)
    with Receiver() as receiver:
        receiver.answers = ["hang", 204]
        (box.root / "batchbox.toml").write_text(
            f'notify_url = "{receiver.url}"\nnotify_secret_file = "{tmp_path}/secret"\n'
        )
        with box.running() as daemon:
            box.drop("one.jsonl", request("a"))
            box.await_receipt("one")
            wait_for(lambda: receiver.got, "the first try")
            box.drop("two.jsonl", request("b"))
            box.await_receipt("two")
            wait_for(lambda: len(daemon.events("job.published")) == 2, "the end of both")
            assert daemon.stop() == 0
            assert not daemon.events("notice.delivered")
        with box.running() as daemon:
            wait_for(lambda: len(daemon.events("notice.delivered")) == 2, "both deliveries")
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 2
    assert len(receiver.got) == 3


def test_doctor_and_the_start_tell_what_is_missing(box: Box) -> None:
    """No such program, no secret: told before the first receipt is."""
    (box.root / "batchbox.toml").write_text(
        'notify_command = ["/nowhere/tool"]\nnotify_url = "https://example.com/hook"\n'
        'notify_secret_file = "/nowhere/secret"\n'
    )
    done = box.command("doctor", "--offline", "--json")
    found = [one for one in json.loads(done.stdout)["checks"] if one["check"] == "notices"]
    assert [one["found"] for one in found] == [
        "queue default: /nowhere/tool is not there, or may not be executed",
        "queue default: no secret in /nowhere/secret: No such file or directory",
    ]
    with box.running() as daemon:
        events = wait_for(lambda: daemon.events("notice.unready"), "the warning")
    assert "/nowhere/tool" in events[0]["problem"]
