"""The sidecar manifest: the only truth about a job.

Frozen values. A change is a new manifest, replaced whole on disk by the spool; a record only ever
names bytes that are already durable. Times are RFC 3339 in UTC and for people: no decision compares
them with this host's clock, except that results are given up 29 days after the batch was created.

Each event of the state table has one method, and nothing else changes a state.
"""

from collections.abc import Collection
from typing import Self

from pydantic import Field

from batchbox.domain.part import Part
from batchbox.domain.priorities import Priority
from batchbox.domain.records import (
    Decision,
    FrozenModel,
    HoldNotice,
    Input,
    OkMarker,
    Output,
    Owner,
    Problem,
    SourceFile,
)
from batchbox.domain.states import Event, JobState, follow

SCHEMA = 2
DECISIONS_KEPT = 20  # of one job, the last

JobId = str


class Manifest(FrozenModel):
    """Everything that is known of one job."""

    schema_number: int = Field(default=SCHEMA, alias="schema")
    spool_id: str
    epoch: int
    revision: int = 0
    owner: Owner
    job: JobId
    state: JobState = JobState.TAKEN
    source: SourceFile
    ok_marker: OkMarker | None = None
    stem: str
    input: Input | None = None
    mistakes: tuple[Problem, ...] = ()
    mistakes_total: int = 0
    parts: tuple[Part, ...] = ()
    outputs: tuple[Output, ...] = ()
    status: str | None = None
    cancel_asked_at: str | None = None
    cancel_asked_by: str = ""  # the file that asked for it; empty if a command did
    priority: Priority = Priority.NORMAL
    priority_asked: Priority | None = None  # by the file's name, whether its queue allows that or not
    betas: tuple[str, ...] = ()  # beta features of the API that its batches are made with
    excess: str = ""  # what it would have exceeded, with figures: it was put aside for that
    hold_notice: HoldNotice | None = None
    approved_at: str | None = None  # a person says: send it all the same
    decisions: tuple[Decision, ...] = ()
    taken_at: str
    checked_at: str | None = None
    published_at: str | None = None

    def checked(
        self,
        *,
        found: Input,
        problems: tuple[Problem, ...],
        total: int,
        parts: tuple[Part, ...],
        at: str,
    ) -> Self:
        """Note that every line was checked and every body written; *total* counts all problems."""
        facts = {"input": found, "mistakes": problems, "mistakes_total": total, "parts": parts}
        return self._after(Event.PASSED, checked_at=at, **facts)

    def rejected(self, *, found: Input, problems: tuple[Problem, ...], total: int, at: str) -> Self:
        """Note that the file has mistakes, and nothing of it is sent."""
        facts = {"input": found, "mistakes": problems, "mistakes_total": total}
        return self._after(Event.REJECTED, checked_at=at, **facts)

    def called_off(self) -> Self:
        """End it before it was checked."""
        return self._after(Event.CALLED_OFF, status="canceled")

    def finished(self, status: str) -> Self:
        """Note that every part has come to its end."""
        return self._after(Event.FINISHED, status=status)

    def published(self) -> Self:
        """Note that the receipt is out."""
        return self._after(Event.PUBLISHED)

    def refused(self) -> Self:
        """Return the job with the status that it is published with if nothing of it was sent."""
        return self._changed(status=self.status or "rejected")

    def sealed(self, outputs: Collection[Output], at: str) -> Self:
        """Return the job with all outputs that it will have."""
        return self._changed(outputs=tuple(outputs), published_at=at)

    def with_receipt(self, receipt: Output) -> Self:
        """Return the job with its receipt, the last of its outputs."""
        return self._changed(outputs=(*self.outputs, receipt))

    def named(self, stem: str) -> Self:
        """Return the job under another stem."""
        return self._changed(stem=stem)

    def with_betas(self, betas: tuple[str, ...]) -> Self:
        """Return the job with the beta features of the API that its batches are made with."""
        return self._changed(betas=betas)

    def with_source(self, source: SourceFile) -> Self:
        """Return the job with the file as it is now."""
        return self._changed(source=source)

    def cancel_asked(self, at: str, by: str = "") -> Self:
        """Return the job as one that a person wants ended; *by*: the file that asked, if one did."""
        if self.cancel_asked_at and not by:
            return self
        return self._changed(cancel_asked_at=at, cancel_asked_by=by)

    def approved(self, at: str) -> Self:
        """Return the job as one that a person wants sent whatever it costs."""
        return self._changed(approved_at=at)

    def held_for(self, excess: str, notice: HoldNotice) -> Self:
        """Return the job with why it is held, and the notice that says so."""
        return self._changed(excess=excess, hold_notice=notice)

    def with_decision(self, decision: Decision) -> Self:
        """Return the job with what a person decided while it was held, for its story."""
        return self._changed(decisions=(*self.decisions, decision)[-DECISIONS_KEPT:])

    def signed(self, epoch: int, owner: Owner) -> Self:
        """Return the job as one that this daemon writes."""
        return self._changed(epoch=epoch, owner=owner)

    def revised(self, revision: int) -> Self:
        """Return the job as the revision of that number."""
        return self._changed(revision=revision)

    def with_part(self, part: Part, *more: Part) -> Self:
        """Return the job with *part* in the place of its former self, and *more* parts added."""
        parts = tuple(part if old.key == part.key else old for old in self.parts)
        return self._changed(parts=parts + more)

    def part(self, key: tuple[int, int]) -> Part:
        """Return the part with that number and generation."""
        return next(part for part in self.parts if part.key == key)

    def _after(self, event: Event, **facts: object) -> Self:
        return self._changed(state=follow(self.state, event), **facts)
