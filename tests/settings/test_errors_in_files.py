"""Several mistakes in the settings, in several places."""

import os
import re
from pathlib import Path

import pytest

from batchbox.domain.errors import Stop
from batchbox.settings.sources import load_settings

THREE = """\
# three mistakes
max_attempt = 1
[queue.nightly]
modle = "m"
max_tokens = 0
"""


def test_every_mistake_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the file by line, those of the environment by variable, each with its fix."""
    toml = tmp_path / "batchbox.toml"
    toml.write_text(THREE)
    monkeypatch.setenv("BATCHBOX_TRANSFERS", "none")
    with pytest.raises(Stop) as caught:
        load_settings(toml, os.environ)
    told = caught.value.problem.splitlines()
    assert told == [
        "4 mistakes in the settings:",
        f"  {toml}, line 2: max_attempt is not a setting",
        '    did you mean "max_attempts"?',
        f"  {toml}, line 4: queue.nightly.modle is not a setting",
        '    did you mean "model"?',
        f"  {toml}, line 5: queue.nightly.max_tokens: Input should be greater than or equal to 1",
        "    it is 0 now",
        "  BATCHBOX_TRANSFERS: Input should be a valid integer, unable to parse string as an integer",
        "    it is 'none' now",
    ]


@pytest.mark.parametrize(
    ("text", "line", "problem", "fix"),
    [
        ("max_cost_per_file = true\n", 1, "max_cost_per_file: .* has to be a number", "it is True now"),
        ("[queue.a]\n\nmax_tokens = false\n", 3, "queue.a.max_tokens: .* number", "it is False now"),
        (
            '[queue.a]\npriority = "urgent"\nmax_priority = "low"\n',
            3,
            "queue.a.max_priority: .*lower than .* which is urgent",
            "'low'",
        ),
        ('[queue.a]\nmax_priority = "low"\n', 2, "queue.a.max_priority: .* which is normal", "'low'"),
        ('notify_url = "https://x/"\n', 0, "notify_url needs notify_secret_file", "it is not set"),
        ('[queue.a]\nnotify_url = "https://x/"\n', 0, "queue.a.notify_url needs", "it is not set"),
    ],
)
def test_what_contradicts_itself_is_refused(
    tmp_path: Path, text: str, line: int, problem: str, fix: str
) -> None:
    """Where it would mean something else than it says, or could never work."""
    toml = tmp_path / "batchbox.toml"
    toml.write_text(text)
    with pytest.raises(Stop) as caught:
        load_settings(toml, {})
    told = f"{caught.value}; {caught.value.fix}"
    assert (f"line {line}" in told) is bool(line)
    assert re.search(problem, told)
    assert fix in told


@pytest.mark.parametrize(
    "text",
    [
        '[queue.a]\npriority = "low"\nmax_priority = "urgent"\n',
        '[queue.a]\npriority = "low"\n',
        'notify_secret_file = "/s"\n[queue.a]\nnotify_url = "https://x/"\n',
        '[queue.a]\nnotify_url = "https://x/"\nnotify_secret_file = "/s"\n',
        "require_ok = true\n[queue.a.params]\nstream = false\n",
    ],
)
def test_what_fits_together_is_taken(tmp_path: Path, text: str) -> None:
    """A priority that files may exceed; a secret for all queues, or for one."""
    toml = tmp_path / "batchbox.toml"
    toml.write_text(text)
    assert load_settings(toml, {})
