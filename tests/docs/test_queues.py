"""The page about queues: what it tells to write is what is understood."""

import tomllib

import pytest

from batchbox.domain.priorities import asked_by
from batchbox.settings.model import Settings
from tests.docs.pages import DOCS

BLOCKS = (DOCS / "queues.md").read_text(encoding="utf-8").split("```")[1::2]
TOML = [block.removeprefix("toml\n") for block in BLOCKS if block.startswith("toml\n")]


@pytest.mark.parametrize("block", TOML)
def test_its_settings_are_settings(block: str) -> None:
    """Nothing in them is unknown or wrong."""
    assert Settings.model_validate(tomllib.loads(block))


def test_its_names_ask_for_what_it_says() -> None:
    """Each with the word in it."""
    (line,) = [block for block in BLOCKS if ".urgent." in block and "{" not in block]
    names = [word for word in line.split() if "." in word]
    assert len(names) == 3
    assert all((asked := asked_by(name.encode())) and f".{asked}." in name for name in names)
