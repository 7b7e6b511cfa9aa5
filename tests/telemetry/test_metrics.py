"""What is counted from the log, and gauged from the condition."""

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as read_plain

from batchbox.domain.timestamps import format_time
from batchbox.ports.clock import SystemClock
from batchbox.reports.status_snapshot import StatusSnapshot
from batchbox.storage.local.status_file import replace_loosely
from batchbox.telemetry.metric_names import MEASURES
from batchbox.telemetry.metrics import DIFFERENT, Metrics
from batchbox.telemetry.metrics_export import Export

TOKENS = {"requests": 3, "input_tokens": 5, "output_tokens": 7, "cost_usd": 0.5}
TOKENS |= {"cache_creation_input_tokens": 1, "cache_read_input_tokens": 2}
PUBLISHED = {"job": "j", "queue": "q", "status": "partial", "bytes": 9, "seconds": 30}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(SystemClock(), "1.2.3", "/srv/a")


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Return what *metrics* says of one series; None if it has none."""
    return metrics.registry.get_sample_value(name, labels | {"spool": "/srv/a"})


def test_the_events_of_a_file_are_counted(metrics: Metrics) -> None:
    """From the drop to the receipt: bytes, rows, tokens, cost and time."""
    metrics.count("job.taken", {"job": "j", "queue": "q", "bytes": 4, "waited": 2.5})
    metrics.count("job.checked", {"queue": "q", "requests": 3})
    metrics.count("part.collected", {"again": 2, "usage": {"m": TOKENS, "n": TOKENS | {"cost_usd": None}}})
    metrics.count("job.published", PUBLISHED | {"rows": {"succeeded": 2, "errored": 1}})
    found = {
        "taken": value(metrics, "batchbox_bytes_total", way="taken"),
        "requests": value(metrics, "batchbox_requests_total", queue="q"),
        "files": value(metrics, "batchbox_files_total", queue="q", status="partial"),
        "errored": value(metrics, "batchbox_rows_total", outcome="errored"),
        "again": value(metrics, "batchbox_rows_again_total"),
        "read": value(metrics, "batchbox_tokens_total", model="m", kind="cache_read"),
        "cost": value(metrics, "batchbox_cost_usd_total", model="m"),
        "unpriced": value(metrics, "batchbox_answers_unpriced_total", model="n"),
        "time": value(metrics, "batchbox_drop_to_published_seconds_sum"),
        "uncounted": value(metrics, "batchbox_uncounted_total"),
    }
    assert list(found.values()) == [4, 3, 1, 1, 2, 2, 0.5, 3, 32.5, 0]


def test_what_others_name_is_bounded(metrics: Metrics) -> None:
    """Whoever may make queues cannot make the metrics grow without an end."""
    for number in range(DIFFERENT * 4):
        metrics.count("job.checked", {"queue": f"q{number}", "requests": 1})
    assert value(metrics, "batchbox_requests_total", queue="q0") == 1
    assert value(metrics, "batchbox_requests_total", queue="other") == DIFFERENT * 3


def test_what_cannot_be_counted_fails_nobody(metrics: Metrics) -> None:
    """An event without its facts is counted as such, and raises nothing."""
    metrics.count("job.taken", {})
    metrics.count("never.heard_of", {})
    assert value(metrics, "batchbox_uncounted_total") == 1
    assert value(metrics, "batchbox_events_total", event="other") == 1


def test_the_condition_is_gauged(metrics: Metrics) -> None:
    """Depths, ages, flags and troubles are as at the last beat; what has gone is 0 again."""
    now = format_time(SystemClock().now())
    stage = "waiting for a batch"
    flags = frozenset({"PAUSE"})
    metrics.gauge(
        StatusSnapshot(
            jobs={stage: 2}, oldest={stage: now}, flags=flags, at_risk=3, problem="bad key", fix="mend it"
        )
    )
    assert value(metrics, "batchbox_jobs", stage=stage) == 2
    assert 0 <= (value(metrics, "batchbox_oldest_job_seconds", stage=stage) or 0) < 60
    assert value(metrics, "batchbox_flag", flag="PAUSE") == 1
    assert value(metrics, "batchbox_needs_person") == 1
    assert value(metrics, "batchbox_answers_at_risk") == 3
    metrics.gauge(StatusSnapshot(problem="529", fix="nothing to do: it is tried again", scanned_at=now))
    assert value(metrics, "batchbox_jobs", stage=stage) == 0
    assert (value(metrics, "batchbox_stopped"), value(metrics, "batchbox_needs_person")) == (1, 0)


def test_requests_at_the_api_are_gauged_by_queue(metrics: Metrics) -> None:
    """A queue that has none any more has 0, and does not stay as it was."""
    metrics.gauge(StatusSnapshot(requests={"nightly": 500, "default": 2}, room=1000))
    assert value(metrics, "batchbox_requests_at_api", queue="nightly") == 500
    assert value(metrics, "batchbox_requests_room") == 1000
    metrics.gauge(StatusSnapshot(requests={"default": 3}))
    assert value(metrics, "batchbox_requests_at_api", queue="nightly") == 0
    assert value(metrics, "batchbox_requests_at_api", queue="default") == 3
    assert value(metrics, "batchbox_requests_room") == 0


def test_the_metrics_are_those_that_are_listed(metrics: Metrics) -> None:
    """All of the list, and nothing else."""
    metrics.gauge(StatusSnapshot())
    names = {
        family.name.removesuffix("_info") for family in read_plain(generate_latest(metrics.registry).decode())
    }
    assert names == MEASURES.keys()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the kernel tells it in /proc")
def test_the_daemon_itself_is_measured(metrics: Metrics) -> None:
    """Its memory, its descriptors, its start, and CPU that only grows."""
    metrics.gauge(StatusSnapshot())
    before = value(metrics, "batchbox_cpu_seconds_total") or 0
    assert before > 0
    metrics.gauge(StatusSnapshot())
    assert (value(metrics, "batchbox_cpu_seconds_total") or 0) >= before
    assert (value(metrics, "batchbox_memory_bytes") or 0) > 10_000_000
    assert (value(metrics, "batchbox_open_files") or 0) >= 3
    assert (value(metrics, "batchbox_start_timestamp_seconds") or 0) > 1_700_000_000


def test_two_spools_on_one_host_do_not_collide(metrics: Metrics) -> None:
    """node_exporter reads both files: no series may be in both."""
    other = Metrics(SystemClock(), "1.2.3", "/srv/b")
    for each in (metrics, other):
        each.gauge(StatusSnapshot())
    files = [generate_latest(each.registry).decode().splitlines() for each in (metrics, other)]
    first, second = ({line.rpartition(" ")[0] for line in file if line[0] != "#"} for file in files)
    assert first
    assert not first & second


class Hand:
    """An export whose clock is turned by hand, into a file."""

    def __init__(self, metrics: Metrics, path: Path) -> None:
        self.seconds = 0.0
        self.path = path
        self.export = Export(metrics, self, self.write, None)

    def monotonic(self) -> float:
        """Return the time."""
        return self.seconds

    def now(self) -> Any:
        """Return the time of day."""
        return SystemClock().now()

    def write(self, data: bytes) -> None:
        """Write the file as the daemon does."""
        replace_loosely(self.path, data, 0o644)

    def beat(self, **facts: Any) -> bool:
        """Return whether a beat has written the file."""
        self.path.unlink(missing_ok=True)
        self.export.beat(StatusSnapshot(**facts))
        return self.path.exists()


def test_the_file_is_written_when_something_is_new(metrics: Metrics, tmp_path: Path) -> None:
    """At once after a change, else every 15 seconds; never into what is not our spool."""
    hand = Hand(metrics, tmp_path / "state" / "metrics.prom")
    assert hand.beat(waiting=1)
    assert hand.path.stat().st_mode & 0o777 == 0o644
    assert not hand.beat(waiting=1)
    assert hand.beat(waiting=2)
    hand.export.count("job.held", {})
    assert hand.beat(waiting=2)
    hand.seconds = 16
    assert not hand.beat(waiting=2, offline=True)
    assert hand.beat(waiting=2)


def test_a_full_disk_does_not_stop_the_beat(metrics: Metrics, tmp_path: Path) -> None:
    """Where the file cannot be written, the work that may free the disk goes on."""
    hand = Hand(metrics, tmp_path / "metrics.prom")
    (tmp_path / ".metrics.prom.tmp").mkdir()  # as good as full: nothing can be written there
    assert not hand.beat(waiting=1)
