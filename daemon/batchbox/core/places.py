"""Places: where in a part's rows the result of each request lies, in the order of the requests.

Written once all rows were read and found right, so that they need not be understood again to be put in
order. Each has a checksum of its own: rows may wait for days for those of another part.
"""

import zlib
from struct import Struct

_FORM = Struct("<QIIB")


class Place:
    """Offset and size in bytes, CRC-32, and whether the request succeeded."""

    __slots__ = ("_checksum", "offset", "size", "succeeded")

    def __init__(self, offset: int, size: int, checksum: int, succeeded: int) -> None:
        self.offset = offset
        self.size = size
        self._checksum = checksum
        self.succeeded = bool(succeeded)

    def holds(self, result: bytes) -> bool:
        """Say whether *result* is what was found here."""
        return len(result) == self.size and zlib.crc32(result) == self._checksum


class Places:
    """A table of places, by number. *data* is what is kept of it on the disk."""

    def __init__(self, data: bytearray) -> None:
        self.data = data

    @classmethod
    def of(cls, count: int) -> "Places":
        """Return a table for *count* places, to be filled in any order."""
        return cls(bytearray(_FORM.size * count))

    def put(self, number: int, offset: int, result: bytes, succeeded: bool) -> None:
        """Note where the *result* of request *number* lies."""
        checksum = zlib.crc32(result)
        _FORM.pack_into(self.data, number * _FORM.size, offset, len(result), checksum, succeeded)

    def get(self, number: int) -> Place:
        """Return where the result of request *number* lies."""
        return Place(*_FORM.unpack_from(self.data, number * _FORM.size))
