"""A template has places for values, which go in as they are."""

import pytest
from pydantic import ValidationError

from batchbox.formats.prompt_template import Template
from batchbox.settings.model import Settings


@pytest.mark.parametrize(
    ("text", "names", "filled"),
    [
        ("{a}", ("a",), "1{b}"),
        ("x {a}{b }y{a}", ("a", "b"), "x 1{b}2}}y1{b}"),
        ("{{a}} {{{a}}} }}", ("a",), "{a} {1{b}} }"),
        ("{a!r:>9}", ("a!r:>9",), "3"),
        ('{"json": "{a}"}'.replace('{"', '{{"').replace('"}', '"}}'), ("a",), '{"json": "1{b}"}'),
    ],
)
def test_values_go_in_as_they_are(text: str, names: tuple[str, ...], filled: str) -> None:
    """Braces in them mean nothing, and a name is nothing but a name."""
    template = Template(text)
    assert template.names == names
    assert template.fill({"a": "1{b}", "b": "2}}", "a!r:>9": "3"}) == filled


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{a} }", 'a lone "}"'),
        ("{a} {b", 'a lone "{"'),
        ("{a{b}}", 'a lone "{"'),
        ("", "no place for anything"),
        ("Summarise: {{text}}", "no place for anything"),
    ],
)
def test_settings_with_a_prompt_that_is_no_template_are_refused(text: str, problem: str) -> None:
    """At the start, and not when the first file comes; in a queue too."""
    with pytest.raises(ValidationError, match="prompt") as raised:
        Settings(prompt=text)
    assert problem in str(raised.value)
    with pytest.raises(ValidationError):
        Settings.model_validate({"queue": {"a": {"prompt": text}}})


@pytest.mark.parametrize("text", ["one\na { brace", "one\na } brace", "one\n{a{b}"])
def test_a_lone_brace_is_refused_with_its_line(text: str) -> None:
    """Somebody forgot the other one, or meant a brace."""
    with pytest.raises(ValueError, match=r'it has a lone "[{}]" in its line 2: write'):
        Template(text)
