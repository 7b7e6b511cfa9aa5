"""What stands is told at once, then ever more rarely."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from batchbox.reports.status_snapshot import StatusSnapshot
from batchbox.telemetry.log_throttle import Alarms, LogThrottle

MINUTE, HOUR, DAY = 60, 3600, 86400


class Log:
    """A log whose clock is turned by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self._captured = LogCapture()
        structlog.configure(processors=[LogThrottle(lambda: self.now), self._captured])
        self._log = structlog.get_logger()

    def say(self, event: str, **facts: Any) -> bool:
        """Log *event*; return whether it was told."""
        before = len(self._captured.entries)
        self._log.error(event, **facts)
        return len(self._captured.entries) > before

    def stand(self, seconds: float, step: float, event: str, **facts: Any) -> list[float]:
        """Log *event* each *step* for so long; return when it was told."""
        end, told = self.now + seconds, []
        while self.now < end:
            told += [self.now] if self.say(event, **facts) else []
            self.now += step
        return told

    @property
    def told(self) -> list[dict[str, Any]]:
        """All that was told."""
        return [dict(entry) for entry in self._captured.entries]


@pytest.fixture
def log() -> Iterator[Log]:
    before = structlog.get_config()
    yield Log()
    structlog.configure(**before)


def test_a_trouble_is_told_at_once_then_after_longer_and_longer(log: Log) -> None:
    """At once, a minute later, ten minutes, an hour, then once a day, however often it is met."""
    told = log.stand(3 * DAY, 30, "spool.offline", problem="gone", fix="mount it")
    first = [0, MINUTE, 11 * MINUTE, HOUR + 11 * MINUTE]
    assert told == [*first, first[-1] + DAY, first[-1] + 2 * DAY]
    assert log.told[2]["times"] == 20


def test_what_differs_at_each_try_makes_no_new_trouble(log: Log) -> None:
    """The id of a request and other numbers change; the kind of failure is what counts."""
    said = "the API said 401 authentication_error (request {})"
    assert log.say("sending.stopped", job="a", problem=said.format("req_1"), fix="mend the key")
    assert not log.say("sending.stopped", job="b", problem=said.format("req_2"), fix="mend the key")
    assert log.say("sending.stopped", job="a", problem="the API said 403 permission_error", fix="another key")


def test_each_job_has_troubles_of_its_own(log: Log) -> None:
    """Two jobs with the same trouble are both told; what is no trouble is told each time."""
    assert log.say("job.postponed", job="a", problem="full", fix="make room")
    assert log.say("job.postponed", job="b", problem="full", fix="make room")
    assert not log.say("job.postponed", job="b", problem="full", fix="make room")
    assert log.say("job.held", job="a", problem="x", fix="y")
    assert log.say("job.held", job="a", problem="x", fix="y")


def test_a_trouble_that_comes_back_is_told_at_once(log: Log) -> None:
    """After a success, and after a quarter of an hour without it."""
    facts = {"problem": "the API said 401", "fix": "mend the key"}
    log.stand(20 * MINUTE, 30, "sending.stopped", **facts)
    log.say("part.submitted", job="a")
    assert log.say("sending.stopped", **facts)
    log.now += 16 * MINUTE
    assert log.say("sending.stopped", **facts)


def test_a_flood_of_troubles_takes_no_more_memory(log: Log) -> None:
    """Beyond a thousand at once each is told, and the first are still told rarely."""
    assert all(log.say("job.postponed", job=str(job), problem="full", fix="make room") for job in range(1500))
    assert not log.say("job.postponed", job="7", problem="full", fix="make room")
    assert log.say("job.postponed", job="1400", problem="full", fix="make room")


ENDED = ["jobs.held", "flag.stands", "spool.online", "jobs.none_held", "flag.lifted"]


def test_alarms_tell_what_stands_and_what_no_longer_does(log: Log) -> None:
    """Held files and flags are told at once and not again a beat later; their end is told too."""
    alarms = Alarms()
    for _ in range(3):
        alarms.beat(StatusSnapshot(held=2, flags=frozenset({"PAUSE"}), offline=True))
    alarms.beat(StatusSnapshot())
    assert [one["event"] for one in log.told] == ENDED
    assert all(one["problem"] and one["fix"] for one in log.told[:2])
    alarms.beat(StatusSnapshot(flags=frozenset({"PAUSE"})))
    assert log.told[-1]["event"] == "flag.stands"
