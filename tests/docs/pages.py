"""Pages of docs/ that are generated, whole or between marks, from the commands and the settings."""

import re
from collections.abc import Iterator
from pathlib import Path

from batchbox.core.errors import EXIT_CODES
from batchbox.settings import FIXED, PREFIX, Settings
from tests.docs.manual import write_manual
from tests.docs.nouns import Setting, list_settings

DOCS = Path(__file__).parents[2] / "docs"
MARKED = r"(<!-- generated: {name} -->\n).*?(<!-- end -->)"


def write_pages() -> dict[Path, str]:
    """Return the text of each page that is generated, as it should be."""
    schema = Settings.model_json_schema()
    sections = {
        "settings": _settings_table(list_settings(schema)),
        "queue": _queue_table(list_settings(schema["$defs"]["Queue"])),
        "exit codes": _exit_table(),
    }
    pages = {DOCS / "batchbox.1": write_manual(schema)}
    for name in ("settings.md", "commands.md"):
        pages[DOCS / name] = _fill((DOCS / name).read_text(encoding="utf-8"), sections)
    return pages


def _fill(page: str, sections: dict[str, Iterator[str]]) -> str:
    for name, lines in sections.items():
        found = re.search(MARKED.format(name=name), page, re.DOTALL)
        if found:
            page = page[: found.end(1)] + "\n".join(lines) + "\n" + page[found.start(2) :]
    return page


def _settings_table(settings: list[Setting]) -> Iterator[str]:
    yield "| setting, variable | what it takes | default | reload | what it is |"
    yield "| --- | --- | --- | --- | --- |"
    for one in settings:
        reload = "restart" if one.name in FIXED else "yes"
        name = f"`{one.name}` <br> `{PREFIX}{one.name.upper()}`"
        yield f"| {name} | {one.takes} | {one.default} | {reload} | {one.meaning} |"


def _queue_table(settings: list[Setting]) -> Iterator[str]:
    yield "| in `[queue.NAME]` | what it takes | what it is |"
    yield "| --- | --- | --- |"
    for one in settings:
        yield f"| `{one.name}` | {one.takes} | {one.meaning} |"


def _exit_table() -> Iterator[str]:
    yield "| code | meaning |"
    yield "| --- | --- |"
    yield from (f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())
