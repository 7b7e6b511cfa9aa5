"""What may be configured, and the guesses where the real API is not documented."""

from dataclasses import dataclass
from typing import Literal, get_args

Choice = Literal["refuse", "accept"]
Framing = Literal["length", "chunked", "close"]
Cursor = Literal["refuse", "empty", "ignore"]
Archived = Literal["null_url", "keep_url"]
Listing = Literal["stored", "created"]

CHOICES: dict[str, tuple[str, ...]] = {
    "duplicate_ids": get_args(Choice),
    "cancel_after_end": get_args(Choice),
    "delete_while_live": get_args(Choice),
    "bad_cursor": get_args(Cursor),
    "archived": get_args(Archived),
    "framing": get_args(Framing),
    "listing": get_args(Listing),
}

ERROR_STATUSES = range(400, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """Everything a sandbox is told at its start; port 0 means any free one."""

    host: str = "127.0.0.1"
    port: int = 0
    # None accepts any key that is not empty; a wrong or missing key is a 401.
    api_key: str | None = None

    # From create to ended, and from cancel to ended.
    work_seconds: float = 2.0
    cancel_seconds: float = 0.5
    expire_seconds: float = 86_400.0
    retain_seconds: float = 29 * 86_400.0
    # The server's clock against this machine's: seen in every time stamp and in the Date header.
    clock_offset_seconds: float = 0.0

    max_requests: int = 100_000
    max_bytes: int = 256_000_000
    # Requests in processing, over all batches, before a create is answered 429; None is no limit.
    queue_limit: int | None = None

    shuffle_seed: int = 0
    framing: Framing = "length"
    # A page of the list holds no more than this, however much was asked for.
    largest_page: int = 1_000
    # Only for clients that accept it; a compressed answer cannot have the framing "length".
    gzip: bool = False

    # Not documented by the real API, so a client must survive every one of these.
    duplicate_ids: Choice = "refuse"
    results_before_end: int = 404
    cancel_after_end: Choice = "refuse"
    delete_while_live: Choice = "refuse"
    bad_cursor: Cursor = "refuse"
    archived: Archived = "null_url"
    # In which order: as they were stored, or by `created_at` as the machines' clocks have it.
    listing: Listing = "stored"

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                raise ValueError(f"{name}: {value!r} is not one of {', '.join(known)}")
        if self.results_before_end not in ERROR_STATUSES:
            raise ValueError(f"results_before_end: {self.results_before_end} is not a status of an error")
