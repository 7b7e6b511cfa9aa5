"""Pieces: what is written of a file until it is worth a call, and the digest of all of it."""

import hashlib
from collections.abc import Callable
from typing import BinaryIO

PIECE = 1 << 18


class BufferedWriter:
    """Writes a file in large pieces; *note* hears how many bytes are written."""

    def __init__(self, file: BinaryIO, note: Callable[[int], None]) -> None:
        self._file = file
        self._note = note
        self._digest = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._waiting = 0
        self.size = 0

    def write(self, data: bytes) -> None:
        """Add *data*."""
        self._pieces.append(data)
        self._waiting += len(data)
        if self._waiting >= PIECE:
            self._put()

    def _put(self) -> None:
        data = b"".join(self._pieces)
        self._pieces, self._waiting = [], 0
        self._digest.update(data)
        self._file.write(data)
        self.size += len(data)
        self._note(len(data))

    def close(self) -> str:
        """Write what is left; return the SHA-256 of the whole."""
        self._put()
        return self._digest.hexdigest()
