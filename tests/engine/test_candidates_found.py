"""By what new files are found: a watcher that has grown deaf is seen by that alone."""

from structlog.testing import capture_logs

from tests.engine.conftest import Start
from tests.support.engine import prompts


def test_files_that_no_hint_announced_are_told_apart(start: Start) -> None:
    """What lay there at the start, what a hint announced, and what only a scan has found."""
    engine = start()
    inbox = engine.root / "inbox"
    with capture_logs() as told:
        (inbox / "before.jsonl").write_bytes(prompts("a"))
        engine.run_to_end()
        engine.drop("hinted.jsonl", prompts("b"))
        engine.run_to_end()
        (inbox / "silent.jsonl").write_bytes(prompts("c"))
        (inbox / "silent-too.jsonl").write_bytes(prompts("d"))
        engine.run_to_end()
    found = [(one["by"], one["files"]) for one in told if one["event"] == "files.found"]
    assert found == [("start", 1), ("hint", 1), ("scan", 2)]
