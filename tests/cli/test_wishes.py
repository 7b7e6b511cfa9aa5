"""What the options of `compose` say is asked."""

import re

import msgspec
import pytest

from batchbox.cli.wishes import read_params
from batchbox.core.errors import Stop
from batchbox.sandbox.checks import Dialect, check
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
