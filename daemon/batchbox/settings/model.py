"""What people may set: built-in < batchbox.toml < environment < flags. One frozen model.

Every name is also an environment variable, in capitals after `BATCHBOX_`. The key is not a setting.
"""

from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec
from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from batchbox.cost.limits import Budget, BudgetLimits
from batchbox.domain.priorities import Priority
from batchbox.domain.stability import Rules
from batchbox.formats.request_lines import Defaults
from batchbox.scheduling.quota import share_of
from batchbox.scheduling.retention import Archive, Limits, Retention
from batchbox.settings.queues import (
    Beta,
    NotifyOn,
    OutputForm,
    Prompt,
    Queue,
    QueueName,
    QueueRules,
    WebhookUrl,
    refuse_flag,
)

PREFIX = "BATCHBOX_"
DEFAULT_QUEUE = "default"
PUBLIC_URL = "https://api.anthropic.com"

# read once, by what is made of them at the start
FIXED = {"base_url", "api_socket", "api_key_file", "answer_seconds", "log_format", "metrics_listen"}

YEAR = 31_536_000.0
QUIET = 0.2
QUIET_BLIND = 2.0

T = TypeVar("T")


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
    queue: dict[QueueName, Queue] = Field(default_factory=dict, description="tables [queue.NAME]")
    undeclared_queues: Literal["use", "refuse"] = Field(
        "use",
        description="folders of the inbox that no table declares: use them, or refuse their files",
    )
    betas: list[Beta] = Field(default_factory=list, description="beta features of the API, for every batch")
    prompt: Prompt | None = Field(
        None, description="prompt made of each row of a CSV file, or of a text: {column}, {text}"
    )
    id_column: str | None = Field(
        None, description="column of a CSV file that holds the ids (custom_id or id, when not set)"
    )
    output: list[OutputForm] | None = Field(
        None,
        min_length=1,
        description="what is put out: rows (of the API), answers, csv, text (by the file's form, if not set)",
    )
    require_ok: bool = Field(False, description="take NAME.jsonl only once NAME.jsonl.ok lies beside it")
    max_unpacked_bytes: int = Field(
        10_000_000_000,
        ge=1,
        description="bytes that a packed file may unpack to, and a file grow by with those it names",
    )
    max_queued_requests: int | None = Field(
        None,
        ge=1,
        description="requests that may wait at the API at once (what it is found to allow, when not set)",
    )
    max_cost_per_file: float | None = Field(
        None, ge=0, description="US dollars that a file may cost at most; a dearer one waits in hold/"
    )
    max_cost_per_day: float | None = Field(
        None, ge=0, description="US dollars that all files sent in a day (UTC) may cost at most"
    )
    max_requests_per_day: int | None = Field(
        None, ge=0, description="requests that may be sent in a day (UTC)"
    )
    count_requests: int = Field(
        0, ge=0, description="requests of a file that the API is asked to count for its estimate (0: none)"
    )
    notify_command: list[str] | None = Field(
        None, min_length=1, description="program, with its arguments, that is run for each receipt"
    )
    notify_url: WebhookUrl = Field(None, description="URL that is told of each receipt (a webhook)")
    notify_secret_file: Path | None = Field(None, description="file with the secret that signs what is told")

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

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_flag(cls, value: Any, info: ValidationInfo) -> Any:
        return refuse_flag(value, cls.model_fields[info.field_name or ""].annotation)

    @field_validator("notify_secret_file")
    @classmethod
    def _require_secret(cls, secret_file: Path | None, info: ValidationInfo) -> Path | None:
        queues: dict[str, Queue] = info.data.get("queue", {})
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

    def for_queue(self, name: str) -> QueueRules:
        """Return what holds for queue *name*, declared or not."""
        own = self.queue.get(name) or Queue()
        params: dict[str, Any] = {
            "model": own.model or self.model,
            "max_tokens": own.max_tokens or self.max_tokens,
        }
        system = own.system if own.system is not None else self.system
        params |= {"system": system} if system is not None else {}
        usual = own.priority or Priority.NORMAL
        encoded = {key: msgspec.json.encode(value) for key, value in (params | own.params).items()}
        return QueueRules(
            defaults=Defaults(encoded, own.models),
            skips_bad_lines=(own.bad_lines or self.bad_lines) == "skip",
            names_by_job=(own.naming or self.naming) == "job",
            is_refused=self.undeclared_queues == "refuse" and name not in (*self.queue, DEFAULT_QUEUE),
            prompt=_first(own.prompt, self.prompt),
            id_column=_first(own.id_column, self.id_column),
            files=own.files,
            models=own.models,
            betas=tuple(self.betas if own.betas is None else own.betas),
            output=tuple(own.output or self.output or ()),
            priority=usual,
            max_priority=own.max_priority or usual,
            require_ok=_first(own.require_ok, self.require_ok),
            count_requests=_first(own.count_requests, self.count_requests),
            max_unpacked_bytes=self.max_unpacked_bytes,
            notice=self._notice(own),
        )

    def _notice(self, own: Queue) -> NotifyOn:
        command = _first(own.notify_command, self.notify_command)
        url = _first(own.notify_url, self.notify_url)
        secret_file = _first(own.notify_secret_file, self.notify_secret_file)
        return NotifyOn(tuple(command or ()), url or "", secret_file)

    def purse(self) -> BudgetLimits:
        """Return what may be spent, by queue and over all."""
        own = {queue: self._budget(table) for queue, table in self.queue.items()}
        over_all = Budget(None, self.max_cost_per_day, self.max_requests_per_day)
        return BudgetLimits(own=own, usual=self._budget(Queue()), over_all=over_all)

    def _budget(self, own: Queue) -> Budget:
        cost_per_file = _first(own.max_cost_per_file, self.max_cost_per_file)
        return Budget(cost_per_file, own.max_cost_per_day, own.max_requests_per_day)

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


def _first(own: T | None, usual: T) -> T:
    return usual if own is None else own
