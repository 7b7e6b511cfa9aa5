"""A prompt with places to fill in: `Summarise {title}: {text}`. `{{` and `}}` are braces that are meant."""

import re
from collections.abc import Collection, Mapping

from batchbox.core.errors import Unfit

PIECE = re.compile(r"(\{\{|\}\})|\{([^{}]*)\}|([{}])")


class Template:
    """What stands between the places, and their names in order. Raise `Unfit` for a brace by itself."""

    def __init__(self, text: str) -> None:
        self._pieces: list[tuple[str, str | None]] = []
        self.names: list[str] = []
        before, end = "", 0
        for found in PIECE.finditer(text):
            brace, name, alone = found.groups()
            before += text[end : found.start()]
            end = found.end()
            if alone:
                line = text.count("\n", 0, found.start()) + 1
                problem = f"the prompt has a {alone} by itself in its line {line}"
                raise Unfit(problem, f"write {alone * 2} for a brace that is meant")
            if brace:
                before += brace[0]
                continue
            self._pieces.append((before, name.strip()))
            self.names.append(name.strip())
            before = ""
        self._pieces.append((before + text[end:], None))

    def require(self, known: Collection[str]) -> None:
        """Raise `Unfit` if it has a place for something other than is *known*."""
        for name in self.names:
            if name not in known:
                named = ", ".join(f"{{{one}}}" for one in known) or "none"
                fix = f"there are: {named}; write {{{{ and }}}} for braces that are meant"
                raise Unfit(f"the prompt has {{{name}}}, and there is nothing of that name", fix)

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the prompt with *values* in their places, as they are: braces in them mean nothing."""
        return "".join(text + (values[name] if name is not None else "") for text, name in self._pieces)
