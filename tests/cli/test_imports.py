"""A command imports what it needs and nothing else: what one needs would make all others slow."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from batchbox.cli.commands import COMMANDS
from tests.support.daemon import DEADLINE, Box, request

SDK = {"anthropic", "httpx2", "aiohttp", "watchdog", "genai_prices"}
PRICES = {"genai_prices", "httpx2"}  # the library of prices could fetch newer ones, and is not asked to
HEAVY = SDK | {"pydantic_settings", "structlog", "msgspec", "asyncio", "rich", "batchbox.settings.model"}
ALONE = {"batchbox", "batchbox.cli", "batchbox.cli.main", "batchbox.cli.commands"}
ALONE |= {"batchbox.domain", "batchbox.domain.errors"}

TELL = (
    "import atexit, json, sys\n"
    "atexit.register(lambda: print(json.dumps(list(sys.modules)), file=sys.stderr))\n"
    "from batchbox.cli.main import main\n"
    "main()"
)


def modules(box: Box, *arguments: str, code: int = 0) -> set[str]:
    """Return all that was imported when a command has ended."""
    done = subprocess.run(
        [sys.executable, "-c", TELL, *arguments],
        env=box.env(),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["statu"], []], ids=repr)
def test_help_and_version_load_no_command(box: Box, arguments: list[str]) -> None:
    """Nothing of the spool, and nothing that is slow but typer itself."""
    code = 0 if arguments and arguments[0].startswith("--") else 2
    loaded = modules(box, *arguments, code=code)
    assert {name for name in loaded if name.partition(".")[0] == "batchbox"} == ALONE
    assert not loaded & HEAVY


PLAIN = [
    "status",
    "show",
    "cancel",
    "hold",
    "release",
    "retry",
    "adopt",
    "resubmit",
    "pause",
    "resume",
    "drop",
    "init",
]
WELL = ("status", "pause", "resume", "drop", "init")


@pytest.mark.parametrize("name", PLAIN)
def test_a_command_loads_only_what_it_needs(box: Box, tmp_path: Path, name: str) -> None:
    """No settings, no log, no SDK, no HTTP: they only look at the spool, or leave a file there."""
    file = tmp_path / "q.jsonl"
    file.write_bytes(request("a"))
    arguments = {"status": [], "adopt": ["nope", "msgbatch_x"], "drop": [str(file)], "init": [str(box.root)]}
    arguments |= {"pause": [], "resume": []}
    loaded = modules(box, name, *arguments.get(name, ["nope"]), code=0 if name in WELL else 2)
    assert not loaded & HEAVY
    others = {module for module, _ in COMMANDS.values()} - {COMMANDS[name][0]}
    assert not loaded & {f"batchbox.cli.{module}" for module in others}


def test_check_and_the_help_of_run_need_no_sdk(box: Box, tmp_path: Path) -> None:
    """Settings, the check of lines and prices, but not what speaks to the API."""
    file = tmp_path / "q.jsonl"
    file.write_bytes(request("a"))
    assert not modules(box, "check", str(file)) & (SDK - PRICES)
    assert not modules(box, "run", "--help") & SDK


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_says_of_a_command_what_it_says_itself(name: str) -> None:
    """The help knows the first line of each docstring by heart."""
    module, line = COMMANDS[name]
    command = getattr(importlib.import_module(f"batchbox.cli.{module}"), name)
    assert (command.__doc__ or "").splitlines()[0].startswith(line)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_own_help(box: Box, name: str) -> None:
    """What stands in for a command in the help is never what is run."""
    shown = box.command(name, "--help", COLUMNS="80").stdout
    assert COMMANDS[name][1] in " ".join(shown.split())
    assert "--help" in shown
    assert f"batchbox {name}" in shown


@pytest.mark.parametrize("name", ["demo", "sandbox"])
def test_what_needs_the_stand_in_says_how_to_install_it(box: Box, name: str) -> None:
    """Without the extra there is no server, and no traceback."""
    without = "import sys; sys.modules['aiohttp'] = None; from batchbox.cli.main import main; main()"
    command = [sys.executable, "-c", without, name]
    done = subprocess.run(
        command, env=box.env(), capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 2
    assert "pip install 'batchbox[demo]'" in done.stderr
    assert "Traceback" not in done.stderr
