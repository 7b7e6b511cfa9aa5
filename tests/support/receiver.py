"""A receiver of webhooks, which believes nothing: the one that docs/control-by-file.md shows."""

import base64
import hashlib
import hmac
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Self

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOLERANCE = 300

Got = tuple[dict[str, str], bytes]


def verify(headers: dict[str, str], body: bytes) -> bool:
    """Say whether it was signed with the secret, and lately; written from the specification alone."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    at = headers["webhook-timestamp"]
    signed = f"{headers['webhook-id']}.{at}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    signatures = [one.partition(",") for one in headers["webhook-signature"].split()]
    is_signed = any(kind == "v1" and hmac.compare_digest(value, expected) for kind, _, value in signatures)
    return is_signed and abs(time.time() - int(at)) < TOLERANCE  # noqa: TID251


class Receiver:
    """Answers with *answers* in turn, the last again and again: a status, `hang` or `drip`."""

    def __init__(self) -> None:
        self.answers: list[Any] = [204]
        self.got: list[Got] = []
        self.paths: set[str] = set()
        self._end = Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                owner.take(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?token=hidden"

    def take(self, request: BaseHTTPRequestHandler) -> None:
        """Keep what was posted, and answer."""
        body = request.rfile.read(int(request.headers["content-length"]))
        self.got.append(({name.lower(): value for name, value in request.headers.items()}, body))
        self.paths.add(request.path)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "hang":
            self._end.wait(60)
        elif answer == "drip":
            request.wfile.write(b"HTTP/1.1 ")
            with suppress(ConnectionError):
                while not self._end.wait(0.1):
                    request.wfile.write(b"2")
        else:
            request.send_response(answer)
            request.send_header("location", "/elsewhere")
            request.end_headers()

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._server.shutdown()
        self._server.server_close()
