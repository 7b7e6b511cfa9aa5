"""Where settings come from: the file, the environment and flags, and what is wrong with them where."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsConfigDict, SettingsError

from batchbox.domain.errors import BAD_SETTINGS, Stop
from batchbox.settings.errors import InvalidSettings, SettingProblem, Step, find_line, nearest
from batchbox.settings.model import PREFIX, Settings
from batchbox.settings.queues import QueueSettings

NOT_SETTINGS = frozenset({"SPOOL", "CONFIG"})  # options of the commands
A_FLAG = "a flag"
A_KEY = "[key]"  # the last step to what is wrong by its name: pydantic's word
SHOWN = 20  # mistakes


def load_settings(path: Path | None, environ: Mapping[str, str], **flags: Any) -> Settings:
    """Read the settings. *path*: a batchbox.toml that may be missing. Raise `Stop` for a wrong one."""
    given = {name: value for name, value in flags.items() if value is not None}
    by_flag = frozenset(given)
    url = environ.get("ANTHROPIC_BASE_URL")
    if url and PREFIX + "BASE_URL" not in environ:
        given.setdefault("base_url", url)
    readable = path if path and (path.exists() or path.is_symlink()) else None
    text = _read_toml(readable) if readable else ""

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=readable)

    try:
        return FromFile(**given)
    except ValidationError as error:
        places = _Places(readable, text, environ, by_flag)
        errors = error.errors()
        slips = [places.explain(one) for one in errors[:SHOWN]]
        raise InvalidSettings(slips, more=len(errors) - len(slips)) from None
    except SettingsError:
        fix = "write it in JSON, or as tables [queue.NAME] in batchbox.toml"
        raise Stop(f"{PREFIX}QUEUE is not JSON", fix, code=BAD_SETTINGS) from None


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the BATCHBOX_ variables that mean nothing, each with the nearest that does."""
    known = {name.upper() for name in Settings.model_fields} | NOT_SETTINGS
    given = {name.removeprefix(PREFIX) for name in environ if name.startswith(PREFIX)}
    near = {name: nearest(name, known) for name in sorted(given - known)}
    return {PREFIX + name: PREFIX + other if other else "" for name, other in near.items()}


def _read_toml(path: Path) -> str:
    try:
        if not path.is_file():  # a pipe would be waited for, for ever
            raise ValueError("it is not a file")
        text = path.read_text(encoding="utf-8")
        tomllib.loads(text)
    except (ValueError, OSError, RecursionError) as error:  # RecursionError: nested too deep
        fix = "correct it and start again"
        raise Stop(f"{path} cannot be read: {error}", fix, code=BAD_SETTINGS) from None
    return text


@dataclass(frozen=True, slots=True)
class _Places:
    """Where settings were set: the file and its text, the environment, the names of flags."""

    path: Path | None
    text: str
    environ: Mapping[str, str]
    flags: frozenset[str]

    def explain(self, error: ErrorDetails) -> SettingProblem:
        """Name one wrong setting, where it was set, and the nearest that exists."""
        place = tuple(step for step in error["loc"] if step != A_KEY)
        name = ".".join(str(step) for step in place)
        top, last = str(place[0]), str(place[-1])
        where, line = self._find(place)
        if error["type"] == "extra_forbidden":
            fields = QueueSettings.model_fields if top == "queue" else Settings.model_fields
            near = nearest(last, fields)
            return SettingProblem(
                where, line, f"{name} is not a setting", f'did you mean "{near}"?' if near else "remove it"
            )
        told = error["msg"].removeprefix("Value error, ")
        told = f"{name}: {told}" if line or where == A_FLAG or name != top else told
        hidden = "@" in str(error["input"])
        shown = "not shown: it may hold a password" if hidden else repr(error["input"])[:200]
        return SettingProblem(
            where, line, told, "it is not set" if error["input"] is None else f"it is {shown} now"
        )

    def _find(self, place: tuple[Step, ...]) -> tuple[str, int]:
        """Return who set it, and the line in the file: flags win over the environment, that over the file."""
        top = str(place[0])
        if top in self.flags:
            return A_FLAG, 0
        if PREFIX + top.upper() in self.environ:
            return PREFIX + top.upper(), 0
        if top == "base_url" and "ANTHROPIC_BASE_URL" in self.environ:
            return "ANTHROPIC_BASE_URL (base_url)", 0
        return str(self.path), find_line(self.text, place)
