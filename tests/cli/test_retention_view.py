"""What `status` says of answers that are about to be lost, and of what is kept for a time."""

import json
from datetime import UTC, datetime, timedelta

from batchbox.domain.states import JobState, PartState
from tests.cli.test_pages import BATCH, check_width, part, put_job
from tests.storage.support import JOB, LATER_JOB
from tests.support.daemon import Box, request, wait_for


def days_ago(days: int) -> str:
    now = datetime.now(UTC)  # noqa: TID251  the program goes by the real one
    return (now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def put_sent(box: Box, job: str, days: int, place: str = "work") -> None:
    parts = (part(state=PartState.SUBMITTED, batch_id=BATCH, submitted_at=days_ago(days)),)
    put_job(box.root, job, place, state=JobState.RUNNING, parts=parts)


def test_answers_about_to_be_lost(box: Box) -> None:
    """Told while nothing runs too: which file, since when, until when, and what to do; young ones are not."""
    put_sent(box, JOB, 22, "hold")
    put_sent(box, LATER_JOB, 3)
    shown = box.command("status").stdout
    assert "Answers about to be lost: 1\n" in shown
    assert "sent 22 days ago" in " ".join(shown.split())
    assert f"batchbox release {JOB}" in " ".join(shown.split())
    check_width(box, shown)
    (told,) = json.loads(box.command("status", "--json").stdout)["deadlines"]
    assert (told["job"], told["at"][:10]) == (JOB, days_ago(22 - 29)[:10])


def test_nothing_is_said_where_there_is_nothing_to_say(box: Box) -> None:
    """No alarm without a reason, no archive without a limit."""
    put_sent(box, JOB, 3)
    shown = box.command("status").stdout
    assert "about to be lost" not in shown
    assert "hourly look" not in shown


def test_what_is_kept_for_a_time(box: Box) -> None:
    """How much there is, once there is a limit; what is too much is gone, its answers are not."""
    (box.root / "batchbox.toml").write_text("keep_rejected_bytes = 1000000\n[queue.q]\nkeep_done_bytes = 0\n")
    box.drop("a.jsonl", request("a"), "q")
    assert box.command("run", "--until-idle").returncode == 0
    box.drop("b.jsonl", request("b"))
    again = box.command("run", "--until-idle")
    assert [line for line in again.stderr.splitlines() if '"job.removed"' in line and '"q"' in line]
    assert box.receipt("a", "q")
    with box.running():
        wait_for(lambda: box.status()["archives"].get("done", {}).get("count"), "a look at what is kept")
        shown = box.command("status").stdout
    assert "  done/, at the last hourly look: 1 kept, 0.0 MB, since 20" in shown
    assert "  rejected/, at the last hourly look: 0 kept, 0.0 MB\n" in shown
