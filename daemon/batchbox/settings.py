"""What people may set: built-in < batchbox.toml < environment < flags. One frozen model.

Every name is also an environment variable, in capitals after `BATCHBOX_`. The key is not a setting.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from batchbox.core.errors import BAD_SETTINGS, Stop
from batchbox.core.lines import Defaults
from batchbox.core.retention import Archive, Limits, Retention
from batchbox.core.settle import Rules
from batchbox.core.slips import Slip, Step, WrongSettings, find_line, nearest

PREFIX = "BATCHBOX_"
NOT_SETTINGS = frozenset({"SPOOL", "CONFIG"})  # options of the commands
A_FLAG = "a flag"
SHOWN = 20  # mistakes
PUBLIC_URL = "https://api.anthropic.com"

# read once, by what is made of them at the start
FIXED = {"base_url", "api_socket", "api_key_file", "answer_seconds", "log_format", "metrics_listen"}

YEAR = 31_536_000.0
QUIET = 0.2
QUIET_BLIND = 2.0


class Queue(BaseModel):
    """Settings of one queue; what is not given here is as for all queues."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = Field(None, description="model of a line that names none")
    max_tokens: int | None = Field(None, ge=1, description="max_tokens of a line that names none")
    system: str | None = Field(None, description="system prompt of a line that has none")
    params: dict[str, Any] = Field(default_factory=dict, description="more params for lines that lack them")
    bad_lines: Literal["reject", "skip"] | None = Field(None, description="see bad_lines")
    naming: Literal["stem", "job"] | None = Field(None, description="see naming")
    keep_done_days: int | None = Field(None, ge=1, description="see keep_done_days")
    keep_done_bytes: int | None = Field(None, ge=0, description="of this queue alone: see keep_done_bytes")
    keep_rejected_days: int | None = Field(None, ge=1, description="see keep_rejected_days")
    keep_rejected_bytes: int | None = Field(
        None, ge=0, description="of this queue alone: see keep_rejected_bytes"
    )


