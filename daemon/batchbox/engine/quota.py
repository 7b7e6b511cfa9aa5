"""The quota: how many requests are at the API, and what its refusals have taught about its room."""

from collections import Counter
from collections.abc import Mapping

import structlog

from batchbox.domain.batch import Batch
from batchbox.domain.errors import NOTHING_TO_DO
from batchbox.domain.job import JobId, Manifest
from batchbox.scheduling.actions import Submit
from batchbox.scheduling.quota import THERE, LearnedLimit, Quota, learn

FIX = f"{NOTHING_TO_DO}: sending goes on as soon as some of them have been answered"

log = structlog.get_logger()


class InFlight:
    """Counts the requests that are at the API, or may be, by queue."""

    def __init__(self) -> None:
        self.by_queue: Counter[str] = Counter()
        self._jobs: dict[JobId, tuple[str, int]] = {}
        self.lesson: LearnedLimit | None = None
        self.crowded_out: Submit | None = None  # what waits for room

    def note(self, job: Manifest, batches: Mapping[str, Batch]) -> None:
        """Count the requests of *job*, but for those of batches that are known to have ended."""
        self.drop(job.job)
        ended = {one.id for part in job.parts if (one := batches.get(part.batch_id or "")) and one.ended}
        there = [part for part in job.parts if part.state in THERE and part.batch_id not in ended]
        requests = sum(part.requests for part in there)
        if requests:
            self._jobs[job.job] = (job.source.queue, requests)
            self.by_queue[job.source.queue] += requests

    def drop(self, job: JobId) -> None:
        """Count them no more."""
        queue, requests = self._jobs.pop(job, ("", 0))
        if requests:
            self.by_queue[queue] -= requests
            if not self.by_queue[queue]:
                del self.by_queue[queue]

    def note_refusal(self, now: float) -> bool:
        """Learn from the API's word that it has no room; return whether that may be for what is ours."""
        before, there = self.lesson, self.by_queue.total()
        self.lesson = learn(before, there, now)
        if self.lesson and (before is None or before.limit != self.lesson.limit) and there:
            log.info("quota.learnt", limit=there)
        return bool(there)

    def note_accepted(self, requests: int) -> None:
        """Try a little more from now on. To be told once those *requests* are counted."""
        self.lesson = self.lesson and self.lesson.grown(requests, self.by_queue.total())

    def quota(self, most: int | None, now: float) -> Quota:
        """Return what holds now. *most*: what is set."""
        if self.lesson and now >= self.lesson.until:
            self.lesson = None
        known = [most] if most is not None else []
        known += [self.lesson.limit] if self.lesson else []
        return Quota(min(known, default=None), self.by_queue)

    def explain(self, quota: Quota) -> dict[str, str] | None:
        """Return what keeps a part from being sent, and what to do, None if none waits for room."""
        if self.crowded_out is None or quota.limit is None:
            return None
        there = f"{quota.total:,} of {quota.limit:,} requests are there"
        problem = f"the API's queue has no room for the next part: {there}"
        return {"problem": problem, "fix": FIX}

    def tell(self, crowded_out: Submit | None, quota: Quota) -> None:
        """Take down which part waits for room; log that when it begins."""
        was_full, self.crowded_out = self.crowded_out is not None, crowded_out
        if facts := None if was_full else self.explain(quota):
            log.info("sending.crowded", job=crowded_out and crowded_out.job, **facts)
