"""What the program can log and say, read from its source."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DAEMON = Path(__file__).parents[2] / "daemon" / "batchbox"
LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "exception"})


@dataclass(frozen=True)
class Logged:
    """One call that logs. *event* is None where it is no plain word; *level*: "log" where it is computed."""

    place: str
    event: str | None
    level: str
    keys: frozenset[str]


def logged() -> Iterator[Logged]:
    """Yield every call of a logger in the daemon."""
    for path in sorted(DAEMON.rglob("*.py")):
        if "structlog" not in (text := path.read_text(encoding="utf-8")):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_logger(node.func):
                yield _read(f"{path.relative_to(DAEMON)}:{node.lineno}", node, node.func.attr)


def _is_logger(function: ast.Attribute) -> bool:
    owner = ast.unparse(function.value)
    return owner in ("log", "structlog.get_logger()") and function.attr in LEVELS | {"log"}


def _read(place: str, call: ast.Call, level: str) -> Logged:
    words = call.args[1:] if level == "log" else call.args
    first = words[0].value if words and isinstance(words[0], ast.Constant) else None
    keys = frozenset(keyword.arg for keyword in call.keywords if keyword.arg)
    return Logged(place, first if isinstance(first, str) else None, level, keys)
