"""Settings: which source wins, what is refused and how that is told, and where the key comes from."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from batchbox.domain.errors import BAD_SETTINGS, Stop
from batchbox.formats.request_lines import Request, read_line
from batchbox.settings.model import PUBLIC_URL, QUIET, QUIET_BLIND, Settings
from batchbox.settings.sources import load_settings

SECRET = "sk-ant-made-up"

CHECKING = {
    "poll_seconds": 0.5,
    "scan_seconds": 0.25,
    "quiet_seconds": 0.125,
    "doubt_seconds": 1.5,
    "max_part_requests": 3,
    "max_part_bytes": 400,
    "max_attempts": 2,
}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start from an environment that sets nothing."""
    for name in [name for name in os.environ if name.upper().startswith(("BATCHBOX_", "ANTHROPIC_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    """Give the path of a batchbox.toml that is not there yet."""
    return tmp_path / "batchbox.toml"


def load(path: Path | None = None, **flags: Any) -> Settings:
    return load_settings(path, os.environ, **flags)


def refuse(path: Path | None = None, **flags: Any) -> Stop:
    with pytest.raises(Stop) as caught:
        load(path, **flags)
    assert caught.value.code == BAD_SETTINGS
    return caught.value


@pytest.mark.parametrize("name", CHECKING)
def test_flags_beat_the_environment_beats_the_file(
    name: str, toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each source wins over the one before: built-in, batchbox.toml, environment, flags."""
    built_in = getattr(load(toml), name)
    toml.write_text(f"{name} = 7\n")
    found = [built_in, getattr(load(toml), name)]
    monkeypatch.setenv(f"BATCHBOX_{name.upper()}", "8")
    found += [getattr(load(toml), name), getattr(load(toml, **{name: 9}), name)]
    assert found[1:] == [7, 8, 9]
    assert built_in not in found[1:]


@pytest.mark.parametrize(("name", "value"), CHECKING.items())
def test_a_setting_has_one_name_in_file_and_environment(
    name: str, value: float, toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every name of the file, in capitals behind BATCHBOX_, is a variable, and means the same."""
    toml.write_text(f"{name} = {value}\n")
    by_file = load(toml)
    monkeypatch.setenv(f"BATCHBOX_{name.upper()}", str(value))
    assert getattr(by_file, name) == getattr(load(), name) == value


def test_a_flag_that_was_not_given_changes_nothing(toml: Path) -> None:
    """None stands for a flag that was left out."""
    toml.write_text('model = "from-file"\n')
    assert load(toml, model=None).model == "from-file"


def test_the_documented_limits_are_built_in() -> None:
    """Without any setting, parts have the API's size, doubt its quarter of an hour, requests three tries."""
    found = load()
    assert (found.max_part_requests, found.max_part_bytes) == (100_000, 256_000_000)
    assert (found.doubt_seconds, found.max_attempts, found.bad_lines) == (900, 3, "reject")
    assert (found.poll_seconds, found.base_url) == (None, PUBLIC_URL)


def test_settings_are_frozen() -> None:
    """What was checked at the start holds until the end."""
    with pytest.raises(ValidationError, match="frozen"):
        load().max_attempts = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "problem", "fix"),
    [
        ("pol_seconds = 1", "pol_seconds is not a setting", '"poll_seconds"'),
        ("max_attempt = 1", "max_attempt is not a setting", '"max_attempts"'),
        ("[queues.a]\nmodel='m'", "queues is not a setting", '"queue"'),
        ("[queue.a]\nmodle='m'", "queue.a.modle is not a setting", '"model"'),
        ("[queue.a]\npoll_seconds=1", "queue.a.poll_seconds is not a setting", "remove it"),
        ("zzz = 1", "zzz is not a setting", "remove it"),
        (f"api_key = '{SECRET}'", "api_key is not a setting", '"api_key_file"'),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(toml: Path, text: str, problem: str, fix: str) -> None:
    """A slip of the pen is found at the start, named with its file; a key put there is not shown."""
    toml.write_text(text)
    stop = refuse(toml)
    assert stop.problem == f"{toml}, line {2 if '.' in problem else 1}: {problem}"
    assert fix in stop.fix
    assert SECRET not in stop.problem + stop.fix


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "", "a b", "x" * 65, "nightly.jsonl", "notes.md"])
def test_a_queue_that_cannot_be_a_folder_is_refused(toml: Path, name: str) -> None:
    """Its files would never be found: better to be told at the start, with the line."""
    toml.write_text(f"max_attempts = 2\n[queue.{json.dumps(name)}]\nmodel = 'm'\n")
    stop = refuse(toml)
    assert stop.problem.startswith(f"{toml}, line 2: queue.{name}: ")
    assert "letters, digits, dots and dashes" in stop.problem


@pytest.mark.parametrize("beta", ["", "a,b", "a\r\nx-evil: 1", "ünd"])
def test_a_beta_cannot_be_more_than_a_name(toml: Path, beta: str) -> None:
    """It becomes part of a header."""
    for text in (f"betas = [{json.dumps(beta)}]", f"[queue.a]\nbetas = [{json.dumps(beta)}]"):
        toml.write_text(text)
        assert "betas.0" in refuse(toml).problem


WRONG = [
    ("poll_seconds", "0", "greater than 0"),
    ("poll_seconds", "often", "valid number"),
    ("poll_seconds", "inf", "finite"),
    ("scan_seconds", "-1", "greater than 0"),
    ("scan_seconds", "inf", "finite"),
    ("quiet_seconds", "-0.1", "greater than or equal to 0"),
    ("doubt_seconds", "0", "greater than 0"),
    ("doubt_seconds", "nan", "finite"),
    ("max_part_requests", "0", "greater than or equal to 1"),
    ("max_part_bytes", "1.5", "valid integer"),
    ("max_attempts", "", "valid integer"),
    ("bad_lines", "maybe", "'reject' or 'skip'"),
    ("naming", "x", "'stem' or 'job'"),
    ("keep_done_days", "0", "greater than or equal to 1"),
    ("keep_rejected_bytes", "-1", "greater than or equal to 0"),
]


@pytest.mark.parametrize(("name", "value", "problem"), WRONG)
def test_a_wrong_value_is_named_with_its_variable(
    name: str, value: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value that cannot be is told with the variable that set it and what it is now."""
    monkeypatch.setenv(f"BATCHBOX_{name.upper()}", value)
    stop = refuse()
    assert stop.problem.startswith(f"BATCHBOX_{name.upper()}: ")
    assert problem in stop.problem
    assert repr(value) in stop.fix


@pytest.mark.parametrize(("name", "value", "problem"), WRONG)
def test_a_wrong_value_is_named_with_its_file(toml: Path, name: str, value: str, problem: str) -> None:
    """The same value in batchbox.toml is told with the file."""
    toml.write_text(f"{name} = {json.dumps(value)}\n")
    stop = refuse(toml)
    assert stop.problem.startswith(f"{toml}, line 1: {name}: ")
    assert problem in stop.problem


def test_a_wrong_flag_is_not_blamed_on_others(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a flag was wrong, neither the file nor the variable of that name is accused."""
    toml.write_text("poll_seconds = 1\n")
    monkeypatch.setenv("BATCHBOX_POLL_SECONDS", "2")
    assert refuse(toml, poll_seconds=-1).problem.startswith("a flag: poll_seconds: ")


@pytest.mark.parametrize(
    "content",
    [b"a ==", b"\xff", b"model = 'a'\nmodel = 'b'", b"[queue", b"\xef\xbb\xbfmodel='m'"],
    ids=["syntax", "not-utf8", "twice", "cut", "bom"],
)
def test_a_broken_file_is_told_in_a_sentence(toml: Path, content: bytes) -> None:
    """TOML that cannot be read stops the start, with the file's name."""
    toml.write_bytes(content)
    stop = refuse(toml)
    assert stop.problem.startswith(f"{toml} cannot be read: ")
    assert stop.fix


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    """So is a path that is no file."""
    assert refuse(tmp_path).problem == f"{tmp_path} cannot be read: it is not a file"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("oops", "BATCHBOX_QUEUE is not JSON"),
        ('{"a":{"modle":"m"}}', "BATCHBOX_QUEUE: queue.a.modle is not a setting"),
        ("5", "BATCHBOX_QUEUE: "),
    ],
)
def test_queues_in_the_environment_are_checked_too(
    value: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue table in a variable is a person's input like any other: no traceback."""
    monkeypatch.setenv("BATCHBOX_QUEUE", value)
    assert refuse().problem.startswith(problem)


QUEUES = """
model = "m-all"
system = "be brief"
[queue.a]
model = "m-a"
max_tokens = 5
bad_lines = "skip"
[queue.b]
system = ""
naming = "job"
[queue.b.params]
temperature = 0.5
tools = [{name = "t"}]
"""


@pytest.mark.parametrize(
    ("queue", "expected", "skips", "by_job"),
    [
        ("", {"model": "m-all", "max_tokens": 4096, "system": "be brief"}, False, False),
        ("undeclared", {"model": "m-all", "max_tokens": 4096, "system": "be brief"}, False, False),
        ("a", {"model": "m-a", "max_tokens": 5, "system": "be brief"}, True, False),
        (
            "b",
            {
                "model": "m-all",
                "max_tokens": 4096,
                "system": "",
                "temperature": 0.5,
                "tools": [{"name": "t"}],
            },
            False,
            True,
        ),
    ],
)
def test_a_queue_has_what_it_says_and_the_rest_of_all(
    toml: Path, queue: str, expected: dict[str, Any], skips: bool, by_job: bool
) -> None:
    """A table [queue.NAME] overrides what holds for all, name by name, an empty text included."""
    toml.write_text(QUEUES)
    rules = load(toml).for_queue(queue)
    found = read_line(1, b'"Hi"', rules.defaults)
    assert isinstance(found, Request)
    assert json.loads(bytes(found.params)) == expected | {"messages": [{"role": "user", "content": "Hi"}]}
    assert (rules.skips_bad_lines, rules.names_by_job) == (skips, by_job)


def test_how_long_a_file_must_be_quiet() -> None:
    """By itself the wait depends on whether writers are seen; one that is set holds for both."""
    rules, given = load().settle_rules(), load(quiet_seconds=0.05, max_settle_seconds=3).settle_rules()
    assert (rules.quiet, rules.quiet_blind) == (QUIET, QUIET_BLIND)
    assert (given.quiet, given.quiet_blind, given.max_settle) == (0.05, 0.05, 3)


@pytest.mark.parametrize(
    ("own", "sdk", "flag", "expected"),
    [
        (None, None, None, "http://file"),
        (None, "http://sdk", None, "http://sdk"),
        ("http://own", "http://sdk", None, "http://own"),
        ("http://own", "http://sdk", "http://flag", "http://flag"),
        (None, "", None, "http://file"),
    ],
    ids=["file", "sdk", "own", "flag", "empty"],
)
def test_the_sdks_variable_counts_as_environment(
    toml: Path,
    monkeypatch: pytest.MonkeyPatch,
    own: str | None,
    sdk: str | None,
    flag: str | None,
    expected: str,
) -> None:
    """ANTHROPIC_BASE_URL stands above the file and below our own variable."""
    toml.write_text('base_url = "http://file"\n')
    for name, value in (("BATCHBOX_BASE_URL", own), ("ANTHROPIC_BASE_URL", sdk)):
        if value is not None:
            monkeypatch.setenv(name, value)
    assert load(toml, base_url=flag).base_url == expected
