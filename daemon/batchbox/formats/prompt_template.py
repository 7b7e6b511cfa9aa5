"""Templates: a prompt with places for the values of a row. `{{` and `}}` stand for braces.

A value is put in as it is, and never read again: braces in it mean nothing.
"""

import re
from collections.abc import Mapping

PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class Template:
    """A prompt with places, as in `Summarise: {text}`; *names* are what its places are called.

    Raises `ValueError` for a lone brace.
    """

    def __init__(self, text: str) -> None:
        self._pieces: list[tuple[str, str]] = []  # what stands before a place, and its name
        literal, end = "", 0
        for found in PIECE.finditer(text):
            literal += text[end : found.start()]
            end = found.end()
            if found[1] is not None:
                self._pieces.append((literal, found[1].strip()))
                literal = ""
            elif len(found[0]) == 1:
                line = text.count("\n", 0, end)
                where = f" in its line {line + 1}" if line else ""
                raise ValueError(
                    f'it has a lone "{found[0]}"{where}: write {found[0] * 2} for a brace that is meant'
                )
            else:
                literal += found[0][0]
        self._end = literal + text[end:]
        self.names = tuple(dict.fromkeys(name for _, name in self._pieces))

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the prompt with *values*, which has all *names*, in their places."""
        return "".join(
            [text for literal, name in self._pieces for text in (literal, values[name])] + [self._end]
        )


def require_template(text: str) -> str:
    """Return *text* if it has a place: without one, each row would ask the same. Raise `ValueError`."""
    if not Template(text).names:
        raise ValueError('it has no place for anything: name a column, as in "Summarise: {text}"')
    return text
