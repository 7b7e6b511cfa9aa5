"""What the plan looks at."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from batchbox.cost.limits import BudgetLimits
from batchbox.domain.backoff import Backoff
from batchbox.domain.batch import Batch
from batchbox.domain.job import JobId, Manifest
from batchbox.scheduling.actions import PartKey
from batchbox.scheduling.quota import Quota


@dataclass(frozen=True, slots=True)
class Doubt:
    """What this process knows of a part in doubt: since when, and when it was first looked for."""

    since: float
    looked_at: float | None = None


@dataclass(frozen=True, slots=True)
class View:
    """All that a plan depends on. Times are monotonic seconds of this process."""

    now: float
    jobs: Mapping[JobId, Manifest]
    busy: AbstractSet[JobId] = frozenset()
    paused: bool = False
    submitting: bool = False
    polling: bool = False
    slots: int = 4  # transfers that may run at once, those under way taken off
    doubt_seconds: float = 900.0
    next_poll: float = 0.0
    backoffs: Mapping[JobId, Backoff] = field(default_factory=dict)
    create: Backoff = field(default_factory=Backoff)
    read: Backoff = field(default_factory=Backoff)
    batches: Mapping[str, Batch] = field(default_factory=dict)
    missing: Mapping[str, float] = field(default_factory=dict)  # for how long, as of the last poll
    doubts: Mapping[tuple[JobId, PartKey], Doubt] = field(default_factory=dict)
    risky: AbstractSet[JobId] = frozenset()  # jobs with a risky step under way
    suspects: AbstractSet[JobId] = frozenset()  # jobs in whose step a process has died
    resting: Mapping[JobId, float] = field(default_factory=dict)  # until then, others try first
    quota: Quota = field(default_factory=Quota)
    purse: BudgetLimits = field(default_factory=BudgetLimits)
