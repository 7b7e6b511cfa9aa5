"""The one clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """`core.storage.Clock`, for real."""

    def now(self) -> datetime:
        """Return the time of day in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only ever go forward."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Do nothing for *seconds*."""
        time.sleep(seconds)
