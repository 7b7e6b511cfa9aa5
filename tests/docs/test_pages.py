"""What is generated under docs/ is as the commands and the settings are now, and the manual page is sound."""

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from batchbox.cli.commands import COMMANDS
from batchbox.domain.errors import EXIT_CODES
from batchbox.settings.model import FIXED, Settings
from batchbox.settings.queues import QueueSettings
from tests.docs.pages import DOCS, write_pages
from tests.support.daemon import Box

PAGES = write_pages()
MANUAL = DOCS / "batchbox.1"


def words(text: str) -> str:
    """Return *text* with every stretch of white space as one space."""
    return " ".join(text.split())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.name))
def test_a_generated_page_is_fresh(path: Path) -> None:
    """Whoever changes a command or a setting writes the pages anew."""
    fix = "run: python -m tests.docs"
    assert path.read_text(encoding="utf-8") == PAGES[path], fix


def test_the_table_has_every_setting() -> None:
    """With its variable, its default, what it means, and whether a reload applies it."""
    lines = PAGES[DOCS / "settings.md"].splitlines()
    for name, field in Settings.model_fields.items():
        (row,) = [line for line in lines if f"`BATCHBOX_{name.upper()}` |" in line]
        assert f"| `{name}` <br>" in row
        assert row.endswith(f"| {field.description} |")
        assert ("| restart |" in row) == (name in FIXED)
    assert all(
        any(line.startswith(f"| `{name}` | ") for line in lines) for name in QueueSettings.model_fields
    )
    (row,) = [line for line in lines if "`reserve_bytes`" in line]
    assert "| bytes | 67,108,864 |" in row
    (row,) = [line for line in lines if "`log_format`" in line]
    assert "| `auto`, `json` or `console` | `auto` |" in row


def test_every_place_tells_the_same_exit_codes(box: Box) -> None:
    """The help, the manual page and the documentation."""
    told = words(box.command("--help", COLUMNS="80").stdout)
    for code, meaning in EXIT_CODES.items():
        assert f"{code} {meaning}" in told
        assert f"| {code} | {meaning} |" in PAGES[DOCS / "commands.md"]
        assert f".TP\n.B {code}\n{meaning}\n" in PAGES[MANUAL]


@pytest.mark.skipif(not shutil.which("groff"), reason="needs groff")
def test_the_manual_page_is_printed_without_a_warning() -> None:
    """With every command, and every option that its help names."""
    printed = render(
        [str(shutil.which("groff")), "-man", "-ww", "-Tascii", "-P-cbou", "-rLL=200n", str(MANUAL)]
    )
    for name in COMMANDS:
        assert f"batchbox {name}" in printed
    for text in (
        "--pay-again",
        "--until-idle",
        "max_part_bytes",
        "EXIT STATUS",
        "SPOOL/control/PAUSE",
        "JOB BATCH",
    ):
        assert text in printed


@pytest.mark.skipif(not (shutil.which("man") and shutil.which("groff")), reason="needs man and groff")
def test_man_has_no_complaint() -> None:
    """Its own checks are those of Debian's packages."""
    assert "batchbox" in render([str(shutil.which("man")), "--warnings", "-l", str(MANUAL)])


def render(command: list[str]) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        env={"MANWIDTH": "80", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )
    assert not done.stderr
    return done.stdout


def test_the_manual_page_is_installed() -> None:
    """Where man looks: beside the program's folder, in share/."""
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert shared == {"docs/batchbox.1": "share/man/man1/batchbox.1"}
    assert MANUAL.exists()
