"""Reach: each step of the way to the API is really broken, and told in plain words."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from batchbox.api.api_checks import check_connection, check_key
from batchbox.api.client import AnthropicApi
from batchbox.ports.clock import SystemClock
from batchbox.reports.check_result import Check
from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings

SECRET = "sk-ant-made-up"


@contextmanager
def listening() -> Iterator[socket.socket]:
    """Give a socket that takes connections on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def ask(url: str, key: str = SECRET) -> dict[str, Check]:
    """Return what one call tells, by name."""
    api = AnthropicApi(lambda: key, url)
    checks, _, _ = check_key(api, SystemClock())
    api.close()
    return {check.name: check for check in checks}


def test_all_well(sandbox: Sandbox) -> None:
    """The name, the connection, the key and the clock; one call, and nothing that costs."""
    assert [check.verdict for check in check_connection(sandbox.url)] == ["ok", "ok"]
    found = ask(sandbox.url)
    assert {name: check.verdict for name, check in found.items()} == {"key": "ok", "clock": "ok"}
    assert [call["operation"] for call in sandbox.calls()] == ["list"]
    assert not sandbox.batches()


def test_a_name_that_nobody_knows() -> None:
    """RFC 2606 keeps .invalid free of names."""
    (check,) = check_connection("https://api.invalid")
    assert check.verdict == "problem"
    assert "the name api.invalid cannot be looked up" in check.found
    assert "resolv.conf" in check.fix


def test_a_port_that_nobody_listens_on() -> None:
    """What is free may be bound: then it is closed again."""
    with listening() as server:
        port = server.getsockname()[1]
    *_, check = check_connection(f"http://127.0.0.1:{port}")
    assert check.verdict == "problem"
    assert "nothing listens there" in check.found


def test_http_where_https_was_meant(sandbox: Sandbox) -> None:
    """It is no TLS that answers."""
    *_, check = check_connection(sandbox.url.replace("http:", "https:"))
    assert check.verdict == "problem"
    assert "does not speak TLS" in check.found


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl, to make a certificate")
def test_a_certificate_that_nobody_has_signed(tmp_path: Path) -> None:
    """As of a proxy that reads along."""
    files = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", *files]
    subprocess.run(make, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, pytest.raises(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)

    with listening() as server:
        thread = Thread(target=serve, args=(server,))
        thread.start()
        *_, check = check_connection(f"https://localhost:{server.getsockname()[1]}")
        thread.join()
    assert check.verdict == "problem"
    assert "is signed by nobody that is known" in check.found
    assert "nothing is sent there" in check.fix


def test_a_wrong_key_is_told_and_not_shown() -> None:
    """In the API's own words, which repeat no key."""
    with running(SandboxSettings(api_key="right")) as strict:
        found = ask(strict.url)
        assert ask(strict.url, "right")["key"].verdict == "ok"
    assert list(found) == ["key"]
    assert found["key"].verdict == "problem"
    assert "401 authentication_error" in found["key"].found
    assert "the key is not accepted" in found["key"].fix
    assert SECRET not in found["key"].found + found["key"].fix


@pytest.mark.parametrize(
    ("fault", "details", "problem"),
    [
        ("refuse", {"status": 403, "error_type": "permission_error"}, "403 permission_error"),
        ("refuse", {"status": 529, "error_type": "overloaded_error"}, "529 overloaded_error"),
        ("html", {}, "not in the API's own words"),
        ("garbage", {}, "not a list of batches"),
        ("drop_before", {}, "the connection to the API failed"),
    ],
)
def test_other_answers(sandbox: Sandbox, fault: str, details: dict[str, Any], problem: str) -> None:
    """An outage, a gateway's page, nonsense, a cut: told in words, with what to do."""
    sandbox.order("list", fault, **details)
    check = ask(sandbox.url)["key"]
    assert check.verdict == "problem"
    assert problem in check.found


@pytest.mark.parametrize(("offset", "words"), [(-3600, "ahead of"), (3600, "behind")])
def test_a_clock_that_is_wrong(offset: int, words: str) -> None:
    """By the Date that the server sends."""
    with running(SandboxSettings(clock_offset_seconds=offset)) as other:
        check = ask(other.url)["clock"]
    assert check.verdict == "warning"
    assert f" s {words} the API's" in check.found
    assert "certificates" in check.fix
