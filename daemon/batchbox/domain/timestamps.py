"""Times as text."""

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # commands that only look have no use for the decoder
    pass


def format_time(moment: datetime) -> str:
    """Return *moment* as the manifest writes it: RFC 3339, UTC, whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
