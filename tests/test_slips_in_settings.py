"""Several mistakes in the settings, in several places."""

import os
from pathlib import Path

import pytest

from batchbox.core.errors import Stop
from batchbox.sources import load_settings

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
