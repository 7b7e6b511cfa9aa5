"""The one clock."""

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # commands that only look have no use for the decoder
    pass

import time
from datetime import UTC


class Clock(Protocol):
    """The one clock."""

    def now(self) -> datetime:
        """Return the time of day in UTC, for people."""

    def monotonic(self) -> float:
        """Return seconds that only ever go forward, for every wait."""


class SystemClock:
    """`ports.storage.Clock`, for real."""

    def now(self) -> datetime:
        """Return the time of day in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only ever go forward."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Do nothing for *seconds*."""
        time.sleep(seconds)
