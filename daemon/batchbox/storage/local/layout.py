"""Where things are in a spool."""

import re
from dataclasses import dataclass
from pathlib import Path

MARKER = ".batchbox"
SETTINGS = "batchbox.toml"
REQUEST = "request.jsonl"
MANIFEST = "manifest.json"
PREVIOUS = "manifest.previous.json"
HOLD_REASON = "hold.json"
BEGUN = "begun"  # a byte for each step that has begun and not ended
HEALTH = "health.json"
METRICS = "metrics.prom"
DEFAULT_QUEUE = "default"
KEPT = frozenset({REQUEST, MANIFEST, PREVIOUS})
FOLDERS = ("inbox", "work", "outbox", "rejected", "hold", "done", "control", "state")

JOB_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths under a spool's root."""

    root: Path

    @property
    def marker(self) -> Path:
        """Who the spool is; the lock is held on it."""
        return self.root / MARKER

    @property
    def work(self) -> Path:
        """The jobs that are under way."""
        return self.root / "work"

    @property
    def control(self) -> Path:
        """Where commands and flags are left."""
        return self.root / "control"

    @property
    def health(self) -> Path:
        """How the daemon was when it last looked."""
        return self.root / "state" / HEALTH

    @property
    def metrics(self) -> Path:
        """What is counted and measured, for node_exporter's textfile collector."""
        return self.root / "state" / METRICS

    def queue(self, folder: str, queue: str) -> Path:
        """Return the place of *queue* in the inbox, the outbox or the rejected files."""
        return self.root / folder if queue == DEFAULT_QUEUE else self.root / folder / queue

    def job(self, job: str) -> Path:
        """Return the folder of a job that is under way."""
        return self.work / job

    def held(self, job: str) -> Path:
        """Return the folder of a job that waits for a person."""
        return self.root / "hold" / job

    def archived(self, job: str, date: str) -> Path:
        """Return the folder of a finished job."""
        return self.root / "done" / date / job
