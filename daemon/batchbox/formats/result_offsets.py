"""Places: where in a part's rows the result of each request lies, in the order of the requests.

Written once all rows were read and found right, so that they need not be understood again to be put in
order. Each has a checksum of its own: rows may wait for days for those of another part.
"""

import zlib
from struct import Struct
from typing import NamedTuple

_FORM = Struct("<QIIB")


class ResultOffset(NamedTuple):
    """Offset and size in bytes, CRC-32, and whether the request succeeded."""

    offset: int
    size: int
    checksum: int
    succeeded: int

    def holds(self, result: bytes) -> bool:
        """Say whether *result* is what was found here."""
        return len(result) == self.size and zlib.crc32(result) == self.checksum


class ResultOffsets:
    """A table of places, by number. *data* is what is kept of it on the disk."""

    def __init__(self, data: bytearray) -> None:
        self.data = data

    @classmethod
    def of(cls, count: int) -> "ResultOffsets":
        """Return a table for *count* places, to be filled in any order."""
        return cls(bytearray(_FORM.size * count))

    def put(self, number: int, offset: int, result: bytes, succeeded: bool) -> None:
        """Note where the *result* of request *number* lies."""
        checksum = zlib.crc32(result)
        _FORM.pack_into(self.data, number * _FORM.size, offset, len(result), checksum, succeeded)

    def get(self, number: int) -> ResultOffset:
        """Return where the result of request *number* lies."""
        return ResultOffset._make(_FORM.unpack_from(self.data, number * _FORM.size))


def find_result(line: bytes, result: bytes) -> int:
    """Return where in *line* its *result* begins: last before the closing brace, or else wherever."""
    offset = len(line.rstrip()) - len(result) - 1
    return offset if offset > 0 and line.startswith(result, offset) else line.find(result)
