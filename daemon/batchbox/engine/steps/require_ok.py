"""Companions of a file that still lies in the inbox: who vouches that it is whole, and who wants it canceled.

A marker counts only if it came after the file, by the time that nobody can set (ctime): so one that a crash
has left, or that was meant for an earlier file of that name, vouches for nothing.
"""

import base64

from batchbox.domain.errors import InvalidFile
from batchbox.domain.job import Manifest
from batchbox.domain.marker_files import is_cancel, is_ok, subject_of
from batchbox.domain.ok_files import CONTENT_FIX, Confirmed, read_ok_file
from batchbox.domain.output_names import show
from batchbox.domain.records import OkMarker
from batchbox.domain.stability import InboxFile, Sightings, WaitReason, Writer
from batchbox.engine.steps.context import REQUEST, Context

CHANGING = WaitReason("waits for its marker, which has just changed", passing=True)

Place = tuple[str, bytes]


class MarkerFiles:
    """What they say, as of the last scan."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._sightings = Sightings()
        self._asking: dict[Place, InboxFile] = {}
        self._vouching: dict[Place, InboxFile] = {}
        self._vouchers: dict[Place, OkMarker] = {}
        self._required: dict[str, bool] = {}

    def update(self, now: float) -> None:
        """Take in what the scan has seen."""
        whole = [one for one in self._ctx.spool.companions.seen if not one.obstacle or is_ok(one.name)]
        self._asking = {(one.queue, subject_of(one.name)): one for one in whole if is_cancel(one.name)}
        self._vouching = {(one.queue, subject_of(one.name)): one for one in whole if is_ok(one.name)}
        self._sightings.update(list(self._vouching.values()), now)
        self._vouchers, self._required = {}, {}

    def judge(self, incoming: InboxFile, quiet: float, now: float) -> WaitReason | None:
        """Return why *incoming*, unchanged for *quiet* seconds, has to wait for its marker, if it has to."""
        marker = self._vouching.get(incoming.place)
        if incoming.place in self._asking or not (marker or self._requires(incoming.queue)):
            return None
        is_late = quiet >= self._ctx.settings.max_settle_seconds
        name = show(incoming.name)
        if not marker:
            told = "is still waiting" if is_late else "waits"
            fix = f"once {name} is whole, put an empty file {name}.ok beside it: this queue requires that"
            return WaitReason(f"{told} for its marker {name}.ok", fix, expected=not is_late)
        if marker.ctime_ns >= incoming.ctime_ns:
            return self._look_into(marker, incoming, now)
        if not self._requires(incoming.queue):
            return None
        fix = f"once {name} is whole, write its marker anew (as with touch)"
        return WaitReason(f"has changed since its marker {show(marker.name)} was put there", fix)

    def is_whole(self, incoming: InboxFile) -> bool:
        """Say whether nobody needs to wait for more of it: it is vouched for, or wanted no more."""
        return incoming.place in self._asking or incoming.place in self._vouchers

    def ok_marker_of(self, incoming: InboxFile) -> OkMarker | None:
        """Return the marker that confirms a file that is about to be taken."""
        return self._vouchers.get(incoming.place)

    def canceled_by(self, incoming: InboxFile) -> str:
        """Return the name of the file that wants *incoming* canceled; empty if there is none."""
        asking = self._asking.get(incoming.place)
        return show(asking.name) if asking else ""

    def _requires(self, queue: str) -> bool:
        if queue not in self._required:
            self._required[queue] = self._ctx.settings.for_queue(queue).require_ok
        return self._required[queue]

    def _look_into(self, marker: InboxFile, incoming: InboxFile, now: float) -> WaitReason | None:
        name = show(marker.name)
        if marker.obstacle:
            return WaitReason(f"waits: its marker {name} {marker.obstacle.problem}", marker.obstacle.fix)
        finding, rules = self._ctx.spool.examine(marker), self._ctx.settings.settle_rules()
        if finding.obstacle:
            return WaitReason(f"waits: its marker {name} {finding.obstacle.problem}", finding.obstacle.fix)
        quiet = rules.quiet if finding.writer is Writer.NONE else rules.quiet_blind
        if finding.writer is Writer.SOME or now - self._sightings.since(marker) < quiet:
            return CHANGING
        data = self._ctx.spool.companions.read(marker)
        if data is None:
            return CHANGING
        self._vouchers[incoming.place] = _vouch(marker, incoming, data)
        return None


def _vouch(marker: InboxFile, incoming: InboxFile, data: bytes) -> OkMarker:
    said, problem = Confirmed(), ""
    try:
        said = read_ok_file(data, incoming.name)
    except InvalidFile as invalid:
        problem = invalid.problem
    return OkMarker(
        name_b64=base64.b64encode(marker.name).decode(),
        inode=marker.inode,
        ctime_ns=marker.ctime_ns,
        size=incoming.size,
        mtime_ns=incoming.mtime_ns,
        lines=said.lines,
        bytes=said.bytes,
        sha256=said.sha256,
        problem=problem,
    )


def remove_marker(ctx: Context, job: Manifest) -> None:
    """Take the marker that vouched for the file of *job* out of the inbox, as far as it is still that one."""
    if one := job.ok_marker:
        name = base64.b64decode(one.name_b64)
        ctx.spool.companions.remove(job.source.queue, name, one.inode, one.ctime_ns)


def require_ok(ctx: Context, job: Manifest) -> None:
    """Raise `InvalidFile` unless the file that was taken is the one that its marker vouches for."""
    voucher = job.ok_marker
    if not voucher:
        return
    name = show(base64.b64decode(voucher.name_b64))
    if voucher.problem:
        raise InvalidFile(f"{name} {voucher.problem}", CONTENT_FIX)
    found, _ = ctx.spool.request(job.job)
    if (found.size, found.mtime_ns) != (voucher.size, voucher.mtime_ns):
        raise InvalidFile(f"the file was changed after {name} had been put beside it", FIX)
    if voucher.bytes not in (None, found.size):
        raise InvalidFile(f"{name} says {voucher.bytes:,} bytes, the file has {found.size:,}", FIX)
    sha256 = ctx.spool.describe(job.job, REQUEST)[1] if voucher.sha256 else None
    if sha256 != voucher.sha256:
        raise InvalidFile(f"{name} says SHA-256 {voucher.sha256}, the file has {sha256}", FIX)


def require_lines(job: Manifest, lines: int) -> None:
    """Raise `InvalidFile` unless the file has as many lines as its marker says."""
    if job.ok_marker and job.ok_marker.lines not in (None, lines):
        name = show(base64.b64decode(job.ok_marker.name_b64))
        raise InvalidFile(f"{name} says {job.ok_marker.lines:,} lines, the file has {lines:,}", FIX)


FIX = "nothing of it was sent: drop the whole file again, then its marker"
