"""Reading: one pass over a dropped file, in blocks of whole lines.

Ids must differ, and a file may hold millions: kept are eight bytes of each, its hash. Where two are the
same the file is read once more, with just those ids kept whole, to name the lines.
"""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from batchbox.core.lines import Request, read_line
from batchbox.core.manifest import Input, Mistake
from batchbox.core.packing import FRAME, fits_alone, size_of
from batchbox.core.plain import read_plain
from batchbox.core.stand_ins import text_of
from batchbox.queues import QueueRules

BLOCK = 1 << 16  # with all that is made of it below what malloc(3) takes anew from the kernel each time
LINE_PIECE = 1 << 20
MISTAKES_KEPT = 100
QUOTED = 80  # characters of an id, in a complaint
RAW_KEPT = 1 << 20  # of a skipped line, in the errors file
SLICES = 64  # of the hashes, so that not all are looked at together
ADDED = 256  # bytes, more than a line can grow by on its way into a part


class Reading:
    """Yields the good lines, keeps the first complaints. *repeated*: hashes of the ids used twice."""

    def __init__(
        self,
        file: BinaryIO,
        rules: QueueRules,
        line_limit: int,
        skipped: BinaryIO | None,
        repeated: frozenset[int] = frozenset(),
    ) -> None:
        self._file = file
        self._rules = rules
        self._limit = line_limit
        self._skipped = skipped
        self._repeated = repeated
        self._first_uses: dict[str, int] = {}
        self.hashes = [array("q") for _ in range(SLICES)]  # by their last bits
        self._digest = hashlib.sha256()
        self.bytes = 0
        self.lines = 0
        self.good = 0
        self.mistakes: list[Mistake] = []
        self.mistakes_total = 0

    def requests(self) -> Iterator[list[Request]]:
        """Yield what can be sent, some at a time. Once the file is to be refused, only look on."""
        for text, is_cut in self._blocks():
            lines = _split(text)
            found = None if is_cut else self._read_plain(text, lines)
            if found is None:
                found = self._look_closely(lines, is_cut)
            self.lines += len(lines)
            if found and (self._rules.skips_bad_lines or not self.mistakes_total):
                self.good += len(found)
                yield found

    def _blocks(self) -> Iterator[tuple[bytes, bool]]:
        """Yield whole lines, and whether the last of them is over the limit and was cut."""
        while block := self._note(self._file.read(BLOCK)):
            yield self._finish_line(block)

    def _finish_line(self, block: bytes) -> tuple[bytes, bool]:
        pieces, size = [block], len(block) - 1 - block.rfind(b"\n")
        while size and (piece := self._note(self._file.readline(LINE_PIECE))):
            size += len(piece)
            pieces += [piece] if size <= self._limit else []
            if piece.endswith(b"\n"):
                break
        return b"".join(pieces), size > self._limit

    def _note(self, piece: bytes) -> bytes:
        self._digest.update(piece)
        self.bytes += len(piece)
        return piece

    def _read_plain(self, text: bytes, lines: list[bytes]) -> list[Request] | None:
        """Return the requests if there is nothing to complain of, else None."""
        if FRAME + len(text) + ADDED > self._limit:
            return None
        try:
            _ = text.isascii() or text.decode()
        except UnicodeDecodeError:
            return None
        found = read_plain(self.lines + 1, lines)
        hashes = [hash(request.custom_id) for request in found or ()]
        if not self._repeated.isdisjoint(hashes):
            return None
        for number in hashes:
            self.hashes[number % SLICES].append(number)
        return found

    def _look_closely(self, lines: list[bytes], is_cut: bool) -> list[Request]:
        """Return the good ones, having complained of the others."""
        good: list[Request] = []
        for number, raw in enumerate(lines, start=self.lines + 1):
            is_beginning = is_cut and number == self.lines + len(lines)
            is_long = is_beginning or len(raw) >= self._limit
            found = _too_long(number, self._limit) if is_long else self._check(number, raw)
            if isinstance(found, Mistake):
                self._complain(found, raw)
            elif found and (self._rules.skips_bad_lines or not self.mistakes_total):
                good.append(found)
        return good

    def _check(self, number: int, raw: bytes) -> Request | Mistake | None:
        found = read_line(number, raw, self._rules.defaults)
        if not isinstance(found, Request):
            return found
        before = self._first_use(found)
        if before != number:
            problem = f"custom_id {_quote(found.custom_id)} was used in line {before} already"
            return Mistake(line=number, problem=problem, fix="give each request an id of its own")
        if not fits_alone(size_of(found.base, found.params), self._limit):
            return _too_long(number, self._limit)
        return found

    def _first_use(self, request: Request) -> int:
        """Return the line that used this request's id first, as far as that can be known in this pass."""
        number = hash(request.custom_id)
        self.hashes[number % SLICES].append(number)
        if number not in self._repeated:
            return request.line
        return self._first_uses.setdefault(request.custom_id, request.line)

    def find_repeated(self) -> frozenset[int]:
        """Return the hashes that occurred more than once."""
        repeated: set[int] = set()
        for some in self.hashes:
            if len(set(some)) < len(some):
                repeated.update(number for number, uses in Counter(some).items() if uses > 1)
        return frozenset(repeated)

    def _complain(self, mistake: Mistake, raw: bytes) -> None:
        self.mistakes_total += 1
        if len(self.mistakes) < MISTAKES_KEPT:
            self.mistakes.append(mistake)
        if self._skipped and self._rules.skips_bad_lines:
            text = text_of(raw)[:RAW_KEPT].rstrip(b"\r\n").decode(errors="backslashreplace")
            reason = mistake.model_dump(exclude={"line"}, exclude_none=True)
            entry = {"line": mistake.line, "reason": {"outcome": "skipped", **reason}, "raw": text}
            self._skipped.write(msgspec.json.encode(entry) + b"\n")

    def conclude(self) -> Input:
        """Return what was found in the whole file; a file without any request is a mistake too."""
        if not self.good and not self.mistakes_total:
            fix = "write one request on each line and drop the file again"
            problem, line = "the file holds no request", max(self.lines, 1)
            self.mistakes.append(Mistake(line=line, problem=problem, fix=fix))
            self.mistakes_total = 1
        skipped = self.mistakes_total if self._rules.skips_bad_lines else 0
        return Input(
            lines=self.lines,
            requests=self.good,
            skipped=skipped,
            bytes=self.bytes,
            sha256=self._digest.hexdigest(),
        )


def _split(text: bytes) -> list[bytes]:
    if text.find(b"\n", 0, -1) < 0:
        return [text]  # a long line of its own, which is not worth a copy
    lines = text.split(b"\n")
    return lines if lines[-1] else lines[:-1]


def _too_long(number: int, limit: int) -> Mistake:
    problem = f"the request is larger than one batch may be ({limit:,} bytes)"
    return Mistake(line=number, problem=problem, fix="make it smaller, or spread it over several requests")


def _quote(text: str) -> str:
    return msgspec.json.encode(text if len(text) <= QUOTED else text[:QUOTED] + "…").decode()