class Settings(BaseSettings):
    """All settings, with their defaults. Sizes in bytes, times in seconds."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=PREFIX, allow_inf_nan=False)

    model: str = Field("claude-sonnet-5-5", description="model of a line that names none")
    max_tokens: int = Field(4096, ge=1, description="max_tokens of a line that names none")
    system: str | None = Field(None, description="system prompt of a line that has none")
    bad_lines: Literal["reject", "skip"] = Field(
        "reject", description="a file with mistakes: refuse it whole, or skip those lines"
    )
    naming: Literal["stem", "job"] = Field("stem", description="outbox names: NAME, or NAME.JOB")
    queue: dict[str, Queue] = Field(default_factory=dict, description="tables [queue.NAME]")

    poll_seconds: float | None = Field(
        None,
        gt=0,
        le=YEAR,
        description="ask for running batches this often (5 to 30 s, by age, when not set)",
    )
    scan_seconds: float = Field(1.0, gt=0, le=YEAR, description="look at the inbox at least this often")
    quiet_seconds: float | None = Field(
        None,
        ge=0,
        le=YEAR,
        description="a file must be unchanged this long (0.2, or 2 where writers are not seen)",
    )
    max_settle_seconds: float = Field(
        600.0,
        ge=0,
        le=YEAR,
        description="take a file that is empty or lacks its last newline after this long",
    )
    doubt_seconds: float = Field(
        900.0, gt=0, le=YEAR, description="settle time before a submission in doubt is judged"
    )
    max_part_requests: int = Field(100_000, ge=1, description="requests in one batch at most")
    max_part_bytes: int = Field(256_000_000, ge=1, description="bytes in one batch at most")
    max_attempts: int = Field(3, ge=1, description="how often a request goes out at most")
    max_jobs: int = Field(1000, ge=1, description="jobs under way at most; more files wait in the inbox")
    reserve_bytes: int = Field(64 << 20, ge=0, description="room on the disk that is left alone")
    keep_done_days: int | None = Field(
        None, ge=1, description="remove finished jobs from done/ after so many days (never, when not set)"
    )
    keep_done_bytes: int | None = Field(
        None, ge=0, description="remove the oldest from done/ beyond so many bytes (never, when not set)"
    )
    keep_rejected_days: int | None = Field(
        None, ge=1, description="remove refused files from rejected/ after so many days (never, when not set)"
    )
    keep_rejected_bytes: int | None = Field(
        None, ge=0, description="remove the oldest from rejected/ beyond so many bytes (never, when not set)"
    )
    transfers: int = Field(4, ge=1, description="files that are checked, sent and fetched at once")
    answer_seconds: float = Field(
        600.0, gt=0, le=YEAR, description="how long to wait for the answer to a create"
    )
    grace_seconds: float = Field(
        5.0, ge=0, le=YEAR, description="how long a stop waits for what is under way"
    )
    base_url: str = Field(PUBLIC_URL, description="where the API is; ANTHROPIC_BASE_URL sets it too")
    api_socket: Path | None = Field(
        None, description="UNIX socket of a relay to that address, where there is no network"
    )
    api_key_file: Path | None = Field(None, description="file with the key, if not ANTHROPIC_API_KEY")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="lines of the log: auto is console on a terminal"
    )

    metrics_listen: str | None = Field(
        None, description="serve the metrics at 127.0.0.1:PORT or unix:/PATH, besides state/metrics.prom"
    )

    @field_validator("metrics_listen")
    @classmethod
    def _require_loopback(cls, where: str | None) -> str | None:
        if where is None or (where.startswith("unix:/") and "\0" not in where):
            return where
        parts = urlsplit(f"//{where}")
        host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
        try:
            whole = parts.netloc == where and "@" not in where
            is_near = whole and bool(parts.port) and ip_address(host).is_loopback
        except ValueError:
            is_near = False
        if not is_near:
            raise ValueError(
                "it has to be 127.0.0.1:PORT, [::1]:PORT or unix:/PATH: whoever can connect reads which "
                "models are asked and what they cost, so nothing is served to other hosts"
            )
        return where

    @field_validator("base_url")
    @classmethod
    def _require_url(cls, url: str) -> str:
        parts = urlsplit(url)
        whole = url.isprintable() and not any(char.isspace() or char in "?#@" for char in url)
        if not whole or parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError("it has to be a URL such as https://api.anthropic.com")
        return url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Say which source wins: flags, environment, file."""
        path = settings_cls.model_config.get("toml_file")
        toml = TomlConfigSettingsSource(settings_cls, path) if isinstance(path, Path) else None
        return (init_settings, env_settings, toml) if toml else (init_settings, env_settings)

    def for_queue(self, name: str) -> "QueueRules":
        """Return what holds for queue *name*, declared or not."""
        own = self.queue.get(name) or Queue()
        params: dict[str, Any] = {
            "model": own.model or self.model,
            "max_tokens": own.max_tokens or self.max_tokens,
        }
        system = own.system if own.system is not None else self.system
        params |= {"system": system} if system is not None else {}
        encoded = {key: msgspec.json.encode(value) for key, value in (params | own.params).items()}
        return QueueRules(
            defaults=Defaults(encoded),
            skips_bad_lines=(own.bad_lines or self.bad_lines) == "skip",
            names_by_job=(own.naming or self.naming) == "job",
        )

    def retention(self, archive: Archive) -> Retention:
        """Return what is kept in done/ or in rejected/, and for how long."""
        names = (f"keep_{archive}_days", f"keep_{archive}_bytes")
        usual, *own = (
            Limits(*(getattr(one, name) for name in names)) for one in (self, *self.queue.values())
        )
        return Retention(usual, dict(zip(self.queue, own, strict=True)))

    def settle_rules(self) -> Rules:
        """Return when a file is taken."""
        given = self.quiet_seconds
        quiet, blind = (QUIET, QUIET_BLIND) if given is None else (given, given)
        return Rules(quiet, blind, self.max_settle_seconds)


class QueueRules(BaseModel):
    """What holds for one queue, all told."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    defaults: Defaults
    skips_bad_lines: bool
    names_by_job: bool


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
        raise WrongSettings(slips, more=len(errors) - len(slips)) from None
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

    def explain(self, error: ErrorDetails) -> Slip:
        """Name one wrong setting, where it was set, and the nearest that exists."""
        name = ".".join(str(step) for step in error["loc"])
        top, last = str(error["loc"][0]), str(error["loc"][-1])
        where, line = self._find(error["loc"])
        if error["type"] == "extra_forbidden":
            fields = Queue.model_fields if top == "queue" else Settings.model_fields
            near = nearest(last, fields)
            return Slip(
                where, line, f"{name} is not a setting", f'did you mean "{near}"?' if near else "remove it"
            )
        told = f"{name}: {error['msg']}" if line or where == A_FLAG or name != top else error["msg"]
        hidden = "@" in str(error["input"])
        shown = "not shown: it may hold a password" if hidden else repr(error["input"])[:200]
        return Slip(where, line, told, f"it is {shown} now")

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
