"""The key is in no log, no file, no process list, no traceback and no core, whatever goes wrong."""

import os
import resource
import signal
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from batchbox.api.client import AnthropicApi
from batchbox.domain.errors import BatchboxError
from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.server import running
from batchbox_sandbox.settings import SandboxSettings
from tests.api.wire import as_body, write_body
from tests.hostile.canary import KEY, fail_visibly, require_absent, search, search_running
from tests.support.daemon import PROGRAM, Box, request, wait_for

LOUD = {"ANTHROPIC_LOG": "debug"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Give a stand-in that accepts the canary only."""
    with running(SandboxSettings(work_seconds=0.0, api_key=KEY)) as found:
        yield found


def from_environment(_folder: Path) -> dict[str, str]:
    """Give the key in the environment."""
    return {"ANTHROPIC_API_KEY": KEY}


def from_credential(folder: Path) -> dict[str, str]:
    """Give the key as systemd does."""
    (folder / "api_key").write_text(KEY + "\n")
    return {"ANTHROPIC_API_KEY": "", "CREDENTIALS_DIRECTORY": str(folder)}


def from_file(folder: Path) -> dict[str, str]:
    """Give the key in a file."""
    (folder / "key").write_text(KEY + "\n")
    return {"ANTHROPIC_API_KEY": "", "BATCHBOX_API_KEY_FILE": str(folder / "key")}


def order_refusals(sandbox: Sandbox, other: str) -> None:
    """Order answers that say no."""
    sandbox.order("create", "refuse", status=401)
    sandbox.order("results", "redirect", location=other)


def order_outages(sandbox: Sandbox, _other: str) -> None:
    """Order a page of a proxy, and an answer that never comes."""
    sandbox.order("create", "drop_after")
    sandbox.order("results", "html", status=500)


def order_odd_answers(sandbox: Sandbox, other: str) -> None:
    """Order what leads elsewhere, and what breaks off."""
    sandbox.order("list", "foreign_results_url", url=other, times=50)
    sandbox.order("results", "cut")


CASES = [
    (from_environment, order_refusals),
    (from_credential, order_outages),
    (from_file, order_odd_answers),
]


@pytest.mark.parametrize(("give", "order"), CASES, ids=lambda act: act.__name__)
def test_the_key_is_nowhere(
    box: Box,
    sandbox: Sandbox,
    tmp_path: Path,
    tally: Counter[str],
    give: Callable[[Path], dict[str, str]],
    order: Callable[[Sandbox, str], None],
) -> None:
    """Through errors of every kind, with all libraries as talkative as they can be."""
    folder = tmp_path / "keys"
    folder.mkdir()
    order(sandbox, "http://127.0.0.1:9/")
    with box.running(**give(folder), **LOUD) as daemon:
        box.drop("wrong.jsonl", b"no JSON\n")
        box.drop("first.jsonl", request("a") + request("b"))
        box.await_receipt("first")
        tally["places searched for the key"] += search_running(KEY, daemon, give is from_environment)
        assert daemon.stop() == 0
    tally["places searched for the key"] += require_absent(KEY, "the log", daemon.log.read_bytes())
    tally["places searched for the key"] += search(KEY, box.root)


BUG = """
import batchbox.runtime.key as keys
real, calls = keys._require_one_word, []
def require_one_word(key, place):
    calls.append(1)
    if len(calls) == 3:  # that of the first create
        raise ZeroDivisionError
    return real(key, place)
keys._require_one_word = require_one_word
"""


@pytest.mark.parametrize("terminal", [False, True], ids=["file", "terminal"])
def test_a_bug_does_not_tell_the_key(box: Box, tally: Counter[str], terminal: bool) -> None:
    """The traceback of a bug shows lines of the program, never the values in them."""
    log = fail_visibly(box, BUG, terminal, "a question")
    assert b"ZeroDivisionError" in log
    tally["places searched for the key"] += require_absent(KEY, "the log", log)
    tally["places searched for the key"] += search(KEY, box.root)


@pytest.mark.parametrize("status", [400, 401, 403, 413, 429, 500])
@pytest.mark.parametrize("at", ["create", "list", "retrieve", "results"])
def test_a_gateway_that_repeats_the_key(sandbox: Sandbox, tally: Counter[str], at: str, status: int) -> None:
    """What stands between here and the API may name the key in its complaint: it is struck out."""
    with closing(AnthropicApi(lambda: KEY, sandbox.url)) as api:
        batch = api.create(as_body(write_body()), lambda: None)
        calls: dict[str, Callable[[], object]] = {
            "create": lambda: api.create(as_body(write_body()), lambda: None),
            "list": api.page,
            "retrieve": lambda: api.retrieve(batch.id),
            "results": lambda: api.rows(batch).__enter__(),
        }
        sandbox.order(at, "refuse", status=status, message=f"invalid x-api-key: Bearer {KEY}")
        with pytest.raises(BatchboxError) as caught:
            calls[at]()
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(vars(caught.value))
    tally["places searched for the key"] += require_absent(KEY, "the error", told.encode())


def abort(command: list[str], folder: Path, environment: dict[str, str], until: Callable[[], object]) -> bool:
    """Start *command* with leave to dump core, abort it; say whether it left one."""
    shell = ["/bin/sh", "-c", 'ulimit -c unlimited && exec "$@"', "sh", *command]
    process = subprocess.Popen(shell, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    wait_for(until, "the start")
    process.send_signal(signal.SIGABRT)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return os.WCOREDUMP(status)


def test_no_core_is_left(box: Box, tmp_path: Path, tally: Counter[str]) -> None:
    """A daemon that crashes leaves no image of its memory, in which the key and the prompts would be."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY:
        pytest.skip("this system lets no process leave a core")
    ready = tmp_path / "ready"
    code = f"import pathlib, signal; pathlib.Path({str(ready)!r}).touch(); signal.pause()"
    if not abort([sys.executable, "-c", code], tmp_path, box.env(), ready.exists):
        pytest.skip("here no process leaves a core")
    health = box.root / "state" / "health.json"
    assert not abort([*PROGRAM, "run"], tmp_path, box.env(ANTHROPIC_API_KEY=KEY), health.exists)
    tally["places searched for the key"] += 1


def test_an_address_with_a_password_is_refused_in_silence(box: Box, tally: Counter[str]) -> None:
    """Credentials in the address are refused, and not repeated in the complaint."""
    done = box.command("run", ANTHROPIC_BASE_URL=f"http://user:{KEY}@127.0.0.1:9", ANTHROPIC_API_KEY="x")
    assert done.returncode == 2, done.stderr
    assert "base_url" in done.stderr
    tally["places searched for the key"] += require_absent(KEY, "the complaint", done.stderr.encode())
