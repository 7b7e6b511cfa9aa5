"""The agenda: what is due, kept between turns, so that a turn costs what has changed, not what there is.

All jobs are looked at whenever something may have become due anywhere; in between, only those that there is
news of. An action is looked at once more before it is begun.
"""

from collections.abc import Iterable, Iterator

from batchbox.domain.job import JobId
from batchbox.scheduling.actions import Action, JobAction, Submit
from batchbox.scheduling.fair_order import Lanes, Turns, age_of, choose
from batchbox.scheduling.plan import due_poll, for_job, lane_of, line_up, next_moment
from batchbox.scheduling.view import View


class DueCache:
    """Pure: all it knows it is told. *until*: when all jobs have to be looked at again.

    *crowded_out*: the part that, as of the last time, has to wait for room at the API.
    """

    def __init__(self) -> None:
        self._lanes = Lanes()
        self._turns = Turns()
        self.until = 0.0
        self.crowded_out: Submit | None = None

    def wake_by(self, moment: float) -> None:
        """Look at all jobs at *moment* at the latest."""
        self.until = min(self.until, moment)

    def take(self, view: View, news: Iterable[JobId]) -> Iterator[Action]:
        """Yield what is to be begun now. *news*: jobs that have changed since the last time."""
        if view.now >= self.until:
            self._lanes, self.until = line_up(view), next_moment(view)
            self._turns.keep({job.source.queue for job in view.jobs.values()})
            yield from due_poll(view)
        else:
            self._refresh(view, frozenset(news))
        while True:
            choice = choose(view, self._lanes, self._turns)
            looked_at = [*choice.actions, *filter(None, [choice.crowded_out])]
            stale = frozenset(one.job for one in looked_at if _find_due(view, one.job) != one)
            if not stale:
                break
            self._refresh(view, stale)
        self.crowded_out = choice.crowded_out
        if self.crowded_out:
            lane = lane_of(view, self.crowded_out)
            self._turns.next[lane.priority] = lane.queue
        for action in choice.actions:
            self._turns.note(lane_of(view, action))
            self._lanes.drop(action.job)
        yield from choice.actions

    def _refresh(self, view: View, jobs: frozenset[JobId]) -> None:
        for job in jobs:
            self._lanes.drop(job)
            if action := _find_due(view, job):
                lane = lane_of(view, action)
                self._turns.begin(lane.queue)
                self._lanes.put(lane, age_of(view.jobs[job]), action)


def _find_due(view: View, job: JobId) -> JobAction | None:
    manifest = view.jobs.get(job)
    return next(for_job(view, manifest), None) if manifest else None
