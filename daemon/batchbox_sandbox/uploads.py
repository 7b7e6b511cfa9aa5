"""A body on its way in: counted, hashed, never held twice."""

import io
import mmap
import tempfile
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import IO

from aiohttp import web

from batchbox_sandbox.envelope import Body
from batchbox_sandbox.replies import Aborted, Refusal

# A body up to this size stays in memory; a larger one goes to an unnamed file and is mapped.
SMALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Upload:
    """A body that has arrived in full."""

    data: Body
    size: int
    crc32: int


async def receive(request: web.Request, limit: int) -> Upload:
    """Read the whole body; raise `Refusal` if it is too large and `Aborted` if it never arrives in full."""
    # By the declared length first: 413 comes before the upload, not after it.
    declared = request.content_length
    if declared is not None and declared > limit:
        raise _too_large(declared, limit)
    checksum, size = 0, 0
    with _open_spool(declared) as spool:
        async for piece in read(request):
            size += len(piece)
            if size > limit:
                raise _too_large(size, limit)
            checksum = zlib.crc32(piece, checksum)
            spool.write(piece)
        return Upload(_settle(spool, size), size, checksum)


async def read(request: web.Request) -> AsyncIterator[bytes]:
    """Yield the body in pieces; raise `Aborted` when the client goes away in the middle of it."""
    try:
        async for piece in request.content.iter_any():
            yield piece
    except (web.RequestPayloadError, OSError) as error:
        raise Aborted from error


async def discard(request: web.Request, enough: int | None = None) -> None:
    """Read the body, or *enough* bytes of it, and keep nothing."""
    seen = 0
    async for piece in read(request):
        seen += len(piece)
        if enough is not None and seen >= enough:
            return


def _open_spool(declared: int | None) -> IO[bytes]:
    small = declared is not None and declared <= SMALL
    return io.BytesIO() if small else tempfile.TemporaryFile()


def _settle(spool: IO[bytes], size: int) -> Body:
    if isinstance(spool, io.BytesIO):
        return spool.getvalue()
    spool.flush()
    # The mapping keeps the unnamed file alive; an empty one cannot be mapped.
    return mmap.mmap(spool.fileno(), 0, access=mmap.ACCESS_READ) if size else b""


def _too_large(size: int, limit: int) -> Refusal:
    message = f"Request exceeds the maximum size: {size} > {limit} bytes"
    return Refusal(413, message, close=True)
