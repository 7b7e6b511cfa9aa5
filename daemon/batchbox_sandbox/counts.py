"""Pure: the count of the tokens of one request, as `POST /v1/messages/count_tokens` gives it.

The endpoint takes a part of what a message takes and refuses all else, images and documents by their address
included (https://platform.claude.com/docs/en/build-with-claude/token-counting).
"""

from typing import Any

import msgspec

from batchbox_sandbox.answers import count_input
from batchbox_sandbox.envelope import Body, EnvelopeError

PATH = "/v1/messages/count_tokens"
LARGEST_BODY = 32_000_000
KNOWN = frozenset(
    {"messages", "model", "system", "thinking", "tools", "tool_choice", "output_config", "output_format"}
    | {"cache_control", "context_management", "mcp_servers", "speed", "user_profile_id", "workspace_id"}
)
UNCOUNTED_SOURCES = ('"type":"url"', '"type":"file"')


def count(data: Body) -> int:
    """Return how many input tokens the request in *data* has; raise `EnvelopeError` if it is refused."""
    try:
        params = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EnvelopeError(f"The request body is not valid JSON: {error}") from None
    complaint = _check(params)
    if complaint:
        raise EnvelopeError(complaint)
    return count_input(params)


def _check(params: dict[str, Any]) -> str | None:
    missing = [name for name in ("messages", "model") if name not in params]
    if missing:
        return f"{missing[0]}: Field required"
    extra = sorted(params.keys() - KNOWN)
    if extra:
        return f"{extra[0]}: Extra inputs are not permitted"
    if not isinstance(params["model"], str) or not params["model"].startswith("claude-"):
        return f"model: {params['model']}"
    turns = params["messages"]
    if not isinstance(turns, list) or not all(isinstance(turn, dict) and "content" in turn for turn in turns):
        return "messages: Input should be a valid list"
    text = msgspec.json.encode(turns).decode()
    if any(source in text for source in UNCOUNTED_SOURCES):
        return "messages: sources of type url and file are not supported for token counting"
    return None
