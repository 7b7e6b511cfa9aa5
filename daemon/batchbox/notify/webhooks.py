"""Webhooks: a letter as a signed POST.

Signed as the Standard Webhooks specification says (version 1.0.0: HMAC-SHA256 over id, time and body), so
that the receiver can use any of that project's libraries. The standard library's HTTP client does: one POST,
on a connection of its own, that follows no redirect and uses no proxy.
"""

import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from socket import SHUT_RDWR, socket
from threading import Timer
from urllib.parse import SplitResult, urlsplit

from batchbox import __version__
from batchbox.ports.clock import Clock
from batchbox.reports.notifications import Notification, UndeliveredNotification
from batchbox.settings.queues import NotifyOn

SILENCE = 10.0  # seconds without a byte
PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)  # as the specification has it
HOW_IT_LOOKS = "write whsec_ and the base64 of 24 to 64 random bytes into it, one secret on a line"
GOOD, ELSEWHERE = range(200, 300), range(300, 400)
NOBODY_THERE = {429, 502, 503, 504}  # overloaded, or down behind a proxy; 500 may be for this letter alone


def post(letter: Notification, notice: NotifyOn, clock: Clock, seconds: float) -> str:
    """Post *letter*, signed, and return the status of the answer, if it is 2xx and comes within *seconds*.

    Raise `UndeliveredNotification`.
    """
    body, at = compose(letter), int(clock.now().timestamp())
    headers = {
        "content-type": "application/json",
        "user-agent": f"batchbox/{__version__}",
        "webhook-id": letter.id,
        "webhook-timestamp": str(at),
        "webhook-signature": sign(read_secrets(notice.secret_file), letter.id, at, body),
    }
    parts = urlsplit(notice.url)
    where = parts.hostname or ""  # what follows may be a secret
    try:
        status = _send(parts, body, headers, seconds)
    except (OSError, HTTPException) as error:
        problem = f"{where}: {getattr(error, 'strerror', '') or str(error) or type(error).__name__}"
        raise UndeliveredNotification(
            problem, "see whether it can be reached from here", is_deaf=True
        ) from None
    if status in GOOD:
        return str(status)
    fix = "it has to answer 2xx once it has the notice"
    if status in ELSEWHERE:
        fix = "redirects are not followed: set notify_url to where it leads"
    raise UndeliveredNotification(f"{where} answered {status}", fix, is_deaf=status in NOBODY_THERE)


def _send(parts: SplitResult, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
    host = parts.hostname or ""
    connection = (
        HTTPSConnection(host, parts.port, timeout=min(SILENCE, seconds), context=_trust())
        if parts.scheme == "https"
        else HTTPConnection(host, parts.port, timeout=min(SILENCE, seconds))
    )
    try:
        connection.connect()
        end = Timer(seconds, _cut, (connection.sock,))  # one that answers byte by byte
        end.daemon = True
        end.start()
        try:
            path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
            connection.request("POST", path, body, headers)
            return connection.getresponse().status
        finally:
            end.cancel()
    finally:
        connection.close()


def _cut(connected: socket) -> None:
    with suppress(OSError):  # it may be gone by itself
        connected.shutdown(SHUT_RDWR)


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def compose(letter: Notification) -> bytes:
    """Return what is told, the same bytes each time."""
    found = {"type": letter.kind, "timestamp": letter.at, "data": letter.data}
    return json.dumps(found, separators=(",", ":")).encode()


def sign(secrets: list[bytes], notice: str, at: int, body: bytes) -> str:
    """Return the signatures of *body*, sent as *notice* at the Unix time *at*: one for each secret."""
    signed = f"{notice}.{at}.".encode() + body
    digests = (hmac.new(secret, signed, hashlib.sha256).digest() for secret in secrets)
    return " ".join("v1," + base64.b64encode(digest).decode() for digest in digests)


def read_secrets(path: Path | None) -> list[bytes]:
    """Return the secrets in a file, at least one. Raise `UndeliveredNotification`, which names none."""
    if path is None:
        fix = "set notify_secret_file: nothing is sent unsigned"
        raise UndeliveredNotification("there is no secret to sign with", fix, is_deaf=True)
    try:
        lines = path.read_text(encoding="ascii").split()
        secrets = [base64.b64decode(line.removeprefix(PREFIX), validate=True) for line in lines]
    except OSError as error:
        fix = "put the secret there, readable for the user batchbox runs as: nothing is sent unsigned"
        raise UndeliveredNotification(f"no secret in {path}: {error.strerror}", fix, is_deaf=True) from None
    except ValueError:
        raise UndeliveredNotification(f"what is in {path} is no secret", HOW_IT_LOOKS, is_deaf=True) from None
    if not secrets or any(len(secret) not in SECRET_BYTES for secret in secrets):
        raise UndeliveredNotification(
            f"what is in {path} is no secret, or too short", HOW_IT_LOOKS, is_deaf=True
        )
    return secrets
