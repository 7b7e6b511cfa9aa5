"""Letters: what is told of a receipt, to whom, until they have got it."""

from datetime import datetime
from typing import Any, Literal

from pydantic import field_validator

from batchbox.domain.errors import BatchboxError
from batchbox.domain.job import JobId
from batchbox.domain.records import FrozenModel

Way = Literal["command", "url"]
WAYS: tuple[Way, ...] = ("command", "url")


class Notification(FrozenModel):
    """One notice on its way. *id*: the same each time it is sent, so that its receiver knows it again.

    *output*: the name in the outbox that it tells of; *at*: when it was written; *kind* and *data*: what is
    told, as the `type` and the `data` of a webhook.
    """

    id: str
    way: Way
    queue: str
    job: JobId
    output: str
    at: str
    kind: str
    data: dict[str, Any]

    @field_validator("at")
    @classmethod
    def _require_moment(cls, at: str) -> str:
        if datetime.fromisoformat(at).tzinfo is None:
            raise ValueError("it has no time zone, so nobody can tell when its day is over")
        return at

    @property
    def name(self) -> str:
        """The name of the file it is kept in."""
        return f"{self.id}.{self.way}.json"


class UndeliveredNotification(BatchboxError):
    """Nobody has got it. *is_deaf*: the receiver does not answer at all, so others may wait as well."""

    def __init__(self, problem: str, fix: str, *, is_deaf: bool = False) -> None:
        super().__init__(problem, fix)
        self.is_deaf = is_deaf
