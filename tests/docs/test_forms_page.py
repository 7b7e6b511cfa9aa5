"""What the page on forms says becomes of its examples is what becomes of them."""

import io
import json
import re
import tomllib

import pytest

from batchbox.domain.file_types import ALL_ENDINGS, form_of
from batchbox.engine.steps.conversion import Lines, write_lines
from batchbox.settings.model import Settings
from tests.docs.pages import DOCS

PAGE = (DOCS / "forms.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(csv|markdown)\n(.*?)^```.*?^```json\n(.*?)^```", re.MULTILINE | re.DOTALL)
TOML = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = list(BLOCK.finditer(PAGE))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example[2].split("\n")[0])
def test_an_example_becomes_what_the_page_says(example: re.Match[str]) -> None:
    """In a queue with the settings that stand above it in its section."""
    section = PAGE[: example.start()].rpartition("\n## ")[2].rpartition("\n### ")[2]
    toml = TOML.search(section)
    queue = tomllib.loads(toml[1])["queue"] if toml else {}
    (name,) = queue or ("default",)
    called = b"reviews.csv" if example[1] == "csv" else b"Why now.md"
    form = form_of(called)
    assert form
    out, rules = io.BytesIO(), Settings(queue=queue).for_queue(name)
    write_lines(
        io.BytesIO(example[2].encode()), Lines(out, 1 << 20, lambda _: True), form, called, name, rules
    )
    found = [json.loads(line) for line in out.getvalue().splitlines() if line]
    assert found == [json.loads(line) for line in example[3].splitlines()]


def test_there_are_examples() -> None:
    """Of tables and of a text."""
    assert [example[1] for example in EXAMPLES] == ["csv", "csv", "markdown"]


@pytest.mark.parametrize("ending", ALL_ENDINGS)
def test_the_page_names_every_ending(ending: str) -> None:
    """Those that are read, and those that come back."""
    assert f"`{ending}`" in PAGE
