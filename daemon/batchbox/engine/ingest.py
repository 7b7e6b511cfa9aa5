"""Ingest: one pass over the dropped file that checks every line and writes the bodies of its parts.

What was checked is what is sent: the bodies are ours, and a producer that still has the file open can
no longer change them.
"""

import hashlib
from collections.abc import Iterator
from itertools import chain, count
from typing import BinaryIO

import msgspec
import structlog

from batchbox.core.errors import TryLater
from batchbox.core.lines import Request, read_line
from batchbox.core.manifest import Input, Manifest, Mistake, Part
from batchbox.core.marker import NONCE_BYTES, base_of, mark, spell_nonce
from batchbox.core.packing import Packer, fits_alone, write_item
from batchbox.core.settle import Incoming, Writer
from batchbox.core.states import Event
from batchbox.core.storage import Stored
from batchbox.engine.bodies import BodyWriter
from batchbox.engine.context import REQUEST, SKIPPED, Context, body_name, index_name
from batchbox.engine.index import Entry, write_entry
from batchbox.settings import QueueRules

MISTAKES_KEPT = 100
LINE_PIECE = 1 << 20
QUOTED = 80  # characters of an id, in a complaint
RAW_KEPT = 1 << 20  # of a skipped line, in the errors file
BLANK_NONCE = spell_nonce(bytes(NONCE_BYTES))

log = structlog.get_logger()


def ingest(ctx: Context, stored: Stored) -> Stored:
    """Check the file; write its parts, or find it wanting. May be repeated until it has succeeded."""
    stored, seen = _settle(ctx, stored)
    job = stored.manifest
    rules = ctx.settings.for_queue(job.source.queue)
    with ctx.spool.open(job.job, REQUEST) as file, ctx.spool.create(job.job, SKIPPED) as skipped:
        reading = Reading(file, rules, ctx.settings.max_part_bytes, skipped)
        parts = tuple(_write_parts(ctx, job, reading))
    if ctx.spool.request(job.job)[0] != seen:
        raise TryLater("the file was changed while it was checked", "it is checked once it stays as it is")
    return _conclude(ctx, stored, reading, parts, rules)


def _settle(ctx: Context, stored: Stored) -> tuple[Stored, Incoming]:
    """Wait for a writer that the scan could not see, then shut out all others; return the file as it is."""
    job = stored.manifest.job
    seen, finding = ctx.spool.request(job)
    if finding.obstacle:  # it may have been swapped at the last moment
        raise TryLater(f"the file {finding.obstacle.problem}", finding.obstacle.fix)
    if finding.writer is Writer.SOME:
        raise TryLater("the file is still open for writing", "it is checked as soon as the writer closes it")
    known = _note_source(ctx, stored, seen)
    if known is not stored:
        raise TryLater("the file was changed after it was taken", "it is checked once it stays as it is")
    ctx.spool.freeze(job)
    seen, _ = ctx.spool.request(job)
    return _note_source(ctx, stored, seen), seen


def _note_source(ctx: Context, stored: Stored, seen: Incoming) -> Stored:
    """Put down which file it is, if that is another one than was known."""
    source = stored.manifest.source
    facts = {"inode": seen.inode, "size": seen.size, "mtime_ns": seen.mtime_ns}
    if source.model_copy(update=facts) == source:
        return stored
    changed = stored.manifest.model_copy(update={"source": source.model_copy(update=facts)})
    return ctx.spool.save(changed, stored.version)


def _conclude(
    ctx: Context, stored: Stored, reading: "Reading", parts: tuple[Part, ...], rules: QueueRules
) -> Stored:
    found = reading.conclude()
    facts = {"input": found, "checked_at": ctx.stamp()}
    facts |= {"mistakes": tuple(reading.mistakes), "mistakes_total": reading.mistakes_total}
    job = stored.manifest
    if reading.mistakes_total and (not rules.skips_bad_lines or not parts):
        labels = [part.label for part in parts]
        ctx.spool.discard(job.job, [SKIPPED, *map(body_name, labels), *map(index_name, labels)])
        log.warning("job.rejected", job=job.job, file=job.source.name, mistakes=reading.mistakes_total)
        return ctx.spool.save(job.after(Event.FOUND_WANTING, **facts), stored.version)
    log.info(
        "job.checked",
        job=job.job,
        requests=found.requests,
        parts=len(parts),
        skipped=found.skipped,
        bytes=sum(part.bytes for part in parts),
    )
    return ctx.spool.save(job.after(Event.PASSED, parts=parts, **facts), stored.version)


