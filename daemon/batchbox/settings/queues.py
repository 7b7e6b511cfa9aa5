"""Queues: what may be set for one queue, and what then holds for it.

A queue is a folder of the inbox with its name; files directly in the inbox belong to queue `default`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from batchbox.domain.file_types import Kind
from batchbox.domain.output_names import can_be_queue
from batchbox.domain.priorities import Priority, asked_by, grant
from batchbox.formats.prompt_template import require_template
from batchbox.formats.request_lines import Defaults

HERE = ("localhost", "127.0.0.1", "::1")


def require_webhook(url: str | None) -> str | None:
    """Return *url*. Raise `ValueError` if nothing should be posted there."""
    if url is None:
        return None
    parts = urlsplit(url)
    is_whole = url.isascii() and url.isprintable() and not any(char.isspace() or char in "#@" for char in url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in HERE)
    if not (is_whole and is_safe and parts.hostname and parts.port != 0):
        raise ValueError(
            "it has to be a URL such as https://example.com/batches; http only to this machine (localhost): "
            "names of files and what they cost would be read on the way"
        )
    return url


WebhookUrl = Annotated[str | None, AfterValidator(require_webhook)]
OutputForm = Literal["rows", "answers", "csv", "text"]
USUAL_OUTPUT: Mapping[Kind, tuple[OutputForm, ...]] = {  # where none is set
    "jsonl": ("rows",),
    "csv": ("rows", "csv"),
    "tsv": ("rows", "csv"),
    "text": ("rows", "text"),
}
Words = Annotated[str, Field(min_length=1)]
Prompt = Annotated[str, AfterValidator(require_template)]
Beta = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")]  # it becomes part of a header


def _require_name(name: str) -> str:
    if not can_be_queue(name):
        raise ValueError(
            "no folder of the inbox can be called so: use letters, digits, dots and dashes, 64 at most, and "
            "no ending that a file has"
        )
    return name


QueueName = Annotated[str, AfterValidator(_require_name)]


def refuse_flag(value: Any, annotation: Any) -> Any:
    """Return *value*. Raise `ValueError` for true or false where it has to be a number: not 1 or 0."""
    if isinstance(value, bool) and {int, float} & {annotation, *get_args(annotation)}:
        raise ValueError("it has to be a number")
    return value


class SharedSettings(BaseModel):
    """What may be set for all queues, and otherwise for one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str = Field("claude-sonnet-5-5", description="model of a line that names none")
    max_tokens: int = Field(4096, ge=1, description="max_tokens of a line that names none")
    system: str | None = Field(None, description="system prompt of a line that has none")
    bad_lines: Literal["reject", "skip"] = Field(
        "reject", description="a file with mistakes: refuse it whole, or skip those lines"
    )
    naming: Literal["stem", "job"] = Field("stem", description="outbox names: NAME, or NAME.JOB")
    betas: list[Beta] = Field(default_factory=list, description="beta features of the API, for every batch")
    prompt: Prompt | None = Field(
        None, description="prompt template for each row of a CSV file, or for a text: {column}, {text}"
    )
    id_column: str | None = Field(
        None, description="column of a CSV file that holds the ids (custom_id or id, when not set)"
    )
    output: list[OutputForm] | None = Field(
        None,
        min_length=1,
        description="what is written: rows (of the API), answers, csv, text (by the file's form, if not set)",
    )
    require_ok: bool = Field(False, description="take NAME.jsonl only once NAME.jsonl.ok is beside it")
    max_unpacked_bytes: int = Field(
        10_000_000_000,
        ge=1,
        description="bytes that a packed file may unpack to, and a file grow by with those it names",
    )
    max_cost_per_file: float | None = Field(
        None, ge=0, description="US dollars that a file may cost at most; a dearer one waits in hold/"
    )
    max_cost_per_day: float | None = Field(
        None,
        ge=0,
        description="US dollars that all files sent in a day (UTC) may cost at most; a queue's limit besides",
    )
    max_requests_per_day: int | None = Field(
        None, ge=0, description="requests that may be sent in a day (UTC); a queue's limit besides"
    )
    notify_command: list[Words] | None = Field(
        None, min_length=1, description="program, with its arguments, that is run for each receipt"
    )
    notify_url: WebhookUrl = Field(None, description="URL that gets each receipt (a webhook)")
    notify_secret_file: Path | None = Field(None, description="file with the secret that signs what is sent")
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

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_flag(cls, value: Any, info: ValidationInfo) -> Any:
        return refuse_flag(value, cls.model_fields[info.field_name or ""].annotation)


@dataclass(frozen=True, slots=True)
class NotifyOn:
    """Who hears of a receipt: a *command* with its arguments, a *url*; either may be missing."""

    command: tuple[str, ...] = ()
    url: str = ""
    secret_file: Path | None = None


class QueueSettings(SharedSettings):
    """Settings of one queue: an overlay, of which only what is given counts, or all that holds for it."""

    params: dict[str, Any] = Field(default_factory=dict, description="more params for lines that lack them")
    files: Path | None = Field(
        None,
        description="folder of the files that content blocks may name, besides those beside the dropped file",
    )
    models: dict[str, str] = Field(
        default_factory=dict, description="Claude model that replaces one that an OpenAI line names"
    )
    priority: Priority = Field(
        Priority.NORMAL, description="urgent, normal or low: those go out first, or last"
    )
    max_priority: Priority | None = Field(
        None, description="highest that a file may ask for by its name (its queue's own, when not set)"
    )

    @field_validator("max_priority")
    @classmethod
    def _require_order(cls, highest: Priority | None, info: ValidationInfo) -> Priority | None:
        usual: Priority = info.data.get("priority") or Priority.NORMAL
        if highest and usual.rank < highest.rank:
            raise ValueError(
                f"it is lower than the queue's priority, which is {usual}: what asks for nothing would "
                "go out before all that may be asked for; raise it, or lower priority"
            )
        return highest

    def over(self, usual: SharedSettings) -> "QueueSettings":
        """Return what holds for the queue: what it gives, and the rest as *usual*."""
        own = {name: getattr(self, name) for name in self.model_fields_set}
        return self.model_construct(
            **{name: getattr(usual, name) for name in SharedSettings.model_fields} | own
        )

    @property
    def defaults(self) -> Defaults:
        """What a line gets that lacks it."""
        params: dict[str, Any] = {"model": self.model, "max_tokens": self.max_tokens}
        params |= {"system": self.system} if self.system is not None else {}
        encoded = {key: msgspec.json.encode(value) for key, value in (params | self.params).items()}
        return Defaults(encoded, self.models)

    @property
    def skips_bad_lines(self) -> bool:
        """Whether good lines are sent if others have mistakes."""
        return self.bad_lines == "skip"

    @property
    def names_by_job(self) -> bool:
        """Whether the job's id is part of every name in the outbox."""
        return self.naming == "job"

    @property
    def notice(self) -> NotifyOn:
        """Who hears of its receipts."""
        return NotifyOn(tuple(self.notify_command or ()), self.notify_url or "", self.notify_secret_file)

    def output_of(self, kind: Kind) -> tuple[OutputForm, ...]:
        """Return in which forms the answers to a file of that *kind* are written; at least one."""
        return tuple(self.output or USUAL_OUTPUT[kind])

    def priority_of(self, name: bytes) -> Priority:
        """Return as which a file called *name* goes out."""
        return grant(asked_by(name), self.priority, self.max_priority or self.priority)
