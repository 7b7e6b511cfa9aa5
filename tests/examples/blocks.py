"""Examples in the pages of docs/: each code block says, in a comment before it, how it is tried.

<!-- run -->                     run it, in the page's own folder; more after a colon, parted by commas:
                                 needs=NAME (a program), answers=NAME (whose receipt has to say succeeded),
                                 given=TEXT (on standard input)
<!-- prints -->                  what the block before it prints
<!-- file: NAME -->              a file that the blocks after it use
<!-- settings -->                part of the spool's batchbox.toml
<!-- unit: NAME -->              a unit of systemd, whose command is run
<!-- shown -->                   nothing to try: a sketch, or a part of something
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(
    r"(?:^<!-- (?P<kind>\w+)(?:: (?P<more>.*?))? -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass
class Block:
    """One block; *more*: what its comment says besides the kind."""

    page: str
    line: int
    kind: str
    language: str
    text: str
    more: str = ""
    prints: str | None = None
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def needs(self) -> list[str]:
        """The programs without which it cannot be tried."""
        return self.facts.get("needs", "").split()

    @property
    def place(self) -> str:
        """Where it is."""
        return f"{self.page}:{self.line}"


def read_page(page: str) -> list[Block]:
    """Return the blocks of a page in order; what one prints belongs to it."""
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks: list[Block] = []
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("language")) + 1
        kind, more = found["kind"] or "", found["more"] or ""
        if kind == "prints":
            blocks[-1].prints = found["text"]
            continue
        facts = dict(one.split("=", 1) for one in more.split(", ") if "=" in one) if kind == "run" else {}
        blocks.append(Block(page, line, kind, found["language"], found["text"], more, None, facts))
    return blocks
