"""Metrics: counted from the events of the log, and gauged from the condition at each beat.

So the engine knows nothing of them. They begin at nothing with the process, as Prometheus expects.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    Metric,
    disable_created_metrics,
)
from prometheus_client.registry import Collector

from batchbox.domain.errors import needs_person
from batchbox.domain.job import JobId
from batchbox.domain.operator_commands import FLAGS
from batchbox.ports.clock import Clock
from batchbox.reports.status_snapshot import DOING, OTHERWISE, STAGES, StatusSnapshot
from batchbox.telemetry.log_events import EVENTS
from batchbox.telemetry.metric_names import COUNTER, HISTOGRAM, INFO, MEASURES, MetricName
from batchbox.telemetry.process_usage import count_open_files, measure_cpu, measure_memory

FREE = frozenset({"queue", "model", "outcome"})  # labels whose values others choose
DIFFERENT = 50  # values of each of those; the next are all "other"
OTHER = "other"
REMEMBERED = 10_000  # jobs
NOTICES = frozenset({"notice.delivered", "notice.postponed", "notice.given_up"})
KINDS = ("input", "output", "cache_creation", "cache_read")
STAGE_NAMES = (*DOING.values(), *(name for name, _ in STAGES), OTHERWISE)

Facts = Mapping[str, Any]


class _Few:
    """Lets the first values of a label pass, and calls the rest by one name: each is memory, for ever."""

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = {}

    def __call__(self, label: str, value: str) -> str:
        known = self._known.setdefault(label, set())
        if value in known or len(known) < DIFFERENT:
            known.add(value)
            return value
        return OTHER


class _Labelled(Collector):
    """All metrics of a registry, with the spool they are of: node_exporter reads the files of several."""

    def __init__(self, registry: CollectorRegistry, spool: str) -> None:
        self._registry = registry
        self._spool = spool

    def collect(self) -> Iterable[Metric]:
        """Yield them."""
        for family in self._registry.collect():
            labelled = [one._replace(labels={"spool": self._spool} | one.labels) for one in family.samples]
            family.samples = labelled
            yield family


class Metrics:
    """All of `metric_names`, in a registry of their own. *spool*: the label that all of them get."""

    def __init__(self, clock: Clock, version: str, spool: str) -> None:
        # one more series each, which tells of the process's start what one of ours tells once
        disable_created_metrics()  # type: ignore[no-untyped-call]
        own = CollectorRegistry()
        self.registry = CollectorRegistry()
        self.registry.register(_Labelled(own, spool))
        self._clock = clock
        self._few = _Few()
        self._waited: dict[JobId, float] = {}
        self._held = {name: _make(name, measure, own) for name, measure in MEASURES.items()}
        self._held["batchbox_build"].info({"version": version})
        self._set("batchbox_start_timestamp_seconds", clock.now().timestamp())
        self._cpu = 0.0
        self._queues: set[str] = set()
        for event in EVENTS:  # from 0, so that the first is an increase
            self._of("batchbox_events", {"event": event})

    def count(self, event: str, facts: Facts) -> None:
        """Count an event. Never raises: the step that logs it must not fail of that."""
        try:
            self._add("batchbox_events", event=event if event in EVENTS else OTHER)
            self._count(event, facts)
        except Exception:  # noqa: BLE001  counted itself, and looked for by the tests
            self._add("batchbox_uncounted")

    def _add(self, name: str, amount: float = 1, /, **labels: str) -> None:
        self._of(name, labels).inc(amount)

    def _of(self, name: str, labels: Mapping[str, str]) -> Any:
        few = {label: self._few(label, value) if label in FREE else value for label, value in labels.items()}
        return self._held[name].labels(**few) if few else self._held[name]

    def _count(self, event: str, facts: Facts) -> None:
        if event in NOTICES:
            self._add("batchbox_notices", outcome=event.partition(".")[2])
        match event:
            case "files.found":
                self._add("batchbox_files_found", facts["files"], by=facts["by"])
            case "job.taken":
                self._add("batchbox_files_taken", queue=facts["queue"])
                self._add("batchbox_bytes", facts["bytes"], way="taken")
                if len(self._waited) < REMEMBERED:
                    self._waited[facts["job"]] = facts["waited"]
            case "job.checked" | "job.rejected":
                name = "requests" if event == "job.checked" else "mistakes"
                self._add(f"batchbox_{name}", facts[name], queue=facts["queue"])
            case "job.published":
                self._count_published(facts)
            case "part.submitted" | "part.proven":
                self._add("batchbox_batches")
            case "part.collected":
                self._count_answers(facts)
            case "api.called":
                self._count_call(facts)

    def _count_published(self, facts: Facts) -> None:
        self._add("batchbox_files", queue=facts["queue"], status=facts["status"])
        self._add("batchbox_bytes", facts["bytes"], way="published")
        for outcome, number in facts["rows"].items():
            self._add("batchbox_rows", number, outcome=outcome)
        waited = self._waited.pop(facts["job"], 0.0)
        self._of("batchbox_drop_to_published_seconds", {}).observe(waited + facts["seconds"])

    def _count_answers(self, facts: Facts) -> None:
        self._add("batchbox_rows_again", facts["again"])
        for model, tokens in facts["usage"].items():
            self._add("batchbox_answers", tokens["requests"], model=model)
            for kind in KINDS:
                self._add("batchbox_tokens", tokens[_field(kind)], model=model, kind=kind)
            if tokens["cost_usd"] is None:
                self._add("batchbox_answers_unpriced", tokens["requests"], model=model)
            else:
                self._add("batchbox_cost_usd", tokens["cost_usd"], model=model)

    def _count_call(self, facts: Facts) -> None:
        self._add("batchbox_api_calls", call=facts["call"], outcome=facts["outcome"])
        self._of("batchbox_api_call_seconds", {"call": facts["call"]}).observe(facts["seconds"])
        self._add("batchbox_bytes", facts["sent"], way="sent")
        self._add("batchbox_bytes", facts["received"], way="received")

    def watch_notices(self, pending: Callable[[], int]) -> None:
        """Have the number of notices that wait asked for whenever the metrics are read."""
        self._held["batchbox_notices_pending"].set_function(pending)

    def gauge(self, condition: StatusSnapshot) -> None:
        """Take in how things are."""
        self._gauge_process()
        for stage in STAGE_NAMES:
            self._set("batchbox_jobs", condition.jobs.get(stage, 0), stage=stage)
            self._set("batchbox_oldest_job_seconds", self._age(condition.oldest.get(stage, "")), stage=stage)
        for flag in FLAGS:
            self._set("batchbox_flag", flag in condition.flags, flag=flag)
        self._set("batchbox_inbox_files", condition.waiting)
        since = condition.waiting_since if condition.waiting else ""
        self._set("batchbox_inbox_oldest_seconds", self._age(since))
        self._set("batchbox_jobs_held", condition.held)
        self._set("batchbox_answers_at_risk", condition.at_risk)
        self._gauge_requests(condition)
        self._set("batchbox_offline", condition.offline)
        self._set("batchbox_stopped", bool(condition.problem))
        self._set("batchbox_needs_person", bool(condition.problem) and needs_person(condition.fix))
        if condition.scanned_at:
            scanned = datetime.fromisoformat(condition.scanned_at).timestamp()
            self._set("batchbox_last_scan_timestamp_seconds", scanned)

    def _gauge_requests(self, condition: StatusSnapshot) -> None:
        found: dict[str, int] = dict.fromkeys(self._queues, 0)  # those that have none any more
        for queue, requests in condition.requests.items():
            known = self._few("queue", queue)
            found[known] = found.get(known, 0) + requests
        for queue, requests in found.items():
            self._set("batchbox_requests_at_api", requests, queue=queue)
        self._queues = set(found)
        self._set("batchbox_requests_room", condition.room or 0)

    def _gauge_process(self) -> None:
        self._set("batchbox_memory_bytes", measure_memory())
        self._set("batchbox_open_files", count_open_files())
        used = measure_cpu()
        self._add("batchbox_cpu_seconds", used - self._cpu)
        self._cpu = used

    def _set(self, name: str, value: float, /, **labels: str) -> None:
        self._of(name, labels).set(value)

    def _age(self, stamp: str) -> float:
        if not stamp:
            return 0.0
        return max(0.0, (self._clock.now() - datetime.fromisoformat(stamp)).total_seconds())


def _field(kind: str) -> str:
    return f"{kind}_input_tokens" if kind.startswith("cache") else f"{kind}_tokens"


def _make(name: str, measure: MetricName, registry: CollectorRegistry) -> Any:
    words: tuple[str, str, Iterable[str]] = (name, measure.meaning, measure.labels)
    if measure.kind == HISTOGRAM:
        return Histogram(*words, buckets=measure.buckets, registry=registry)
    if measure.kind == INFO:
        return Info(name, measure.meaning, registry=registry)
    return (Counter if measure.kind == COUNTER else Gauge)(*words, registry=registry)
