"""What the options of `compose` say is asked."""

import io
import json
import re

import msgspec
import pytest

from batchbox.cli.compose.inputs import InputSource, Words, read_input, read_params
from batchbox.cli.compose.request_file import RequestFile
from batchbox.cli.compose.sources import SourceText
from batchbox.domain.errors import Stop
from batchbox_sandbox.checks import Dialect, check
from tests.docs.pages import DOCS

PARAMS = re.compile("--params '(.+?)'")


def test_the_params_that_are_advised_are_taken() -> None:
    """By the API as it is now; they are copied, and one that it takes no more makes every request fail."""
    with pytest.raises(Stop) as caught:
        read_params("{")
    advised = PARAMS.findall(caught.value.fix) + PARAMS.findall((DOCS / "cookbook.md").read_text())
    assert len(advised) == 2
    usual = {"model": "claude-haiku-5-5", "max_tokens": 8, "messages": [{"role": "user", "content": "Hi"}]}
    for text in advised:
        assert check(msgspec.json.encode({"params": usual | read_params(text)}), Dialect()) is None


def ask(prompt: str, noun: str, **values: str) -> str:
    """Return the prompt that is made for a piece with these *values*."""
    piece = SourceText("a", values, text="all of it")
    file, source = io.BytesIO(), InputSource(iter([piece]), tuple(values), noun)
    RequestFile().write(file, source.supply, read_input(Words(prompt, None, {}), source))
    return str(json.loads(file.getvalue())["prompt"])


def test_a_place_is_found_in_any_letters() -> None:
    """As in the prompt of a queue; of two that differ in nothing else, the one that is spelled so."""
    assert ask("Of {Name}: {TEXT}", "file", text="t", name="n") == "Of n: t"
    assert ask("{text} and {text}", "row", Text="t") == "t and t"
    assert ask("{a} and {A}", "row", A="large", a="small") == "small and large"
    with pytest.raises(Stop, match=r"\{b\}"):
        ask("{b}", "row", A="a")
