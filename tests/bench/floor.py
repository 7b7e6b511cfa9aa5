"""The least that moving the bytes costs: a file, a digest, a bare socket; nothing is looked at.

Run as `python -m tests.bench.floor submit URL REQUESTS` or `... results URL BATCH OUT`; prints its cost.
"""

import hashlib
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.region import region

CHUNK = 1 << 18
BATCHES = "/v1/messages/batches"


def submit(link: socket.socket, path: Path) -> None:
    """Read, digest and send a file; wait for the answer."""
    digest = hashlib.sha256()
    head = f"POST {BATCHES} HTTP/1.1\r\nHost: sink\r\nContent-Length: {path.stat().st_size}\r\n\r\n"
    link.sendall(head.encode("ascii"))
    buffer = memoryview(bytearray(CHUNK))
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(buffer):
            digest.update(buffer[:size])
            link.sendall(buffer[:size])
    link.recv(CHUNK)


def fetch(link: socket.socket, batch: str, out: Path) -> None:
    """Receive results and write them as they come."""
    link.sendall(f"GET {BATCHES}/{batch}/results HTTP/1.1\r\nHost: sink\r\n\r\n".encode("ascii"))
    reader = link.makefile("rb")
    left = 0
    for line in iter(reader.readline, b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            left = int(line.split(b":")[1])
    buffer = memoryview(bytearray(CHUNK))
    with out.open("wb", buffering=0) as file:
        while left:
            size = reader.readinto1(buffer[: min(CHUNK, left)])
            if not size:
                raise ConnectionError("the results broke off")
            file.write(buffer[:size])
            left -= size


def main(what: str, url: str, *more: str) -> None:
    """Connect, then move the bytes."""
    place = urlsplit(url)
    with socket.create_connection((str(place.hostname), int(place.port or 0))) as link, region():
        if what == "submit":
            submit(link, Path(more[0]))
        else:
            fetch(link, more[0], Path(more[1]))


if __name__ == "__main__":
    main(*sys.argv[1:])
