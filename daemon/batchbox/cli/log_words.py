"""The story: the daemon's log, told in sentences."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from batchbox.ports.clock import Clock

NAME_WIDTH = 26


class LogWords:
    """Follows a log in JSON and tells what is new."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._began = clock.monotonic()
        self._offset = 0
        self._files: dict[str, str] = {}
        self.has_begun = False

    def tell(self) -> Iterator[str]:
        """Yield a line for each thing that happened since the last call."""
        data = self.path.read_bytes()[self._offset :]
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            told = self._read(line)
            if told:
                yield f"  {self._clock.monotonic() - self._began:4.1f} s  {told}"

    def _read(self, line: bytes) -> str:
        try:
            facts = json.loads(line)
        except ValueError:
            return ""
        if facts["event"] == "daemon.started":
            self.has_begun, self._began = True, self._clock.monotonic()
        if facts["event"] == "job.taken":
            self._files[facts["job"]] = facts["file"]
        sentence = _phrase(facts)
        return f"{self._files.get(facts.get('job', ''), ''):<{NAME_WIDTH}} {sentence}" if sentence else ""


def _phrase(facts: dict[str, Any]) -> str:
    match facts["event"]:
        case "job.taken":
            return f"taken: {facts['bytes']:,} bytes"
        case "job.checked":
            return f"checked: {facts['requests']} requests, no mistakes"
        case "job.rejected":
            return f"checked: {facts['mistakes']} mistakes, so nothing is sent"
        case "part.submitted":
            return f"sent: batch {facts['batch']}"
        case "batches.polled" if facts["running"]:
            return f"waiting: batches running: {facts['running']}, ended: {facts['ended']}"
        case "part.collected":
            return f"fetched: {facts['rows'].get('succeeded', 0)} answers"
        case "job.published":
            return f"published: {facts['status']}"
        case event if facts.get("level") in ("warning", "error"):
            return f"{event}: {facts.get('problem', '')}"
        case _:
            return ""
