"""The measures: every metric by name, with what it counts. docs/observe.md is made of this list."""

from dataclasses import dataclass

COUNTER, GAUGE, HISTOGRAM, INFO = "counter", "gauge", "histogram", "info"

MINUTE, HOUR = 60.0, 3600.0
ANSWERED = (10.0, *(MINUTE * n for n in (1, 5, 15, 30)), *(HOUR * n for n in (1, 2, 4, 8, 16, 24, 48)))
CALLED = (0.1, 0.5, 1.0, 5.0, 30.0, MINUTE, 10 * MINUTE)


@dataclass(frozen=True, slots=True)
class MetricName:
    """One metric. *buckets*: the upper bounds of a histogram, in seconds."""

    kind: str
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def samples(self, name: str) -> tuple[str, ...]:
        """Return the names under which Prometheus has the metric called *name*."""
        endings = {COUNTER: ("_total",), INFO: ("_info",), HISTOGRAM: ("_bucket", "_sum", "_count")}
        return tuple(name + ending for ending in endings.get(self.kind, ("",)))


MEASURES = {
    # counted since the daemon was started
    "batchbox_files_found": MetricName(
        COUNTER, "new names in the inbox; by: hint, scan (no hint announced them), start", ("by",)
    ),
    "batchbox_files_taken": MetricName(COUNTER, "files that became jobs", ("queue",)),
    "batchbox_files": MetricName(COUNTER, "files that have their receipt", ("queue", "status")),
    "batchbox_requests": MetricName(COUNTER, "requests of files that were in order", ("queue",)),
    "batchbox_mistakes": MetricName(COUNTER, "mistakes in files that were rejected", ("queue",)),
    "batchbox_rows": MetricName(COUNTER, "rows of published results, by how they ended", ("outcome",)),
    "batchbox_rows_again": MetricName(COUNTER, "rows that the service failed and that went out once more"),
    "batchbox_batches": MetricName(COUNTER, "batches that the API has made for us"),
    "batchbox_answers": MetricName(COUNTER, "answered requests", ("model",)),
    "batchbox_answers_unpriced": MetricName(COUNTER, "those of them whose price is not known", ("model",)),
    "batchbox_tokens": MetricName(
        COUNTER, "tokens; kind: input, output, cache_creation, cache_read", ("model", "kind")
    ),
    "batchbox_cost_usd": MetricName(COUNTER, "US dollars, where the price is known", ("model",)),
    "batchbox_bytes": MetricName(
        COUNTER, "bytes; way: taken (from the inbox), sent, received (API), published", ("way",)
    ),
    "batchbox_api_calls": MetricName(
        COUNTER,
        "calls of the API; call: create, list, retrieve, results, cancel; outcome: ok, the status, timeout, "
        "connection",
        ("call", "outcome"),
    ),
    "batchbox_api_call_seconds": MetricName(HISTOGRAM, "how long calls took", ("call",), CALLED),
    "batchbox_events": MetricName(
        COUNTER, "events of the log, those too that were not told again", ("event",)
    ),
    "batchbox_drop_to_published_seconds": MetricName(
        HISTOGRAM,
        "from the drop (when the file came to be as it is: its ctime, as it was renamed or written last) to "
        "its receipt; from when it was taken where the daemon was started in between",
        buckets=ANSWERED,
    ),
    "batchbox_notices": MetricName(
        COUNTER, "notices of receipts; outcome: delivered, postponed (tried in vain), given_up", ("outcome",)
    ),
    "batchbox_cpu_seconds": MetricName(COUNTER, "seconds of CPU that the daemon has used"),
    "batchbox_uncounted": MetricName(COUNTER, "events that could not be counted: a bug"),
    # as it is now
    "batchbox_build": MetricName(INFO, "which version runs", ("version",)),
    "batchbox_start_timestamp_seconds": MetricName(GAUGE, "when the daemon was started"),
    "batchbox_memory_bytes": MetricName(GAUGE, "its resident memory"),
    "batchbox_open_files": MetricName(GAUGE, "its open descriptors"),
    "batchbox_jobs": MetricName(GAUGE, "files under way", ("stage",)),
    "batchbox_oldest_job_seconds": MetricName(
        GAUGE, "since the oldest of them was taken, 0 if there is none", ("stage",)
    ),
    "batchbox_inbox_files": MetricName(GAUGE, "files in the inbox"),
    "batchbox_inbox_oldest_seconds": MetricName(
        GAUGE, "since the oldest of them came to be as it is (ctime), 0 if there is none"
    ),
    "batchbox_requests_at_api": MetricName(
        GAUGE, "requests in batches that have not ended, or that may exist", ("queue",)
    ),
    "batchbox_requests_room": MetricName(
        GAUGE, "requests that may be there at once, as set or learnt; 0 if nothing is known"
    ),
    "batchbox_jobs_held": MetricName(GAUGE, "files that wait for a person, in hold/"),
    "batchbox_notices_pending": MetricName(GAUGE, "notices that nobody has got yet"),
    "batchbox_answers_at_risk": MetricName(GAUGE, "files whose answers the API deletes soon"),
    "batchbox_flag": MetricName(GAUGE, "1 while control/PAUSE or control/DRAIN stands", ("flag",)),
    "batchbox_offline": MetricName(GAUGE, "1 while the spool is not there"),
    "batchbox_stopped": MetricName(
        GAUGE, "1 while sending or asking does not work, or the spool is not there"
    ),
    "batchbox_needs_person": MetricName(GAUGE, "1 while that needs somebody to do something"),
    "batchbox_last_scan_timestamp_seconds": MetricName(GAUGE, "when the inbox was looked at last"),
}
