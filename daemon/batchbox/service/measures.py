"""The measures: every metric by name, with what it counts. docs/observe.md is made of this list."""

from dataclasses import dataclass

COUNTER, GAUGE, HISTOGRAM, INFO = "counter", "gauge", "histogram", "info"

MINUTE, HOUR = 60.0, 3600.0
ANSWERED = (10.0, *(MINUTE * n for n in (1, 5, 15, 30)), *(HOUR * n for n in (1, 2, 4, 8, 16, 24, 48)))
CALLED = (0.1, 0.5, 1.0, 5.0, 30.0, MINUTE, 10 * MINUTE)


@dataclass(frozen=True, slots=True)
class Measure:
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
    "batchbox_files_found": Measure(
        COUNTER, "new names in the inbox; by: hint, scan (no hint announced them), start", ("by",)
    ),
    "batchbox_files_taken": Measure(COUNTER, "files that became jobs", ("queue",)),
    "batchbox_files": Measure(COUNTER, "files that have their receipt", ("queue", "status")),
    "batchbox_requests": Measure(COUNTER, "requests of files that were in order", ("queue",)),
    "batchbox_mistakes": Measure(COUNTER, "mistakes in files that were rejected", ("queue",)),
    "batchbox_rows": Measure(COUNTER, "rows of published results, by how they ended", ("outcome",)),
    "batchbox_rows_again": Measure(COUNTER, "rows that the service failed and that went out once more"),
    "batchbox_batches": Measure(COUNTER, "batches that the API has made for us"),
    "batchbox_answers": Measure(COUNTER, "answered requests", ("model",)),
    "batchbox_answers_unpriced": Measure(COUNTER, "those of them whose price is not known", ("model",)),
    "batchbox_tokens": Measure(
        COUNTER, "tokens; kind: input, output, cache_creation, cache_read", ("model", "kind")
    ),
    "batchbox_cost_usd": Measure(COUNTER, "US dollars, where the price is known", ("model",)),
    "batchbox_bytes": Measure(
        COUNTER, "bytes; way: taken (from the inbox), sent, received (API), published", ("way",)
    ),
    "batchbox_api_calls": Measure(
        COUNTER,
        "calls of the API; call: create, list, retrieve, results, cancel; outcome: ok, the status, timeout, "
        "connection",
        ("call", "outcome"),
    ),
    "batchbox_api_call_seconds": Measure(HISTOGRAM, "how long calls took", ("call",), CALLED),
    "batchbox_events": Measure(COUNTER, "events of the log, those too that were not told again", ("event",)),
    "batchbox_drop_to_published_seconds": Measure(
        HISTOGRAM,
        "from the drop (when the file came to be as it is: its ctime, as it was renamed or written last) to "
        "its receipt; from when it was taken where the daemon was started in between",
        buckets=ANSWERED,
    ),
    "batchbox_notices": Measure(
        COUNTER, "notices of receipts; outcome: delivered, postponed (tried in vain), given_up", ("outcome",)
    ),
    "batchbox_cpu_seconds": Measure(COUNTER, "seconds of CPU that the daemon has used"),
    "batchbox_uncounted": Measure(COUNTER, "events that could not be counted: a bug"),
    # as it is now
    "batchbox_build": Measure(INFO, "which version runs", ("version",)),
    "batchbox_start_timestamp_seconds": Measure(GAUGE, "when the daemon was started"),
    "batchbox_memory_bytes": Measure(GAUGE, "its resident memory"),
    "batchbox_open_files": Measure(GAUGE, "its open descriptors"),
    "batchbox_jobs": Measure(GAUGE, "files under way", ("stage",)),
    "batchbox_oldest_job_seconds": Measure(
        GAUGE, "since the oldest of them was taken, 0 if there is none", ("stage",)
    ),
    "batchbox_inbox_files": Measure(GAUGE, "files in the inbox"),
    "batchbox_inbox_oldest_seconds": Measure(
        GAUGE, "since the oldest of them came to be as it is (ctime), 0 if there is none"
    ),
    "batchbox_requests_at_api": Measure(
        GAUGE, "requests in batches that have not ended, or that may exist", ("queue",)
    ),
    "batchbox_requests_room": Measure(
        GAUGE, "requests that may be there at once, as set or learnt; 0 if nothing is known"
    ),
    "batchbox_jobs_held": Measure(GAUGE, "files that wait for a person, in hold/"),
    "batchbox_notices_pending": Measure(GAUGE, "notices that nobody has got yet"),
    "batchbox_answers_at_risk": Measure(GAUGE, "files whose answers the API deletes soon"),
    "batchbox_flag": Measure(GAUGE, "1 while control/PAUSE or control/DRAIN stands", ("flag",)),
    "batchbox_offline": Measure(GAUGE, "1 while the spool is not there"),
    "batchbox_stopped": Measure(GAUGE, "1 while sending or asking does not work, or the spool is not there"),
    "batchbox_needs_person": Measure(GAUGE, "1 while that needs somebody to do something"),
    "batchbox_last_scan_timestamp_seconds": Measure(GAUGE, "when the inbox was looked at last"),
}
