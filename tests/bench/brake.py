"""A slow line between the daemon and a server: so many bytes a second each way, and a word for each request.

Run as `python -m tests.bench.brake SERVER BYTES_A_SECOND`; prints its address, then `METHOD TARGET` whenever
a request begins.
"""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from urllib.parse import urlsplit

from tests.bench.daemon import DEADLINE, ROOT, clean_environment, now, pause

CHUNK = 1 << 18
REQUESTS = (b"GET ", b"POST ")


class Line:
    """A running brake: its *url*, and when which request began, in *asked*."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        self._said = process.stdout
        self.url = process.stdout.readline().strip()
        self.asked: list[tuple[float, str]] = []
        Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        for line in self._said:
            self.asked.append((now(), line.strip()))

    def times(self, start: str) -> list[float]:
        """Return when the requests began whose method and target begin with *start*."""
        return [at for at, what in self.asked if what.startswith(start)]


@contextmanager
def braked(server: str, rate: int) -> Iterator[Line]:
    """Run a brake before *server*, at *rate* bytes a second for each connection and direction."""
    command = [sys.executable, "-m", "tests.bench.brake", server, str(rate)]
    process = subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, text=True)
    try:
        yield Line(process)
    finally:
        process.kill()
        process.wait(DEADLINE)


def _serve(server: str, rate: int) -> None:
    target = urlsplit(server)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as door:
        _say(f"http://127.0.0.1:{door.getsockname()[1]}")
        while True:
            near, _ = door.accept()
            far = socket.create_connection((target.hostname, target.port or 80))
            for source, sink, speaks in ((near, far, True), (far, near, False)):
                Thread(target=_pump, args=(source, sink, rate, speaks), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, rate: int, speaks: bool) -> None:
    buffer, due = bytearray(CHUNK), 0.0
    with suppress(OSError):
        while got := source.recv_into(buffer):
            if speaks and buffer.startswith(REQUESTS):
                _say(buffer.partition(b" HTTP/")[0].decode(errors="replace"))
            sink.sendall(memoryview(buffer)[:got])
            due = max(due, now()) + got / rate
            pause(max(0.0, due - now()))
    for end in (source, sink):  # what broke on one side breaks on the other
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
