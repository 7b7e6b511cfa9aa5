"""Queues: what may be set for one queue, and what then holds for it.

A queue is a folder of the inbox with its name; files directly in the inbox belong to queue `default`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

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


class Queue(BaseModel):
    """Settings of one queue; what is not given here is as for all queues."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str | None = Field(None, description="model of a line that names none")
    max_tokens: int | None = Field(None, ge=1, description="max_tokens of a line that names none")
    system: str | None = Field(None, description="system prompt of a line that has none")
    params: dict[str, Any] = Field(default_factory=dict, description="more params for lines that lack them")
    prompt: Prompt | None = Field(None, description="template of a prompt: see prompt")
    id_column: str | None = Field(None, description="see id_column")
    files: Path | None = Field(
        None,
        description="folder of the files that content blocks may name, besides those beside the dropped file",
    )
    models: dict[str, str] = Field(
        default_factory=dict, description="Claude model that stands for one that an OpenAI line names"
    )
    betas: list[Beta] | None = Field(None, description="see betas")
    bad_lines: Literal["reject", "skip"] | None = Field(None, description="see bad_lines")
    naming: Literal["stem", "job"] | None = Field(None, description="see naming")
    output: list[OutputForm] | None = Field(None, min_length=1, description="see output")
    priority: Priority | None = Field(None, description="urgent, normal or low: those go out first, or last")
    max_priority: Priority | None = Field(
        None, description="highest that a file may ask for by its name (its queue's own, when not set)"
    )
    require_ok: bool | None = Field(None, description="see require_ok")
    max_cost_per_file: float | None = Field(None, ge=0, description="see max_cost_per_file")
    max_cost_per_day: float | None = Field(
        None, ge=0, description="of this queue, besides that over all: see max_cost_per_day"
    )
    max_requests_per_day: int | None = Field(
        None, ge=0, description="of this queue, besides that over all: see max_requests_per_day"
    )
    count_requests: int | None = Field(None, ge=0, description="see count_requests")
    notify_command: list[Words] | None = Field(None, min_length=1, description="see notify_command")
    notify_url: WebhookUrl = Field(None, description="see notify_url")
    notify_secret_file: Path | None = Field(None, description="see notify_secret_file")
    keep_done_days: int | None = Field(None, ge=1, description="see keep_done_days")
    keep_done_bytes: int | None = Field(None, ge=0, description="of this queue alone: see keep_done_bytes")
    keep_rejected_days: int | None = Field(None, ge=1, description="see keep_rejected_days")
    keep_rejected_bytes: int | None = Field(
        None, ge=0, description="of this queue alone: see keep_rejected_bytes"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_flag(cls, value: Any, info: ValidationInfo) -> Any:
        return refuse_flag(value, cls.model_fields[info.field_name or ""].annotation)

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


@dataclass(frozen=True, slots=True)
class NotifyOn:
    """Who hears of a receipt: a *command* with its arguments, a *url*; either may be missing."""

    command: tuple[str, ...] = ()
    url: str = ""
    secret_file: Path | None = None


@dataclass(frozen=True, slots=True)
class QueueRules:
    """What holds for one queue, all told. *is_refused*: nobody declared it, and such are not used."""

    defaults: Defaults
    skips_bad_lines: bool
    names_by_job: bool
    is_refused: bool
    prompt: str | None
    id_column: str | None
    files: Path | None
    models: Mapping[str, str]
    betas: tuple[str, ...]
    output: tuple[OutputForm, ...]  # empty: by the form of the file
    priority: Priority
    max_priority: Priority
    require_ok: bool
    count_requests: int
    max_unpacked_bytes: int
    notice: NotifyOn

    def output_of(self, kind: Kind) -> tuple[OutputForm, ...]:
        """Return in which forms the answers to a file of that *kind* are put out; at least one."""
        return self.output or USUAL_OUTPUT[kind]

    def priority_of(self, name: bytes) -> Priority:
        """Return as which a file called *name* goes out."""
        return grant(asked_by(name), self.priority, self.max_priority)
