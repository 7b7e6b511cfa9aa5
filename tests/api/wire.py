"""Plain sockets: a host that writes down every byte that reaches it, and bodies to send."""

import io
import json
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from batchbox.ports.api import Body

KEY = "sk-ant-never-to-be-seen"


def write_body(count: int = 2, padding: int = 0) -> bytes:
    """Return the JSON of a create of *count* requests, each longer by *padding* bytes."""
    message = {"role": "user", "content": "x" * (padding + 1)}
    params = {"model": "claude-sonnet-5-5", "max_tokens": 8, "messages": [message]}
    requests = [{"custom_id": f"q-{number}", "params": params} for number in range(count)]
    return json.dumps({"requests": requests}).encode()


def as_body(data: bytes) -> Body:
    """Return *data* as what `create` takes."""
    return Body(lambda: io.BytesIO(data), len(data), zlib.crc32(data))


class Recorder:
    """A host that keeps what it hears. It answers nothing and hangs up after a whole request."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.heard = b""
        self.connections = 0

    @property
    def head(self) -> bytes:
        """What came before the body."""
        return self.heard.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        """What has come of the body so far."""
        return self.heard.partition(b"\r\n\r\n")[2]

    def listen(self) -> None:
        """Hear out one connection after the other until the listener is closed."""
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with peer:
                self._hear(peer)

    def _hear(self, peer: socket.socket) -> None:
        try:
            while piece := peer.recv(1 << 16):
                self.heard += piece
                if self._is_complete():
                    return
        except OSError:
            return

    def _is_complete(self) -> bool:
        head, end, body = self.heard.partition(b"\r\n\r\n")
        sizes = [line.split(b":")[1] for line in head.lower().splitlines() if b"content-length" in line]
        return bool(end) and len(body) >= int(sizes[0] if sizes else 0)


@contextmanager
def recording() -> Iterator[Recorder]:
    """Run a `Recorder` for the length of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        recorder = Recorder(listener)
        thread = threading.Thread(target=recorder.listen, daemon=True)
        thread.start()
        try:
            yield recorder
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
