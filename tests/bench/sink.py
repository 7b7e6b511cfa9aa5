"""What stands for the API: takes whatever is sent as fast as a socket gives it, and sends files.

Run as `python -m tests.bench.sink FOLDER`; prints its address. A batch `ID` is taken into `FOLDER/ID.body`
if the sink was told to keep bodies, and `FOLDER/ID.rows` is what it answers as results. It runs until
`POST /bench/end?keep=...`; what is sent is not looked at, for that would be work beside what is measured.
"""

import json
import socketserver
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import FileIO
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

BATCHES = "/v1/messages/batches"
CHUNK = 1 << 20
BORN = datetime(2026, 1, 1, tzinfo=UTC)


def stamp(seconds: int) -> str:
    """Return a moment as the API writes it."""
    return (BORN + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


@dataclass
class Batch:
    """A batch that was taken."""

    id: str
    number: int
    size: int
    ended: bool = False

    def show(self, origin: str) -> dict[str, Any]:
        """Return it as the API shows it; its number of requests is not known here."""
        counts = {"processing": int(not self.ended), "succeeded": int(self.ended)}
        return {
            "id": self.id,
            "type": "message_batch",
            "processing_status": "ended" if self.ended else "in_progress",
            "request_counts": {**counts, "errored": 0, "canceled": 0, "expired": 0},
            "created_at": stamp(self.number),
            "expires_at": stamp(self.number + 86_400),
            "ended_at": stamp(self.number + 1) if self.ended else None,
            "cancel_initiated_at": None,
            "archived_at": None,
            "results_url": f"{origin}{BATCHES}/{self.id}/results" if self.ended else None,
        }


@dataclass
class State:
    """What was taken so far."""

    folder: Path
    keeps: bool = False
    batches: list[Batch] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def add(self) -> Batch:
        """Return a new batch."""
        with self.lock:
            number = len(self.batches) + 1
            batch = Batch(f"msgbatch_{number:06d}", number, 0)
            self.batches.append(batch)
            return batch

    def find(self, batch_id: str) -> Batch:
        """Return that batch; one that was never sent is one with rows that were laid there."""
        known = next((batch for batch in self.batches if batch.id == batch_id), None)
        return known or Batch(batch_id, 0, 0, ended=True)


class Sink(socketserver.ThreadingTCPServer):
    """The server and its state."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.state = State(folder)
        self.origin = f"http://127.0.0.1:{self.server_address[1]}"


class Connection(socketserver.StreamRequestHandler):
    """One connection, with as many requests as are made on it."""

    server: Sink
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer until the other side has had enough."""
        try:
            while head := self._read_head():
                self._answer(*head)
        except ConnectionError:
            return

    def _read_head(self) -> tuple[str, str, int] | None:
        first = self.rfile.readline()
        if not first:
            return None
        size = 0
        for line in iter(self.rfile.readline, b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                size = int(value)
        method, target, _ = first.decode("ascii").split(" ")
        return method, target, size

    def _answer(self, method: str, target: str, size: int) -> None:
        url = urlsplit(target)
        state = self.server.state
        match method, url.path.removeprefix(BATCHES).split("/"):
            case "POST", [""]:
                self._reply(self._create(size).show(self.server.origin))
            case "GET", [""]:
                self._reply(self._list(parse_qs(url.query)))
            case "GET", ["", batch_id]:
                self._reply(state.find(batch_id).show(self.server.origin))
            case "GET", ["", batch_id, "results"]:
                self._send_file(state.folder / f"{batch_id}.rows")
            case "POST", ["", "bench", "keep"]:
                state.keeps = True
                self._reply({})
            case "POST", ["", "bench", "discard"]:
                state.keeps = False
                self._reply({})
            case "POST", ["", "bench", "end"]:
                self._end()
            case _:
                self._reply({"type": "error", "error": {"type": "not_found_error", "message": target}}, 404)

    def _create(self, size: int) -> Batch:
        batch = self.server.state.add()
        batch.size = size
        if not self.server.state.keeps:
            self._receive(size, None)
            return batch
        with (self.server.state.folder / f"{batch.id}.body").open("wb", buffering=0) as file:
            self._receive(size, file)
        return batch

    def _receive(self, size: int, file: FileIO | None) -> None:
        for chunk in self._chunks(size):
            if file:
                file.write(chunk)

    def _chunks(self, size: int) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(CHUNK))
        while size:
            # the buffered reader takes large reads straight from the socket, once its own buffer is empty
            got = self.rfile.readinto1(buffer[: min(CHUNK, size)])
            if not got:
                raise ConnectionError("the body broke off")
            size -= got
            yield buffer[:got]

    def _list(self, query: dict[str, list[str]]) -> dict[str, Any]:
        limit = int(query.get("limit", ["20"])[0])
        newest = self.server.state.batches[::-1]
        page = [batch.show(self.server.origin) for batch in newest[:limit]]
        first, last = (page[0]["id"], page[-1]["id"]) if page else (None, None)
        return {"data": page, "has_more": len(newest) > limit, "first_id": first, "last_id": last}

    def _end(self) -> None:
        for batch in self.server.state.batches:
            batch.ended = True
        self._reply({"ended": [batch.id for batch in self.server.state.batches]})

    def _reply(self, answer: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(answer).encode()
        self.connection.sendall(self._head(status, "application/json", len(body)) + body)

    def _send_file(self, path: Path) -> None:
        with path.open("rb") as file:
            self.connection.sendall(self._head(200, "application/binary", path.stat().st_size))
            self.connection.sendfile(file)

    def _head(self, status: int, kind: str, size: int) -> bytes:
        lines = (f"HTTP/1.1 {status} -", f"Content-Type: {kind}", f"Content-Length: {size}", "", "")
        return "\r\n".join(lines).encode("ascii")


if __name__ == "__main__":
    with Sink(Path(sys.argv[1])) as sink:
        sys.stdout.write(sink.origin + "\n")
        sys.stdout.flush()
        sink.serve_forever()
