"""The tools that hold the house in order, run as tests so that one command runs everything."""

import ast
import subprocess
import sys
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


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file_and_functions_are_short(path: Path) -> None:
    """A file stays under 300 lines and a function under 40."""
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") < FILE_LINES
    functions = [
        node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    long = [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES]
    assert not long


def test_ci_runs_the_readme_command() -> None:
    """The second code block of the README is what CI runs, to the letter."""
    blocks = (ROOT / "README.md").read_text(encoding="utf-8").split("```")[1::2]
    command = blocks[1].removeprefix("sh\n").strip()
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert "batchbox demo" in blocks[0]
