"""Upgrade: what a newer batchbox wrote is left alone, and tells itself which version is needed. Pure.

For whoever changes what is stored: what this version would misread or refuse (a new key, state or meaning)
raises the number beside it, `domain.job.SCHEMA` or `storage.local.lock.FORMAT`; from then on `needs` stands
there too, the first version that knows that number, for older ones to name. `tests/upgrade/` keeps a spool of
each number that was released, and works it to its end with today's code.
"""

import re
from collections.abc import Mapping

VERSION = re.compile(r"\d[0-9A-Za-z.+-]{0,31}")


def name_needed(document: Mapping[str, object], kind: str, number: int) -> str:
    """Say what to install to go on with *document*, whose *kind* has a *number* that is not known here."""
    needs = document.get("needs")
    if isinstance(needs, str) and VERSION.fullmatch(needs):
        return f"install batchbox {needs} or newer; nothing was changed"
    return f"install a batchbox that knows {kind} {number}; nothing was changed"
