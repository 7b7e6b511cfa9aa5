"""A result stream as HTTP, in three framings, whole or cut."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from aiohttp import web

from batchbox_sandbox import faults
from batchbox_sandbox.batches import Batch
from batchbox_sandbox.replies import hang_up
from batchbox_sandbox.rows import damage, write_rows
from batchbox_sandbox.settings import SandboxSettings

PIECE_BYTES = 65_536


class _CloseDelimited(web.StreamResponse):
    """An answer that ends where the connection ends."""

    # On HTTP/1.1 the library would chunk an answer without a length; this is its own way out of that.
    _length_check = False


@dataclass(frozen=True, slots=True)
class ResultStream:
    """The rows of an ended batch, with the fault they are sent with."""

    batch: Batch
    settings: SandboxSettings
    fault: faults.Fault | None

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Answer *request* with the rows; never hold more than a piece of them."""
        response = await self._open(request)
        await response.prepare(request)
        pause = self.fault.seconds if isinstance(self.fault, faults.Slow) else 0.0
        for piece in self._pieces():
            await response.write(piece)
            await asyncio.sleep(pause)
        if isinstance(self.fault, faults.Cut):
            hang_up(request)
        else:
            await response.write_eof()
        return response

    async def _open(self, request: web.Request) -> web.StreamResponse:
        framing = getattr(self.fault, "framing", None) or self.settings.framing
        response = _CloseDelimited() if framing == "close" else web.StreamResponse()
        response.content_type = "application/x-jsonl"
        match framing:
            case "close":
                response.force_close()
            case "chunked":
                response.enable_chunked_encoding()
            case _:
                # The rows are made twice, once to be measured: cheaper than holding them.
                response.content_length = await asyncio.to_thread(self._measure)
        if self.settings.gzip and "gzip" in request.headers.get("Accept-Encoding", ""):
            response.enable_compression(web.ContentCoding.gzip)
        return response

    def _measure(self) -> int:
        # A cut stream announces what it then fails to send.
        whole = isinstance(self.fault, faults.Cut)
        return sum(len(line) for line in (self._rows() if whole else self._lines()))

    def _rows(self) -> Iterator[bytes]:
        return write_rows(self.batch, self.settings.shuffle_seed)

    def _lines(self) -> Iterator[bytes]:
        return damage(self._rows(), len(self.batch.requests), self.fault)

    def _pieces(self) -> Iterator[bytes]:
        if isinstance(self.fault, faults.Slow):
            rows = self.fault.rows
            lines = self._lines()
            yield from iter(lambda: b"".join(islice(lines, rows)), b"")
            return
        piece = bytearray()
        for line in self._lines():
            piece += line
            if len(piece) >= PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
        yield bytes(piece)
