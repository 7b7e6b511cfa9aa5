"""The agenda: what is due, kept between turns, so that a turn costs what has changed, not what there is.

All jobs are looked at whenever something may have become due anywhere; in between, only those that there is
news of. An action is looked at once more before it is begun.
"""

from bisect import insort
from collections.abc import Iterable, Iterator

from batchbox.core.actions import Action, JobAction
from batchbox.core.manifest import JobId
from batchbox.core.plan import View, due_actions, due_poll, for_job, next_moment, rank, select


class Agenda:
    """Pure: all it knows it is told. *until*: when all jobs have to be looked at again."""

    def __init__(self) -> None:
        self._due: list[JobAction] = []  # most urgent first, at most one for each job
        self.until = 0.0

    def wake_by(self, moment: float) -> None:
        """Look at all jobs at *moment* at the latest."""
        self.until = min(self.until, moment)

    def take(self, view: View, news: Iterable[JobId]) -> Iterator[Action]:
        """Yield what is to be begun now. *news*: jobs that have changed since the last time."""
        if view.now >= self.until:
            self._due, self.until = due_actions(view), next_moment(view)
            yield from due_poll(view)
        else:
            self._refresh(view, frozenset(news))
        while True:
            chosen = list(select(view, self._due))
            stale = frozenset(action.job for action in chosen if _find_due(view, action.job) != action)
            if not stale:
                break
            self._refresh(view, stale)
        self._drop(frozenset(action.job for action in chosen))
        yield from chosen

    def _refresh(self, view: View, jobs: frozenset[JobId]) -> None:
        self._drop(jobs)
        for job in jobs:
            if action := _find_due(view, job):
                insort(self._due, action, key=rank)

    def _drop(self, jobs: frozenset[JobId]) -> None:
        if jobs:
            self._due = [action for action in self._due if action.job not in jobs]


def _find_due(view: View, job: JobId) -> JobAction | None:
    manifest = view.jobs.get(job)
    return next(for_job(view, manifest), None) if manifest else None
