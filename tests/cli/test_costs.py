"""What it may cost is told before anything is dropped, and what was spent beside what may be."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from batchbox.cli.status.render import write_overview
from batchbox.cli.status.timeline import print_timeline
from batchbox.domain.records import Estimate
from batchbox.readmodel.survey import survey
from batchbox.reports.health import Health, SpentToday
from batchbox.storage.local.lock import make_spool
from tests.support.daemon import Box, request
from tests.support.values import make_job, make_part

ESTIMATE = Estimate(input_tokens=1200, output_tokens=8192, cost_usd=0.0411, unbatched_usd=0.0822)


def test_check(box: Box, tmp_path: Path) -> None:
    """The check of a file says what it may cost, and what it would be held for."""
    file = tmp_path / "q.jsonl"
    file.write_bytes(request("a", max_tokens=100_000))
    told = box.command("check", str(file), BATCHBOX_MAX_COST_PER_FILE="0.25").stdout
    flat = " ".join(told.split())
    assert "may cost up to 0.5001 USD; 1.0001 USD without batching" in flat
    assert "it would be held until somebody releases it: it may cost up to 0.5001 USD" in flat


def test_check_for_programs(box: Box, tmp_path: Path) -> None:
    """A price that is not known is null; a file that would not be sent costs nothing."""
    file, wrong = tmp_path / "q.jsonl", tmp_path / "w.jsonl"
    file.write_bytes(request("a", model="claude-of-tomorrow"))
    wrong.write_bytes(b"nonsense\n")
    found, other = json.loads(box.command("check", "--json", str(file), str(wrong)).stdout)
    assert (found["estimate"]["cost_usd"], found["would_be_held"]) == (None, [])
    assert found["estimate"]["unpriced"] == ["claude-of-tomorrow"]
    assert "estimate" not in other


def test_show() -> None:
    """The story of a file says what was reckoned when it was checked."""
    job = make_job(make_part(estimate=ESTIMATE), checked_at="2026-01-01T00:00:00Z")
    (found,) = [one for one in print_timeline(job, None) if one.text.startswith("checked")]
    told = "may cost up to 0.0411 USD; 0.0822 USD without batching"
    assert found.more == (f"about 1,200 tokens in, up to 8,192 out (max_tokens); {told}",)


def test_status(tmp_path: Path) -> None:
    """What was spent today stands beside what may be."""
    facts = {"day": "2026-01-01", "cost_usd": 0.5, "requests": 7}
    spent = [
        SpentToday(queue="q", max_cost_usd=1.0, max_requests=None, **facts),
        SpentToday(queue=None, max_cost_usd=2.0, max_requests=1000, **facts),
    ]
    make_spool(tmp_path / "spool")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    found = replace(survey(tmp_path / "spool"), running=True, health=Health(time=now, spent=spent))
    told = list(write_overview(found, now))
    assert "Today (UTC), spent or promised by queue q: 0.5000 USD of 1.0000 USD" in told
    assert "Today (UTC), spent or promised: 0.5000 USD of 2.0000 USD, 7 of 1,000 requests" in told
