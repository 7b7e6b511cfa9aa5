"""A part of a job: what goes to the API as one batch, and every way it can change.

Each event of the state table has one method here that takes what became known by it.
"""

from collections.abc import Collection
from typing import Self

from pydantic import Field

from batchbox.domain.records import Estimate, FrozenModel, Intent, Refusal, Tokens
from batchbox.domain.states import FINAL, HELD, Event, PartState, follow


class Part(FrozenModel):
    """A slice of a job that goes out as one batch."""

    number: int
    generation: int = 1
    state: PartState = PartState.READY
    nonce: str
    requests: int
    bytes: int
    crc32: int  # of the body: it guards against a disk that errs, and nobody else can write there
    index_crc32: int = 0  # of the list of its requests
    offsets_crc32: int = 0  # of the table of the offsets of their results
    attempt: int = 0
    intent: Intent | None = None
    candidates: tuple[str, ...] = ()
    ruled_out: tuple[str, ...] = ()  # batches that turned out not to be this part
    adopting: bool = False  # the candidate is a person's: if it is not ours, the part is undecided still
    abandoned: tuple[str, ...] = ()  # batches paid for, and given up for another attempt by a person
    given_up: tuple[str, ...] = ()  # when each attempt began of which it will never be known what it cost
    batch_id: str | None = None
    prepared_at: str | None = None  # when the last attempt began
    doubted_at: str | None = None
    refused_at: str | None = None
    submitted_at: str | None = None
    ended_at: str | None = None
    collected_at: str | None = None
    last: bool = False  # its rows go out no more: the spool was copied, another may have sent them again
    refusal: Refusal | None = None
    doubt: str | None = None  # why the last attempt is, or was, in doubt
    outcomes: dict[str, int] = Field(default_factory=dict)
    again: int = 0  # rows that went out again in the next generation
    usage: dict[str, Tokens] = Field(default_factory=dict)
    estimate: Estimate | None = None

    @property
    def key(self) -> tuple[int, int]:
        """Number and generation: unique in its job."""
        return (self.number, self.generation)

    @property
    def label(self) -> str:
        """The stem of this part's files in the job's folder."""
        again = f"-g{self.generation}" if self.generation > 1 else ""
        return f"part-{self.number:03d}{again}"

    def written(self, requests: int, size: int, crc32: int, index_crc32: int) -> Self:
        """Return the part with its body and its list of requests on the disk."""
        return self._changed(requests=requests, bytes=size, crc32=crc32, index_crc32=index_crc32)

    def estimated(self, estimate: Estimate | None) -> Self:
        """Return the part with what it may use and cost."""
        return self._changed(estimate=estimate)

    def prepared(self, intent: Intent, at: str) -> Self:
        """Begin a new attempt; a batch of ours can only be newer than *intent* says."""
        facts = {"intent": intent, "attempt": self.attempt + 1, "prepared_at": at}
        return self._after(Event.PREPARE, candidates=(), ruled_out=(), **facts)

    def committed(self) -> Self:
        """Note that the last byte may be out from here on."""
        return self._after(Event.COMMIT)

    def not_sent(self) -> Self:
        """Note that the attempt was broken off before the last byte."""
        return self._after(Event.NOT_SENT)

    def turned_away(self) -> Self:
        """Note that the API said: not now. Nothing was created."""
        return self._after(Event.TURNED_AWAY)

    def turned_down(self, refusal: Refusal, at: str) -> Self:
        """Note that the API said: never."""
        return self._after(Event.TURNED_DOWN, refusal=refusal, refused_at=at)

    def accepted(self, batch_id: str, at: str) -> Self:
        """Note the batch that the API named."""
        return self._after(Event.ACCEPTED, batch_id=batch_id, submitted_at=at)

    def unanswered(self, doubt: str, at: str) -> Self:
        """Note that nobody knows whether a batch was created; *doubt* says why."""
        return self._after(Event.UNANSWERED, doubt=doubt, doubted_at=at)

    def copied(self) -> Self:
        """Note that the spool was copied: another may have sent the part."""
        intent = self.intent or Intent(cursor=None, date="")
        return self._after(Event.COPIED, intent=intent, doubt="the spool was copied")

    def none_found(self) -> Self:
        """Note that no batch can be this part; rule out the candidates that are left."""
        ruled_out = (*self.ruled_out, *self.candidates)
        return self._after(Event.NONE_FOUND, candidates=(), ruled_out=ruled_out)

    def some_found(self, candidates: Collection[str]) -> Self:
        """Note the batches that may be this part."""
        return self._after(Event.SOME_FOUND, candidates=tuple(sorted(candidates)))

    def candidate_ruled_out(self, batch_id: str) -> Self:
        """Rule out a candidate; others are left."""
        left = tuple(one for one in self.candidates if one != batch_id)
        facts = {"candidates": left, "ruled_out": (*self.ruled_out, batch_id)}
        return self._after(Event.CANDIDATE_RULED_OUT, **facts)

    def proven(self, batch_id: str, submitted_at: str) -> Self:
        """Note the batch that is proven to be this part: one of its rows carries our nonce."""
        facts = {"batch_id": batch_id, "submitted_at": submitted_at, "candidates": (), "adopting": False}
        return self._after(Event.PROVEN, **facts)

    def candidates_lost(self, doubt: str, at: str) -> Self:
        """Note that no candidate can be read any longer: a person decides."""
        return self._after(Event.CANDIDATES_LOST, doubt=doubt, doubted_at=at)

    def results_gone(self, doubt: str) -> Self:
        """Note that the batch was paid for, and its results are gone."""
        return self._after(Event.RESULTS_GONE, doubt=doubt)

    def rows_complete(
        self,
        *,
        outcomes: dict[str, int],
        again: int,
        usage: dict[str, Tokens],
        offsets_crc32: int,
        ended_at: str | None,
        at: str,
    ) -> Self:
        """Note that all rows are checked and on the disk; *again* of them are sent again."""
        facts = {"outcomes": outcomes, "again": again, "usage": usage, "offsets_crc32": offsets_crc32}
        return self._after(Event.ROWS_COMPLETE, ended_at=ended_at, collected_at=at, **facts)

    def released(self) -> Self:
        """Look again, because a person says so."""
        return self._after(Event.RELEASED, candidates=(), ruled_out=(), adopting=False)

    def adopted(self, batch_id: str) -> Self:
        """Take the batch that a person named for a candidate."""
        return self._after(Event.ADOPTED, candidates=(batch_id,), ruled_out=(), adopting=True)

    def resubmitted(self) -> Self:
        """Send it again and pay again, because a person says so."""
        abandoned = (*self.abandoned, *filter(None, [self.batch_id]))
        facts = {"batch_id": None, "submitted_at": None, "abandoned": abandoned, "given_up": self._attempts()}
        return self._after(Event.RESUBMITTED, candidates=(), ruled_out=(), adopting=False, **facts)

    def called_off(self) -> Self:
        """End it unsent. The last attempt of a held part counts as one that may have been paid."""
        given_up = self._attempts() if self.state in HELD else self.given_up
        return self._after(Event.CALLED_OFF, given_up=given_up)

    def marked_last(self) -> Self:
        """Return the part as one whose rows don't go out again; one that has ended needs no mark."""
        return self._changed(last=self.state not in FINAL)

    def _attempts(self) -> tuple[str, ...]:
        """Return when each attempt began that was paid, or may have been; with the last."""
        return (*self.given_up, self.prepared_at or self.submitted_at or "")

    def _after(self, event: Event, **facts: object) -> Self:
        return self._changed(state=follow(self.state, event), **facts)
