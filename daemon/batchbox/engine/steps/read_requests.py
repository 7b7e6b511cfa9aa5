"""Reading: one pass over a dropped file, in blocks of whole lines.

Ids must differ, and a file may hold millions: kept are eight bytes of each, its hash. Where two are the
same the file is read once more, with just those ids kept whole, to name the lines.
"""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec
from msgspec import structs

from batchbox.domain.errors import InvalidFile
from batchbox.domain.records import Input, Problem
from batchbox.formats.batch_body import FRAME, fits_alone, size_of
from batchbox.formats.errors_file_lines import find_origin
from batchbox.formats.local_files import Fetch, embed, may_name_files
from batchbox.formats.raw_json import JsonProblem, quote
from batchbox.formats.request_lines import BOM, Request, read_line
from batchbox.formats.request_lines_fast import read_plain
from batchbox.settings.queues import QueueSettings

BLOCK = 1 << 16  # with all that is made of it below what malloc(3) takes anew from the kernel each time
LINE_PIECE = 1 << 20
MISTAKES_KEPT = 100
RAW_KEPT = 1 << 20  # of a skipped line, in the errors file
SLICES = 64  # of the hashes, so that not all are looked at together
TOGETHER = 1 << 20  # bytes of requests that are handed on at once, where lines grow by files that they name
ADDED = 256  # bytes, more than a line can grow by on its way into a part


def fetch_nothing(path: str, _limit: int) -> bytes:
    """Refuse every file that a line names: there is no folder that it could be in."""
    raise JsonProblem(
        f"{quote(path)} cannot be read: no files can be named here", "put it into the line itself"
    )


class Reading:
    """Yields the good lines, keeps the first complaints. *repeated*: hashes of the ids used twice.

    *fetch* reads the files that lines name. What it gave is what is handed on: nothing is read twice.
    """

    def __init__(
        self,
        file: BinaryIO,
        rules: QueueSettings,
        line_limit: int,
        skipped: BinaryIO | None,
        repeated: frozenset[int] = frozenset(),
        fetch: Fetch = fetch_nothing,
    ) -> None:
        self._file = file
        self._fetch = fetch
        self._rules = rules
        self._defaults = rules.defaults
        self._limit = line_limit
        self._skipped = skipped
        self._repeated = repeated
        self._first_uses: dict[str, int] = {}
        self.hashes = [array("q") for _ in range(SLICES)]  # by their last bits
        self._digest = hashlib.sha256()
        self.bytes = 0
        self.lines = 0
        self.good = 0
        self._grown = 0  # bytes that lines have more on their way into a part
        self.mistakes: list[Problem] = []
        self.mistakes_total = 0

    def requests(self) -> Iterator[list[Request]]:
        """Yield what can be sent, some at a time. Once the file is to be refused, only look on."""
        for text, is_cut in self._blocks():
            lines = _split(text)
            plain = None if is_cut else self._read_plain(text, lines)
            for found in self._look_closely(lines, is_cut) if plain is None else [plain]:
                if found and (self._rules.skips_bad_lines or not self.mistakes_total):
                    self.good += len(found)
                    yield found
            self.lines += len(lines)

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
        if FRAME + len(text) + ADDED > self._limit or any(map(may_name_files, lines)):
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

    def _look_closely(self, lines: list[bytes], is_cut: bool) -> Iterator[list[Request]]:
        """Yield the good ones, some at a time, and complain of the others."""
        good: list[Request] = []
        size = 0
        for number, raw in enumerate(lines, start=self.lines + 1):
            is_beginning = is_cut and number == self.lines + len(lines)
            is_long = is_beginning or len(raw) >= self._limit
            found = _too_long(number, self._limit) if is_long else self._check(number, raw)
            if isinstance(found, Problem):
                self._complain(found, raw)
            elif found and (self._rules.skips_bad_lines or not self.mistakes_total):
                good.append(found)
                size += (sent := size_of(found.base, found.params))
                self._note_growth(number, sent - len(raw))
            if size > TOGETHER:
                yield good
                good, size = [], 0
        yield good

    def _note_growth(self, number: int, grown: int) -> None:
        """Raise `InvalidFile` if that is too much: short lines may name a large file many times."""
        self._grown += max(grown, 0)
        limit = self._rules.max_unpacked_bytes
        if self._grown > limit:
            problem = f"the file grows by more than {limit:,} bytes, with the files that it names"
            fix = "split it, or ask whoever runs batchbox to allow more (max_unpacked_bytes)"
            raise InvalidFile(problem, fix, line=number)

    def _check(self, number: int, raw: bytes) -> Request | Problem | None:
        found = read_line(number, raw, self._defaults)
        if not isinstance(found, Request):
            return found
        before = self._first_use(found)
        if before != number:
            problem = f"custom_id {quote(found.custom_id)} was used in line {before} already"
            return Problem(line=number, problem=problem, fix="give each request an id of its own")
        try:
            found = structs.replace(found, params=embed(found.params, self._fetch_within(self._limit)))
        except JsonProblem as complaint:
            return Problem(line=number, problem=complaint.problem, fix=complaint.fix)
        if not fits_alone(size_of(found.base, found.params), self._limit):
            return _too_long(number, self._limit)
        return found

    def _fetch_within(self, room: int) -> Fetch:
        """Return what reads files as long as all of them together can be in one request."""

        def fetch(path: str, limit: int) -> bytes:
            nonlocal room
            data = self._fetch(path, limit)
            room -= len(data) * 4 // 3
            if room < 0:
                too_long = _too_long(0, self._limit)
                raise JsonProblem(too_long.problem, too_long.fix)
            return data

        return fetch

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

    def _complain(self, mistake: Problem, raw: bytes) -> None:
        self.mistakes_total += 1
        if len(self.mistakes) < MISTAKES_KEPT:
            self.mistakes.append(mistake)
        if self._skipped and self._rules.skips_bad_lines:
            self._skipped.write(_describe_skipped(mistake, raw))

    def conclude(self) -> Input:
        """Return what was found in the whole file; a file without any request is a mistake too."""
        if not self.good and not self.mistakes_total:
            fix = "write one request on each line and drop the file again"
            problem, line = "the file holds no request", max(self.lines, 1)
            self.mistakes.append(Problem(line=line, problem=problem, fix=fix))
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


def _too_long(number: int, limit: int) -> Problem:
    problem = f"the request is larger than one batch may be ({limit:,} bytes)"
    return Problem(line=number, problem=problem, fix="make it smaller, or spread it over several requests")


def _describe_skipped(mistake: Problem, raw: bytes) -> bytes:
    """Return what is kept of line *raw*; as *origin*, where it stood in the first file if it came back."""
    text = raw.removeprefix(BOM) if mistake.line == 1 else raw
    line, custom_id, text = find_origin(text)
    reason = mistake.model_dump(exclude={"line"}, exclude_none=True)
    entry: dict[str, Any] = {"line": mistake.line, "reason": {"outcome": "skipped", **reason}}
    entry["raw"] = text[:RAW_KEPT].rstrip(b"\r\n").decode(errors="backslashreplace")
    if custom_id or line not in {None, mistake.line}:
        entry["origin"] = {"line": line or mistake.line} | ({"custom_id": custom_id} if custom_id else {})
    return msgspec.json.encode(entry) + b"\n"
