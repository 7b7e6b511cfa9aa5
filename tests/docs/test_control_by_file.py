"""What docs/control-by-file.md shows does what it says there."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import pytest

from batchbox.domain.timestamps import format_time
from batchbox.notify.targets import Targets
from batchbox.ports.clock import SystemClock
from batchbox.reports.notifications import Notification, UndeliveredNotification
from batchbox.settings.queues import NotifyOn
from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.support.daemon import request, wait_for
from tests.support.engine import Engine

PAGE = Path(__file__).parents[2] / "docs" / "control-by-file.md"
BLOCKS = dict(re.findall(r"<!-- run: ([a-z-]+) -->\n```[a-z]+\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL))
NAME = "a'b\"; $(touch PWNED).jsonl"


def run_block(name: str, folder: Path, **environ: str) -> None:
    command = ["/bin/sh", "-eu", "-c", BLOCKS[name]]
    subprocess.run(command, cwd=folder, env=os.environ | environ, check=True)


def make_letter() -> Notification:
    data = {"status": "succeeded", "message": "All is well.", "file": NAME, "queue": "q", "receipt": "a.json"}
    facts = {"at": format_time(SystemClock().now()), "kind": "receipt.published", "data": data}
    return Notification(id="j-receipt", way="url", queue="q", job="j", output="a.receipt.json", **facts)


def receivers(tmp_path: Path) -> Targets:
    return Targets(lambda queue: tmp_path / "outbox" / queue, SystemClock(), os.environ)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running(SandboxSettings(work_seconds=0.0)) as found:
        yield found


def test_cancel_and_ok(tmp_path: Path, sandbox: Sandbox) -> None:
    """A file waits for its marker and is answered with it; another is canceled while it waits."""
    (tmp_path / "questions.jsonl").write_bytes(request("a"))
    with closing(Engine(tmp_path / "spool", sandbox.url, settings={"require_ok": True})) as engine:
        inbox = str(engine.root / "inbox")
        run_block("ok", tmp_path, INBOX=inbox)
        engine.run_until(lambda: engine.path("questions", "receipt.json").exists())
        assert engine.receipt("questions")["status"] == "succeeded"
        engine.run_to_end()
        engine.drop("questions.jsonl", request("b"))
        run_block("cancel", tmp_path, INBOX=inbox)
        engine.run_until(lambda: engine.path("questions~2", "receipt.json").exists())
        assert "questions.jsonl.cancel asked" in engine.receipt("questions~2")["message"]
        assert len(sandbox.batches()) == 1


def test_tell_by_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script mails what happened, whatever a file is called."""
    mail = f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/sent; cat >> {tmp_path}/sent\n'
    for name, text in (("mail", mail), ("tell", BLOCKS["tell-by-mail"])):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    notice = NotifyOn(command=(str(tmp_path / "tell"), "ops@example.com"))
    letter = make_letter().model_copy(update={"way": "command"})
    assert receivers(tmp_path).deliver(letter, notice) == ""
    sent = (tmp_path / "sent").read_text().splitlines()
    place = f"{tmp_path}/outbox/q/a.receipt.json"
    assert sent == ["-s", f"{NAME}: succeeded", "ops@example.com", "All is well.", "", place]


def test_the_receiver_believes_what_is_signed_and_nothing_else(tmp_path: Path) -> None:
    """It hears a notice once, and answers 401 to what was signed with another secret, or not at all."""
    for folder in ("ours", "others"):
        (tmp_path / folder).mkdir()
        run_block("secret", tmp_path / folder)
    ours = tmp_path / "ours" / "notify_secret"
    assert ours.stat().st_mode & 0o077 == 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = os.environ | {"NOTIFY_SECRET": ours.read_text().strip(), "PORT": str(port)}
    command = [sys.executable, "-c", BLOCKS["receiver"]]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: answers(port), "the receiver")
            notice = NotifyOn(url=f"http://127.0.0.1:{port}/", secret_file=ours)
            for _ in range(2):
                assert receivers(tmp_path).deliver(make_letter(), notice) == "204"
            foreign = replace(notice, secret_file=tmp_path / "others" / "notify_secret")
            with pytest.raises(UndeliveredNotification, match="answered 401"):
                receivers(tmp_path).deliver(make_letter(), foreign)
            with closing(HTTPConnection("127.0.0.1", port)) as connection:
                connection.request("POST", "/", b"{}")
                assert connection.getresponse().status == 401
        finally:
            process.kill()
        assert process.stdout
        assert process.stdout.read().decode() == f"q {NAME} succeeded a.json\n"
