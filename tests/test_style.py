"""The tools that hold the house in order, run as tests so that one command runs everything."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "daemon").rglob("*.py"), *(ROOT / "tests").rglob("*.py")])
FILE_LINES = 300
FUNCTION_LINES = 40

BIN = Path(sys.executable).parent

CHECKS = {
    "ruff": [sys.executable, "-m", "ruff", "check", "."],
    "format": [sys.executable, "-m", "ruff", "format", "--check", "."],
    "mypy": [sys.executable, "-m", "mypy"],
    "imports": [str(BIN / "lint-imports")],
}


@pytest.mark.parametrize("name", CHECKS)
def test_tool_has_no_complaint(name: str) -> None:
    """Lint, format, strict types and import rules hold for the whole tree."""
    done = subprocess.run(CHECKS[name], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def find_long(path: Path) -> Iterator[str]:
    """Yield what is too long in *path*: the file itself, and functions."""
    text = path.read_text(encoding="utf-8")
    if text.count("\n") >= FILE_LINES:
        yield str(path.relative_to(ROOT))
    nodes = ast.walk(ast.parse(text))
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    for function in functions:
        if (function.end_lineno or 0) - function.lineno >= FUNCTION_LINES:
            yield f"{path.relative_to(ROOT)}: {function.name}"


def test_files_and_functions_are_short() -> None:
    """A file stays under 300 lines and a function under 40."""
    assert not [one for path in SOURCES for one in find_long(path)]


def test_ci_runs_the_readme_command() -> None:
    """The second code block of the README is what CI runs, to the letter."""
    blocks = (ROOT / "README.md").read_text(encoding="utf-8").split("```")[1::2]
    command = blocks[1].removeprefix("sh\n").strip()
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert "batchbox demo" in blocks[0]
