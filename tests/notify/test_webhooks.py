"""Webhooks: what is set for them is looked at beforehand, and what is sent is signed."""

import os
from pathlib import Path

import pytest

from batchbox.notify.targets import find_problems
from batchbox.notify.webhooks import read_secrets, sign
from batchbox.reports.notifications import UndeliveredNotification
from batchbox.settings.model import Settings
from tests.support.receiver import SECRET


def test_flaws_are_seen_beforehand(tmp_path: Path) -> None:
    """By doctor and at the start: no such program, no secret."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    queues = {
        "bad": {"notify_command": ["/nowhere"]},
        "unsigned": {"notify_url": "https://example.com/", "notify_secret_file": "/nowhere"},
        "good": {"notify_command": ["true"], "notify_url": "https://x/", "notify_secret_file": str(secret)},
    }
    found = {queue: flaw.problem for queue, flaw in find_problems(Settings(queue=queues), os.environ)}
    assert found == {
        "bad": "/nowhere is not there, or may not be executed",
        "unsigned": "no secret in /nowhere: No such file or directory",
    }
    with pytest.raises(UndeliveredNotification, match="no secret in"):
        read_secrets(tmp_path / "none")


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "ftp://x/", "https://", "https://u:p@x/", "https://x/ y", "x", "https://x:0/"],
)
def test_where_nothing_is_posted(url: str) -> None:
    """Elsewhere than over TLS, or to this machine; no password in a URL."""
    with pytest.raises(ValueError, match="it has to be a URL such as"):
        Settings(notify_url=url)
    with pytest.raises(ValueError, match="it has to be a URL such as"):
        Settings(queue={"q": {"notify_url": url}})


def test_two_secrets_make_two_signatures(tmp_path: Path) -> None:
    """So that a receiver can change from one to the other."""
    path = tmp_path / "secrets"
    path.write_text(f"{SECRET}\nwhsec_{'QUJD' * 10}\n")
    first, second = sign(read_secrets(path), "id", 1, b"{}").split()
    assert first.startswith("v1,")
    assert first != second
