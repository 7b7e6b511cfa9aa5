"""The draft: a request file that is made from a prompt and material, and what it turned out to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import msgspec

from batchbox.cli.compose.sources import LeftOut, SourceText, Supply
from batchbox.formats.prompt_template import Template

TOLD = 100  # of what was left out


@dataclass(frozen=True, slots=True)
class RequestInput:
    """What is asked of each piece. *places*: what of a piece the names in the prompt stand for.

    *follows*: the content comes after the prompt, which has no place for it. *fields*: what else stands on
    each line, such as `model` and `system`.
    """

    prompt: Template
    places: Mapping[str, str]
    follows: bool
    fields: Mapping[str, Any]


@dataclass(slots=True)
class RequestFile:
    """What was written. *first*: the first request's id and prompt. *missed*: left out, but counted on."""

    requests: int = 0
    first: tuple[str, str] = ("", "")
    left_out: list[LeftOut] = field(default_factory=list)
    left_out_total: int = 0
    missed: int = 0

    @property
    def is_empty(self) -> bool:
        """Say whether there was nothing at all."""
        return not self.requests and not self.left_out_total

    def write(self, file: BinaryIO, supply: Supply, wish: RequestInput) -> None:
        """Write a line for each piece."""
        for piece in supply:
            if isinstance(piece, LeftOut):
                self._leave_out(piece)
                continue
            text = _ask(piece, wish)
            prompt = [piece.block, {"type": "text", "text": text}] if piece.block else text
            line = {"custom_id": piece.custom_id, "prompt": prompt, **wish.fields}
            file.write(msgspec.json.encode(line) + b"\n")
            if not self.requests:
                self.first = piece.custom_id, text
            self.requests += 1

    def _leave_out(self, piece: LeftOut) -> None:
        self.left_out_total += 1
        self.missed += piece.is_missed
        if len(self.left_out) < TOLD:
            self.left_out.append(piece)


def _ask(piece: SourceText, wish: RequestInput) -> str:
    prompt = wish.prompt.fill({name: piece.values[place] for name, place in wish.places.items()})
    return f"{prompt.rstrip()}\n\n{piece.text}" if wish.follows and piece.text else prompt
