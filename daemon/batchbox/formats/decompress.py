"""Unpacking: what a packed file holds, a piece at a time."""

import gzip
import re
import sys
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from typing import BinaryIO

from batchbox.domain.errors import InvalidFile
from batchbox.domain.file_types import Packing

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["unpack", "zstd"]

PIECE = 1 << 18
WINDOW_LOG = 27  # 128 MB, the most that `zstd -d` takes unasked; a frame may ask for far more memory

BEGINNINGS = {  # RFC 1952, RFC 8878; a frame of zstd may also be one to skip
    "gzip": re.compile(rb"\x1f\x8b"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),
}
PACK_AGAIN = "see that it was copied whole, or pack it again, and drop it again"


def unpack(file: BinaryIO, packing: Packing) -> Iterator[bytes]:
    """Yield what is in *file*, all its members or frames. Raise `InvalidFile` unless it is whole."""
    begin = file.read(4)
    file.seek(0)
    if not begin:
        raise InvalidFile("the file is empty", PACK_AGAIN)
    if not BEGINNINGS[packing].match(begin):
        fix = f"pack it with {packing}, or let its name end in .jsonl if it is not packed"
        raise InvalidFile(f"the file's name says {packing}, but it is not packed so", fix)
    try:
        with _open(file, packing) as unpacked:
            while piece := unpacked.read(PIECE):
                yield piece
    except EOFError:
        raise InvalidFile(f"the file ends in the middle of its {packing} data", PACK_AGAIN) from None
    except (gzip.BadGzipFile, zlib.error, zstd.ZstdError) as error:
        raise _refuse(str(error)) from None


def _open(file: BinaryIO, packing: Packing) -> BufferedIOBase:
    if packing == "gzip":
        return gzip.GzipFile(fileobj=file)
    return zstd.ZstdFile(file, options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG})


def _refuse(error: str) -> InvalidFile:
    if "too much memory" in error:
        problem = f"unpacking the file takes more than {1 << WINDOW_LOG:,} bytes of memory"
        return InvalidFile(problem, "pack it again without --long")
    return InvalidFile("the file is damaged, or something stands behind its packed data", PACK_AGAIN)
