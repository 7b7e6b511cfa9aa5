"""How long to wait after a failure."""

from dataclasses import dataclass, replace

FIRST = 1.0
LONGEST = 60.0
LONGEST_ASKED = 3600.0  # the API has been seen to ask for days; a wait that long would look like a hang


@dataclass(frozen=True, slots=True)
class Backoff:
    """Failures in a row, and until when (monotonic seconds) nothing is to be tried."""

    failures: int = 0
    until: float = 0.0
    problem: str = ""
    fix: str = ""

    def failed(self, now: float, problem: str, fix: str = "", asked: float | None = None) -> "Backoff":
        """Return the state after one more failure; *asked* is the wait the other side wants."""
        wait = min(FIRST * 2.0**self.failures, LONGEST)
        if asked is not None:
            wait = max(wait, min(asked, LONGEST_ASKED))
        return Backoff(min(self.failures + 1, 16), now + wait, problem, fix)

    def cut_short(self) -> "Backoff":
        """Return the state in which the next try may be made now; one that fails waits longer still."""
        return replace(self, until=0.0)

    def is_open(self, now: float) -> bool:
        """Say whether something may be tried."""
        return now >= self.until
