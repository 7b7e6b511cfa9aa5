"""What people may set: built-in < batchbox.toml < environment < flags. One frozen model.

Every name is also an environment variable, in capitals after `BATCHBOX_`. The key is not a setting.
"""

from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from batchbox.cost.limits import Budget, BudgetLimits
from batchbox.domain.priorities import Priority
from batchbox.domain.stability import Rules
from batchbox.scheduling.quota import share_of
from batchbox.scheduling.retention import Archive, Limits, Retention
from batchbox.settings.queues import QueueName, QueueSettings, SharedSettings

PREFIX = "BATCHBOX_"
DEFAULT_QUEUE = "default"
PUBLIC_URL = "https://api.anthropic.com"

# read once, by what is made of them at the start
FIXED = {"base_url", "api_socket", "api_key_file", "answer_seconds", "log_format", "metrics_listen"}

YEAR = 31_536_000.0
QUIET = 0.2
QUIET_BLIND = 2.0


class QueueTables(BaseModel):
    """The queues that are declared. Read first: what else is checked depends on them."""

    queue: dict[QueueName, QueueSettings] = Field(default_factory=dict, description="tables [queue.NAME]")
    undeclared_queues: Literal["use", "refuse"] = Field(
        "use",
        description="folders of the inbox that no table declares: use them, or refuse their files",
    )


class Settings(SharedSettings, QueueTables, BaseSettings):
    """All settings, with their defaults. Sizes in bytes, times in seconds."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=PREFIX, allow_inf_nan=False)

    max_queued_requests: int | None = Field(
        None,
        ge=1,
        description="requests that may wait at the API at once (what it is found to allow, when not set)",
    )

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

    @field_validator("notify_secret_file")
    @classmethod
    def _require_secret(cls, secret_file: Path | None, info: ValidationInfo) -> Path | None:
        queues: dict[str, QueueSettings] = info.data.get("queue", {})
        urls = {"notify_url": info.data.get("notify_url")}
        urls |= {
            f"queue.{name}.notify_url": one.notify_url
            for name, one in queues.items()
            if not one.notify_secret_file
        }
        unsigned = [name for name, url in urls.items() if url]
        if unsigned and not secret_file:
            raise ValueError(f"{unsigned[0]} needs notify_secret_file: nothing is sent unsigned")
        return secret_file

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

    def for_queue(self, name: str) -> QueueSettings:
        """Return what holds for queue *name*, declared or not."""
        return self.queue.get(name, QueueSettings()).over(self)

    def refuses(self, queue: str) -> bool:
        """Say whether files of *queue* are refused: nobody declared it, and such are not used."""
        return self.undeclared_queues == "refuse" and queue not in (*self.queue, DEFAULT_QUEUE)

    def purse(self) -> BudgetLimits:
        """Return what may be spent, by queue and over all."""
        own = {queue: self._budget(table) for queue, table in self.queue.items()}
        over_all = Budget(None, self.max_cost_per_day, self.max_requests_per_day)
        return BudgetLimits(own=own, usual=self._budget(QueueSettings()), over_all=over_all)

    def _budget(self, own: QueueSettings) -> Budget:
        return Budget(own.over(self).max_cost_per_file, own.max_cost_per_day, own.max_requests_per_day)

    def part_requests(self, priority: Priority) -> int:
        """Return how many requests a part may have, so that it fits a batch and the room at the API."""
        most, room = self.max_part_requests, self.max_queued_requests
        return most if room is None else min(most, share_of(room, priority))

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
