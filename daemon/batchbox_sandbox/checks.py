"""Pure: what is wrong with one request's params.

The API answers a create before it looks into `params`, so a mistake found here is not a 400 but a row
of type `errored`, seen when the whole batch has ended.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

LARGEST_OUTPUT = 128_000
LARGEST_OUTPUT_EXTENDED = 300_000
EXTENDED_OUTPUT_BETA = "output-300k"
# The API version that removed the sampling parameters.
UNSAMPLED_VERSION = "2026-10-21"
ROLES = ("user", "assistant")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a create's headers say about how its params are to be read."""

    version: str = UNSAMPLED_VERSION
    betas: tuple[str, ...] = ()

    @property
    def largest_output(self) -> int:
        """The largest `max_tokens` that is accepted."""
        extended = any(beta.startswith(EXTENDED_OUTPUT_BETA) for beta in self.betas)
        return LARGEST_OUTPUT_EXTENDED if extended else LARGEST_OUTPUT


def check(raw: msgspec.Raw | bytes, dialect: Dialect) -> str | None:
    """Return the API's complaint about the params of the request *raw*, or None."""
    params = msgspec.json.decode(raw)["params"]
    return (
        _check_required(params)
        or _check_model(params["model"])
        or _check_max_tokens(params, dialect.largest_output)
        or _check_unsupported(params, dialect)
        or _check_turns(params["messages"])
    )


def _check_required(params: dict[str, Any]) -> str | None:
    missing = (name for name in ("model", "max_tokens", "messages") if name not in params)
    return next((f"{name}: Field required" for name in missing), None)


def _check_model(model: object) -> str | None:
    if not isinstance(model, str):
        return "model: Input should be a valid string"
    return None if model.startswith("claude-") else f"model: {model}"


def _check_max_tokens(params: dict[str, Any], largest: int) -> str | None:
    value = params["max_tokens"]
    if not isinstance(value, int) or isinstance(value, bool):
        return "max_tokens: Input should be a valid integer"
    if value < 1:
        return "max_tokens: Input should be greater than or equal to 1"
    if value > largest:
        return (
            f"max_tokens: {value} > {largest}, which is the maximum allowed number of output tokens "
            f"for {params['model']}"
        )
    return None


def _check_unsupported(params: dict[str, Any], dialect: Dialect) -> str | None:
    if params.get("stream"):
        return "stream: Streaming is not supported in a batch"
    if params.get("speed") == "fast":
        return "speed: Fast mode is not supported in a batch"
    removed = ("temperature", "top_p", "top_k") if dialect.version == UNSAMPLED_VERSION else ()
    extra = (name for name in ("betas", *removed) if name in params)
    return next((f"{name}: Extra inputs are not permitted" for name in extra), None)


def _check_turns(turns: object) -> str | None:
    if not isinstance(turns, list):
        return "messages: Input should be a valid list"
    if not turns:
        return "messages: at least one message is required"
    complaints = ((index, _check_turn(turn)) for index, turn in enumerate(turns))
    return next((f"messages.{index}{complaint}" for index, complaint in complaints if complaint), None)


def _check_turn(turn: object) -> str | None:
    if not isinstance(turn, dict):
        return ": Input should be an object"
    for name in ("role", "content"):
        if name not in turn:
            return f".{name}: Field required"
    return None if turn["role"] in ROLES else ".role: Input should be 'user' or 'assistant'"
