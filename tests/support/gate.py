"""A gate before a server: lets some bytes of each connection through, and then none until it is opened."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

PIECE = 1 << 14


class Gate:
    """A running gate: its *url*; *held* is set once a connection was stopped."""

    def __init__(self, server: str, up: int, down: int, door: Path | None = None) -> None:
        self._target = urlsplit(server)
        self._limits = {True: up, False: down}
        self._open = Event()
        self.held = Event()
        self._door = _bind(door) if door else socket.create_server(("127.0.0.1", 0), backlog=64)
        self._ends: set[socket.socket] = set()
        self._threads: list[Thread] = []
        self.url = server if door else f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self._start(self._serve)

    def open(self) -> None:
        """Let everything through from now on."""
        self._open.set()

    def close(self) -> None:
        """Break off what is left, and wait until all is closed."""
        self.open()
        self._door.shutdown(socket.SHUT_RDWR)
        for end in list(self._ends):
            _break(end)
        for thread in self._threads:
            thread.join()
        self._door.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> Thread:
        thread = Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                self._start(self._carry, self._door.accept()[0])

    def _carry(self, near: socket.socket) -> None:
        with near, socket.create_connection((self._target.hostname, self._target.port or 80)) as far:
            self._ends |= {near, far}
            back = self._start(self._pump, far, near, False)
            self._pump(near, far, True)
            back.join()
            self._ends -= {near, far}

    def _pump(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        through = 0
        with suppress(OSError):
            while piece := source.recv(PIECE):
                if through > self._limits[up] and not self._open.is_set():
                    self.held.set()
                    self._open.wait()
                sink.sendall(piece)
                through += len(piece)
        _break(source)
        _break(sink)


def _bind(door: Path) -> socket.socket:
    found = socket.socket(socket.AF_UNIX)
    found.bind(str(door))
    found.listen()
    return found


def _break(end: socket.socket) -> None:
    """End both ways: what broke on one side breaks on the other."""
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def gated(server: str, up: int = 1 << 40, down: int = 1 << 40, door: Path | None = None) -> Iterator[Gate]:
    """Run a gate before *server*, for *up* and *down* bytes of each connection; a UNIX socket at *door*."""
    gate = Gate(server, up, down, door)
    try:
        yield gate
    finally:
        gate.close()