def _write_parts(ctx: Context, job: Manifest, reading: "Reading") -> Iterator[Part]:
    requests = reading.requests()
    waiting = next(requests, None)
    for number in count(1):
        if waiting is None:
            return
        nonce = spell_nonce(ctx.entropy(NONCE_BYTES))
        part = Part(number=number, nonce=nonce, requests=0, bytes=0, sha256="")
        part, waiting = _write_part(ctx, job, part, chain([waiting], requests))
        yield part


def _write_part(
    ctx: Context, job: Manifest, part: Part, requests: Iterator[Request]
) -> tuple[Part, Request | None]:
    """Write requests until *part* is full; return it, and the request that did not fit."""
    packer = Packer(ctx.settings.max_part_requests, ctx.settings.max_part_bytes)
    beyond = None
    with (
        ctx.spool.create(job.job, body_name(part.label)) as file,
        ctx.spool.create(job.job, index_name(part.label)) as index,
    ):
        body = BodyWriter(file)
        for request in requests:
            base = base_of(request.line, request.custom_id)
            item = write_item(mark(base, part.nonce), request.params)
            if not packer.add(item):
                beyond = request
                break
            body.write(item)
            index.write(write_entry(Entry(request.line, base, request.custom_id)))
        sha256 = body.close()
    facts = {"requests": packer.requests, "bytes": packer.size, "sha256": sha256}
    return part.model_copy(update=facts), beyond


def measure(reading: "Reading", max_requests: int, max_bytes: int) -> list[tuple[int, int]]:
    """Return requests and bytes of each part that *reading* would make, writing nothing."""
    packers = [Packer(max_requests, max_bytes)]
    for request in reading.requests():
        item = write_item(mark(base_of(request.line, request.custom_id), BLANK_NONCE), request.params)
        if not packers[-1].add(item):
            packers.append(Packer(max_requests, max_bytes))
            packers[-1].add(item)
    return [(packer.requests, packer.size) for packer in packers if packer.requests]


class Reading:
    """A pass over the lines of a file: yields the good ones, keeps the first complaints."""

    def __init__(self, file: BinaryIO, rules: QueueRules, line_limit: int, skipped: BinaryIO | None) -> None:
        self._file = file
        self._rules = rules
        self._limit = line_limit
        self._skipped = skipped
        self._ids: dict[str, int] = {}
        self._hash = hashlib.sha256()
        self.bytes = 0
        self.lines = 0
        self.good = 0
        self.mistakes: list[Mistake] = []
        self.mistakes_total = 0

    def requests(self) -> Iterator[Request]:
        """Yield what can be sent. Once the file is to be refused, only look for more mistakes."""
        for number, raw, too_long in self._numbered():
            found = _too_long(number, self._limit) if too_long else self._check(number, raw)
            if isinstance(found, Mistake):
                self._complain(found, raw)
            elif found and (self._rules.skips_bad_lines or not self.mistakes_total):
                self.good += 1
                yield found

    def _numbered(self) -> Iterator[tuple[int, bytes, bool]]:
        """Yield number and bytes of each line; of one over the limit the beginning, and True."""
        while piece := self._take():
            self.lines += 1
            pieces, size = [piece], len(piece)
            while len(piece) == LINE_PIECE and not piece.endswith(b"\n"):
                piece = self._take()
                size += len(piece)
                if size <= self._limit:
                    pieces.append(piece)
            yield self.lines, b"".join(pieces), size > self._limit

    def _take(self) -> bytes:
        piece = self._file.readline(LINE_PIECE)
        self._hash.update(piece)
        self.bytes += len(piece)
        return piece

    def _check(self, number: int, raw: bytes) -> Request | Mistake | None:
        found = read_line(number, raw, self._rules.defaults)
        if not isinstance(found, Request):
            return found
        before = self._ids.setdefault(found.custom_id, number)
        if before != number:
            problem = f"custom_id {_quote(found.custom_id)} was used in line {before} already"
            return Mistake(line=number, problem=problem, fix="give each request an id of its own")
        wire_id = mark(base_of(number, found.custom_id), BLANK_NONCE)
        if not fits_alone(write_item(wire_id, found.params), self._limit):
            return _too_long(number, self._limit)
        return found

    def _complain(self, mistake: Mistake, raw: bytes) -> None:
        self.mistakes_total += 1
        if len(self.mistakes) < MISTAKES_KEPT:
            self.mistakes.append(mistake)
        if self._skipped and self._rules.skips_bad_lines:
            text = raw[:RAW_KEPT].rstrip(b"\r\n").decode(errors="backslashreplace")
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
            sha256=self._hash.hexdigest(),
        )


def _too_long(number: int, limit: int) -> Mistake:
    problem = f"the request is larger than one batch may be ({limit:,} bytes)"
    return Mistake(line=number, problem=problem, fix="make it smaller, or spread it over several requests")


def _quote(text: str) -> str:
    return msgspec.json.encode(text if len(text) <= QUOTED else text[:QUOTED] + "…").decode()
