"""What the daemon put down last is told as far as it can be read, and believed no further."""

from pathlib import Path

import pytest

from batchbox.readmodel.survey import survey
from batchbox.reports.health import Health

ODD_HEALTH = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff",
    b'{"flags":null}',
    b'{"waiting":null}',
    b'{"waiting":[{}]}',
    b'{"waiting_total":null}',
    b'{"sending":"x"}',
    b'{"jobs":[]}',
    b'{"jobs":{"a":"x"}}',
    b'{"time":"yesterday"}',
    b'{"transfers":{"a":[1]}}',
]


@pytest.mark.parametrize("health", ODD_HEALTH, ids=repr)
@pytest.mark.usefixtures("spool")
def test_a_damaged_report_is_no_report(root: Path, health: bytes) -> None:
    """It may be deleted or cut at any time, or be of another version."""
    (root / "state" / "health.json").write_bytes(health)
    assert survey(root).health == Health()
