"""Upkeep: finished jobs and refused files go when their time has come, and nothing else does."""

from pathlib import Path
from typing import Any

from batchbox.engine.cleanup import Cleanup
from batchbox.scheduling.retention import Kept, Limits, Retention
from batchbox.settings.sources import load_settings
from tests.engine.conftest import Log, Start, health, told
from tests.support.daemon import request
from tests.support.engine import Engine

TWO = request("a") + request("b")
HOUR = 3600.0
DAY = 24 * HOUR
YEARS = 3650 * DAY

SELDOM = {"scan_seconds": HOUR / 2}


def archive(engine: Engine, days: int = 1, queue: str = "") -> None:
    """Bring a file to its end on each of so many days."""
    for number in range(days):
        engine.drop(f"{queue}{number}-{engine.clock.seconds:.0f}.jsonl", TWO, queue)
        engine.run_to_end()
        engine.clock.advance(DAY)


def finished(engine: Engine) -> list[str]:
    """Return the queues of the jobs in done/, the oldest first."""
    return [job.source.queue for job in engine.manifests("done")]


def outbox(engine: Engine) -> dict[str, bytes]:
    paths = (engine.root / "outbox").rglob("*")
    return {str(path): path.read_bytes() for path in paths if path.is_file()}


def set_to(engine: Engine, **settings: Any) -> None:
    """Let other settings hold, as a reload does."""
    engine.ctx.settings = engine.ctx.settings.model_copy(update=settings)


def test_off_by_default(start: Start, log: Log) -> None:
    """Without a setting nothing is ever removed."""
    engine = start(**SELDOM)
    archive(engine, 2)
    engine.drop("wrong.jsonl", b"nonsense\n")
    engine.clock.advance(YEARS)
    engine.run_for(DAY)
    assert len(finished(engine)) == 3
    assert list((engine.root / "rejected").iterdir())
    assert told(log, "job.removed") == told(log, "file.removed") == []
    assert health(engine)["archives"] == {}


def test_by_days(start: Start, log: Log) -> None:
    """A job is kept for the days that were set and no more; its answers stay; each removal is logged."""
    engine = start(**SELDOM, keep_done_days=2)
    archive(engine, 3)
    answers = outbox(engine)
    first = engine.manifests("done")[0]
    assert len(finished(engine)) == 3
    engine.run_for(2 * HOUR)
    assert len(finished(engine)) == 2
    (event,) = told(log, "job.removed")
    assert (event["job"], event["queue"], event["log_level"]) == (first.job, "default", "info")
    engine.run_for(9 * DAY)
    assert (finished(engine), outbox(engine)) == ([], answers)
    assert len(told(log, "job.removed")) == 3
    assert health(engine)["archives"]["done"] == {"count": 0, "bytes": 0, "oldest": None}


