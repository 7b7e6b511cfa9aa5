"""Reach: how far one comes on the way to the API, a step at a time. Nothing here costs money."""

import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import httpx2

from batchbox.api.client import CONNECT_SECONDS, AnthropicApi
from batchbox.domain.batch import Page
from batchbox.domain.errors import TryLater
from batchbox.ports.clock import Clock
from batchbox.reports.check_result import Check, accuse, count, warn

LISTED = 100
SHOWN = 3
CLOCK_SECONDS = 60
PORTS = {"http": 80, "https": 443}
NO_DOOR = ("there is no such socket", "check api_socket; is batchbox-relay.socket enabled?")
CONNECTING = {
    errno.ECONNREFUSED: ("nothing listens there", "check base_url; is the gateway or the sandbox running?"),
    errno.ENETUNREACH: ("there is no route to it", "check the network, and IPAddressAllow= of the unit"),
    errno.EHOSTUNREACH: ("there is no route to it", "check the network, and IPAddressAllow= of the unit"),
    errno.ENOENT: NO_DOOR,
    errno.EPERM: (
        "a firewall of this machine forbids it",
        "check the firewall, and IPAddressAllow= of the unit",
    ),
    errno.EACCES: (
        "a firewall of this machine forbids it",
        "check the firewall, and IPAddressAllow= of the unit",
    ),
}
NO_ANSWER = ("it does not answer", "a firewall may swallow it: let this host reach it by TCP")
VERIFYING = {  # X509_V_ERR_* of openssl/x509_vfy.h
    9: "is not valid yet: is this machine's clock right?",
    10: "has expired: is this machine's clock right?",
    18: "is signed by nobody that is known: a proxy that reads along, or a gateway of your own?",
    19: "is signed by nobody that is known: a proxy that reads along, or a gateway of your own?",
    20: "is signed by nobody that is known: a proxy that reads along, or a gateway of your own?",
    62: "is for another host: check base_url",
    64: "is for another address: check base_url",
}


def check_connection(base_url: str, door: Path | None = None) -> Iterator[Check]:
    """Look the host up, connect and shake hands, each step only if the one before went well.

    *door*: a UNIX socket to go through; then a relay behind it looks the host up.
    """
    url = urlsplit(base_url)
    host, port = url.hostname or "", url.port or PORTS[url.scheme]
    if door:
        yield _check_connection(url, str(door), lambda: _open_door(door))
        return
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no name"
        fix = "check base_url, and the name servers in /etc/resolv.conf; nothing is sent until it is found"
        yield accuse("address", f"the name {host} cannot be looked up: {why}", fix)
        return
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    yield Check(
        "address", f"{host} is {', '.join(addresses[:SHOWN])}{', …' if len(addresses) > SHOWN else ''}"
    )
    place = f"{host}:{port}"
    yield _check_connection(url, place, lambda: socket.create_connection((host, port), CONNECT_SECONDS))


def _open_door(door: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(CONNECT_SECONDS)
    try:
        connection.connect(str(door))
    except OSError:
        connection.close()
        raise
    return connection


def _check_connection(url: SplitResult, place: str, connect: Callable[[], socket.socket]) -> Check:
    host = url.hostname or ""
    try:
        with connect() as connection:
            return _shake_hands(connection, host) if url.scheme == "https" else _warn_plain(host, place)
    except ssl.SSLCertVerificationError as error:
        why = VERIFYING.get(error.verify_code, f"cannot be trusted: {error.verify_message}")
        fix = "nothing is sent there; batchbox trusts whom this machine trusts"
        return accuse("connection", f"the certificate of {host} {why}", fix)
    except ssl.SSLError as error:
        fix = "check base_url: https where the other side speaks http, or a proxy in between?"
        return accuse("connection", f"{place} does not speak TLS as it should ({error.reason})", fix)
    except OSError as error:
        why, fix = CONNECTING.get(error.errno or 0, NO_ANSWER)
        detail = f" ({error.strerror})" if error.strerror else ""
        return accuse("connection", f"{place} cannot be reached: {why}{detail}", fix)


def _shake_hands(connection: socket.socket, host: str) -> Check:
    context = httpx2.create_ssl_context(trust_env=False)  # as the client has it
    with context.wrap_socket(connection, server_hostname=host) as secure:
        return Check("connection", f"{secure.version()} with {host}, whose certificate is good")


def _warn_plain(host: str, place: str) -> Check:
    told = f"{place} answers, without TLS"
    if host in ("localhost", "127.0.0.1", "::1"):
        return Check("connection", told)
    return warn("connection", told, "the key and the prompts go there as plain text: use https in base_url")


def check_key(api: AnthropicApi, clock: Clock) -> tuple[list[Check], Page, datetime]:
    """Ask for the newest batches, once. Return what that tells of the key and the clock, and the answer."""
    begun = clock.now()
    try:
        page, date = api.look(LISTED, CONNECT_SECONDS)
    except TryLater as error:
        return [accuse("key", error.problem, error.fix)], Page((), False), begun
    ended = clock.now()
    listed = count(len(page.batches), "batch", "batches")
    checks = [Check("key", f"accepted; the list has {'more than ' if page.has_more else ''}{listed}")]
    theirs = _read_date(date)
    if theirs:
        checks.append(_compare(theirs, begun + (ended - begun) / 2))
    return checks, page, theirs or ended


def _read_date(text: str | None) -> datetime | None:
    with suppress(ValueError, TypeError):
        return parsedate_to_datetime(text or "").astimezone(UTC)
    return None


def _compare(theirs: datetime, ours: datetime) -> Check:
    ahead = round((ours - theirs).total_seconds())
    if abs(ahead) <= CLOCK_SECONDS:
        return Check("clock", f"as the API's, to {max(abs(ahead), 1)} s")
    fix = (
        "nothing is lost or paid twice by it, but times in logs and receipts are wrong, and certificates may "
        "be refused: let it be set by the network (timedatectl set-ntp true)"
    )
    return warn("clock", f"{abs(ahead):,} s {'ahead of' if ahead > 0 else 'behind'} the API's", fix)
