"""What every step is given."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from batchbox.domain.job import Manifest
from batchbox.domain.timestamps import format_time
from batchbox.engine.steps.progress import Transfers
from batchbox.ports.api import Api
from batchbox.ports.clock import Clock
from batchbox.ports.storage import Spool
from batchbox.reports.status_snapshot import StatusListener, StatusListeners
from batchbox.settings.model import Settings

REQUEST = "request.jsonl"
LINES = "lines.jsonl"  # what the file says, where it is not lines of JSON as it lies there
SKIPPED = "skipped.jsonl"
HOLD_REASON = "hold.json"
BEGUN = "begun"


@dataclass(slots=True)
class Context:
    """The world, as the engine knows it. *entropy* gives that many random bytes.

    Nothing of it is ever replaced but *settings*, by the deciding thread, when they are read again.
    """

    spool: Spool
    api: Api
    clock: Clock
    settings: Settings
    entropy: Callable[[int], bytes]
    transfers: Transfers = field(default_factory=Transfers)
    pulse: StatusListener = field(default_factory=StatusListeners)
    announced: Callable[[], None] = lambda: None  # there is a letter to be brought

    def stamp(self) -> str:
        """Return the time of day as manifests write it."""
        return format_time(self.clock.now())


def open_lines(ctx: Context, job: Manifest) -> BinaryIO:
    """Open what the dropped file says as lines of JSON, each under the number that it has in the file."""
    return ctx.spool.open(job.job, REQUEST if job.source.form.is_plain else LINES)


def body_name(label: str) -> str:
    """Return the name of the exact bytes that go out for a part."""
    return f"{label}.body.json"


def index_name(label: str) -> str:
    """Return the name of the list of a part's requests: line number, base, and own id if another."""
    return f"{label}.index.jsonl"


def places_name(label: str) -> str:
    """Return the name of the table that says where in a part's rows each result lies."""
    return f"{label}.places"


def rows_name(label: str) -> str:
    """Return the name of a part's rows as they were fetched."""
    return f"{label}.rows.jsonl"