def test_by_bytes(start: Start) -> None:
    """At the next look after it is too much, as many of the newest as fit are left."""
    engine = start(**SELDOM, keep_done_bytes=10**9)
    archive(engine, 4)
    engine.run_for(HOUR)
    total = health(engine)["archives"]["done"]
    assert total["count"] == 4
    set_to(engine, keep_done_bytes=total["bytes"] * 2 // 3)
    newest = engine.manifests("done")[2:]
    engine.run_for(60.0)
    assert engine.manifests("done") == newest
    assert health(engine)["archives"]["done"]["bytes"] <= total["bytes"] * 2 // 3


def test_refused_files(start: Start, log: Log) -> None:
    """They go by themselves; the receipt and the finished job stay."""
    engine = start(**SELDOM, keep_rejected_days=3)
    engine.drop("wrong.jsonl", b"nonsense\n")
    engine.drop("wrong.jsonl", b"nonsense\n", "nightly")
    engine.run_to_end()
    answers = outbox(engine)
    engine.run_for(3 * DAY - HOUR)
    assert len(list((engine.root / "rejected").rglob("*.jsonl"))) == 2
    engine.run_for(2 * DAY)
    assert list((engine.root / "rejected").rglob("*.jsonl")) == []
    assert (outbox(engine), len(finished(engine))) == (answers, 2)
    assert {event["queue"] for event in told(log, "file.removed")} == {"default", "nightly"}


def test_by_queue(start: Start) -> None:
    """A queue may be kept shorter or for ever, whatever holds for all."""
    own = {"short": {"keep_done_days": 1}, "ever": {"keep_done_days": 36500}}
    engine = start(**SELDOM, keep_done_days=5, queue=own)
    for queue in ("short", "ever", ""):
        archive(engine, 1, queue)
    engine.run_for(HOUR)
    assert finished(engine) == ["ever", "default"]
    engine.run_for(30 * DAY)
    assert finished(engine) == ["ever"]


def test_a_clock_years_ahead_for_an_hour(start: Start, log: Log) -> None:
    """It costs the day whose turn was next, not the archive."""
    engine = start(**SELDOM, keep_done_days=30)
    archive(engine, 10)
    start_of_time = engine.clock._start
    engine.clock._start += (engine.clock.now() - start_of_time) * 400
    engine.run_for(0.4 * HOUR)
    engine.clock._start = start_of_time
    engine.run_for(9 * HOUR)
    assert len(finished(engine)) == 9
    assert len(told(log, "job.removed")) == 1


def test_a_pause_holds_it(start: Start) -> None:
    """Whoever puts up PAUSE wants nothing to change under his eyes; DRAIN is about what comes in."""
    engine = start(**SELDOM, keep_done_days=1)
    archive(engine, 1)
    (engine.root / "control" / "PAUSE").touch()
    engine.run_for(5 * DAY)
    assert len(finished(engine)) == 1
    (engine.root / "control" / "PAUSE").rename(engine.root / "control" / "DRAIN")
    engine.run_for(HOUR)
    assert finished(engine) == []


def test_once_an_hour(start: Start) -> None:
    """However much goes on, and however much there is, the archive is gone through once an hour."""
    looks: list[str] = []

    class Watched:
        def __init__(self, real: Any) -> None:
            self._real = real

        def __getattr__(self, name: str) -> Any:
            if name == "survey":
                looks.append(name)
            return getattr(self._real, name)

    engine = start(**SELDOM, keep_done_days=9)
    engine.ctx.spool.archives = Watched(engine.ctx.spool.archives)  # type: ignore[misc]
    for number in range(20):
        engine.drop(f"{number}.jsonl", TWO)
        engine.run_until(engine.path(str(number), "receipt.json").exists)
    engine.run_for(10 * HOUR)
    assert 10 <= len(looks) <= 12
    assert len(finished(engine)) == 20


def test_what_cannot_be_removed_keeps_no_other(start: Start, log: Log) -> None:
    """It is told of once, with what to do, and the others go."""
    engine = start(**SELDOM, keep_done_days=1)
    archive(engine, 3)
    first = next((engine.root / "done").glob("*/*"))
    real = engine.ctx.spool.archives

    class Stubborn:
        survey, clear_up = staticmethod(real.survey), staticmethod(real.clear_up)

        def remove(self, outdated: Any) -> Any:
            return real.remove(one for one in outdated if first.name not in one.place)

    engine.ctx.spool.archives = Stubborn()  # type: ignore[misc]
    engine.run_for(5 * DAY)
    assert [path.name for path in (engine.root / "done").glob("*/*")] == [first.name]
    (event,) = told(log, "archive.stuck")
    assert (first.name in event["problem"], bool(event["fix"])) == (True, True)


def test_a_failure_stops_nothing(start: Start, log: Log) -> None:
    """It is told and tried again; files go on."""
    engine = start(**SELDOM, keep_done_days=1)
    archive(engine, 1)
    real = engine.ctx.spool.archives.survey
    failures = iter([PermissionError(13, "no"), RuntimeError("a bug")])

    def survey(name: Any) -> Any:
        for error in failures:
            raise error
        return real(name)

    engine.ctx.spool.archives.survey = survey  # type: ignore[method-assign,assignment]
    engine.clock.advance(2 * DAY)
    engine.drop("b.jsonl", TWO)
    engine.run_until(engine.path("b", "receipt.json").exists)
    engine.run_for(2.5 * HOUR)
    assert [event["problem"] for event in told(log, "upkeep.failed")] == ["[Errno 13] no", "RuntimeError"]
    assert len(finished(engine)) == 1


def test_until_idle_waits_for_it(start: Start) -> None:
    """A run by cron that ends at once removes what is outdated all the same."""
    engine = start(**SELDOM, keep_done_days=1)
    archive(engine, 1)
    engine.crash_and_restart()
    set_to(engine, keep_done_days=1)
    engine.clock.advance(3 * DAY)
    engine.loop.run(until_idle=True)
    assert finished(engine) == []


KEPT = """
keep_done_days = 30
keep_rejected_bytes = 1000
[queue.short]
keep_done_days = 1
[queue.large]
keep_done_bytes = 5000
keep_rejected_days = 2
"""


def test_how_long_it_is_kept(tmp_path: Path) -> None:
    """For ever unless it is set, for all queues and for one, in done/ and in rejected/."""
    assert not load_settings(None, {}).retention("done")
    assert not load_settings(None, {}).retention("rejected")
    toml = tmp_path / "batchbox.toml"
    toml.write_text(KEPT)
    own = {"short": Limits(days=1), "large": Limits(bytes=5000)}
    assert load_settings(toml, {}).retention("done") == Retention(Limits(days=30), own)
    own = {"short": Limits(), "large": Limits(days=2)}
    assert load_settings(toml, {}).retention("rejected") == Retention(Limits(bytes=1000), own)


def test_a_pause_stops_a_removal_that_has_begun(start: Start, log: Log) -> None:
    """What was not removed by then stays, and goes once the flag is down; it is not called stuck."""
    engine = start(**SELDOM)
    archive(engine, 3)
    flag = engine.root / "control" / "PAUSE"
    outdated = engine.ctx.spool.archives.survey("done")
    upkeep = Cleanup(engine.ctx, engine.loop.memory, engine.mailbox, lambda work: work())
    tried: list[Kept] = []
    allowed = upkeep.while_allowed(outdated, tried)
    assert next(allowed) == outdated[0]
    flag.touch()
    assert list(allowed) == []
    assert tried == outdated[:1]
    flag.unlink()
    set_to(engine, keep_done_bytes=0)
    engine.run_for(2 * HOUR)
    assert finished(engine) == []
    assert told(log, "archive.stuck") == []
