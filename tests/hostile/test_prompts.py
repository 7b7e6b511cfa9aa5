"""Neither key nor prompt is in what is logged, at any level, nor in what is told of the daemon's state."""

import json
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from batchbox.api.client import AnthropicApi
from batchbox_sandbox.remote import Sandbox
from tests.hostile.canary import KEY, PROMPT, fail_visibly, require_absent, search
from tests.hostile.conftest import Start
from tests.support.daemon import Box, request
from tests.support.engine import Engine

WRONG = json.dumps({"custom_id": "w", "prompt": PROMPT, "stream": True}).encode() + b"\n" + PROMPT.encode()
FAULTS: list[tuple[str, str, dict[str, Any]]] = [
    ("create", "refuse", {"status": 401}),
    ("create", "refuse", {"status": 400}),
    ("create", "html", {"status": 500}),
    ("create", "drop_after", {}),
    ("create", "garbage", {}),
    ("create", "redirect", {"location": "http://127.0.0.1:9/"}),
    ("list", "foreign_results_url", {"url": "http://127.0.0.1:9", "times": 9}),
    ("list", "empty", {"skip": 9}),
    ("results", "html", {}),
    ("results", "cut", {}),
    ("results", "redirect", {"location": "//127.0.0.1:9/"}),
]
LIBRARIES = ("", "anthropic", "httpx2", "httpcore2", "asyncio", "watchdog")


@pytest.fixture
def records() -> Iterator[list[str]]:
    """Give all that any library logs, down to DEBUG."""
    found: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(f"{self.format(record)} {record.args!r}")

    keep = Keep()
    before = {name: logging.getLogger(name).level for name in LIBRARIES}
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(keep)
    yield found
    logging.getLogger().removeHandler(keep)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def engine(start: Start, sandbox: Sandbox) -> Iterator[Engine]:
    """Give an engine whose key is the canary."""
    with closing(AnthropicApi(lambda: KEY, sandbox.url, 0.3)) as api:
        yield start(wrap_api=lambda _: api, settings={"bad_lines": "skip"})


@pytest.mark.parametrize(
    "order", FAULTS, ids=lambda order: f"{order[0]}-{order[1]}-{order[2].get('status', '')}"
)
def test_all_that_is_logged(
    engine: Engine,
    sandbox: Sandbox,
    records: list[str],
    capsys: pytest.CaptureFixture[str],
    tally: Counter[str],
    order: tuple[str, str, dict[str, Any]],
) -> None:
    """Whatever goes wrong, with every library at DEBUG: no log tells the key or a prompt."""
    at, fault, details = order
    sandbox.order(at, fault, **details)
    engine.drop("x.jsonl", request("a", PROMPT) + json.dumps(PROMPT).encode() + b"\n" + WRONG + b"\n")
    engine.drop("y.jsonl", WRONG)
    engine.run_to_end()
    told = capsys.readouterr()
    ours = (told.out + told.err).encode()
    assert records, "no library has logged anything"
    for text in (KEY, PROMPT):
        tally["places searched for the key"] += require_absent(text, "the log", ours)
        tally["places searched for the key"] += require_absent(text, "a library", "\n".join(records).encode())
        tally["places searched for the key"] += search(text, engine.root / "state")
    tally["places searched for the key"] += search(KEY, engine.root)


@pytest.mark.parametrize("status", [400, 429, 500])
@pytest.mark.parametrize("at", ["create", "results"])
def test_an_answer_that_quotes_the_prompt(
    engine: Engine,
    sandbox: Sandbox,
    capsys: pytest.CaptureFixture[str],
    tally: Counter[str],
    at: str,
    status: int,
) -> None:
    """The API may quote a prompt in its complaint: that is for the receipt, not for the log or for status."""
    sandbox.order(at, "refuse", status=status, message=f"messages.0.content: {PROMPT!r} is not allowed")
    engine.drop("x.jsonl", request("a", PROMPT))
    engine.run_until(lambda: not sandbox.faults())
    engine.run_turns(1)
    tally["places searched for the key"] += search(PROMPT, engine.root / "state")
    engine.run_to_end()
    told = capsys.readouterr()
    tally["places searched for the key"] += require_absent(PROMPT, "the log", (told.out + told.err).encode())


LOCAL = "raise ZeroDivisionError"
CARRIED = "raise UnicodeDecodeError('x', raw, 0, 1, 'y')"
BUG = """
import batchbox.engine.steps.read_requests as reading
real, calls = reading.read_plain, []
def read_plain(first, lines):
    raw = lines[0]
    calls.append(1)
    if len(calls) == 1:
        {act}
    return real(first, lines)
reading.read_plain = read_plain
"""


BUGS = {"file": (False, LOCAL), "terminal": (True, LOCAL), "carried": (False, CARRIED)}


@pytest.mark.parametrize(("terminal", "act"), BUGS.values(), ids=BUGS)
def test_a_bug_does_not_tell_a_prompt(box: Box, tally: Counter[str], terminal: bool, act: str) -> None:
    """A step that fails with a line in its hands is logged without that line."""
    log = fail_visibly(box, BUG.format(act=act), terminal, PROMPT)
    assert b"bug in batchbox" in log
    tally["places searched for the key"] += require_absent(PROMPT, "the log", log)


def test_status_tells_no_prompt(box: Box, sandbox: Sandbox, tally: Counter[str]) -> None:
    """With talkative libraries, refused files and failures: log, health and status are free of prompts."""
    sandbox.order("create", "html", status=503)
    with box.running(ANTHROPIC_LOG="debug", BATCHBOX_SYSTEM=PROMPT, ANTHROPIC_API_KEY=KEY) as daemon:
        box.drop("x.jsonl", request("a", PROMPT))
        box.drop("y.jsonl", WRONG + b"\n")
        box.await_receipt("x")
        box.await_receipt("y")
        shown = box.command("status").stdout + box.command("status", "--json").stdout
        places = search(PROMPT, box.root / "state")
    places += require_absent(PROMPT, "status", shown.encode()) + require_absent(KEY, "status", shown.encode())
    places += require_absent(PROMPT, "the log", daemon.log.read_bytes())
    tally["places searched for the key"] += places
