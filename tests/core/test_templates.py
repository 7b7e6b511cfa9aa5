"""Prompts with places to fill in."""

import pytest

from batchbox.core.errors import Unfit
from batchbox.core.templates import Template


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Summarise: {text}", "Summarise: a {path} b"),
        ("{ text }{text}", "a {path} ba {path} b"),
        ("no place", "no place"),
        ('{{"a": {path}}}', '{"a": src/x}'),
        ("{Company name}!", "Müller & Co!"),
        ("", ""),
    ],
)
def test_values_are_put_in_as_they_are(text: str, filled: str) -> None:
    """Braces in a value mean nothing; two braces are one."""
    values = {"text": "a {path} b", "path": "src/x", "Company name": "Müller & Co"}
    assert Template(text).fill(values) == filled


def test_a_place_for_nothing_is_refused() -> None:
    """With the names that there are, before a thousand requests say {txt}."""
    template = Template("Summarise: {txt}")
    assert template.names == ["txt"]
    with pytest.raises(Unfit) as found:
        template.require(("text", "path"))
    assert "{txt}" in found.value.problem
    assert "{text}, {path}" in found.value.fix


@pytest.mark.parametrize("text", ["one\na { brace", "one\na } brace", "one\n{a{b}"])
def test_a_brace_by_itself_is_refused_with_its_line(text: str) -> None:
    """Somebody forgot the other one, or meant a brace."""
    with pytest.raises(Unfit) as found:
        Template(text)
    assert "line 2" in found.value.problem
