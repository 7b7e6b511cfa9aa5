"""Usage: what rows used, added up so that it can be priced together.

The fields are those of a message's `usage` that cost something
(https://platform.claude.com/docs/en/api/messages); unknown ones are ignored, a null is nothing.
"""

import msgspec

US_ONLY = "us"  # how `usage` tells it as well


class CacheCreation(msgspec.Struct, gc=False):
    """Tokens written to the cache, by how long they are kept there."""

    ephemeral_5m_input_tokens: int | None = 0
    ephemeral_1h_input_tokens: int | None = 0


class ServerTools(msgspec.Struct, gc=False):
    """Calls of tools that run at the API."""

    web_search_requests: int | None = 0


class OutputDetails(msgspec.Struct, gc=False):
    """What the output tokens were spent on."""

    thinking_tokens: int | None = 0


class Usage(msgspec.Struct, gc=False):
    """What one row used."""

    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cache_creation_input_tokens: int | None = 0
    cache_read_input_tokens: int | None = 0
    cache_creation: CacheCreation | None = None
    server_tool_use: ServerTools | None = None
    output_tokens_details: OutputDetails | None = None
    inference_geo: str | None = None

    @property
    def input_in_all(self) -> int:
        """The number that decides between a price's tiers."""
        cached = (self.cache_creation_input_tokens or 0) + (self.cache_read_input_tokens or 0)
        return (self.input_tokens or 0) + cached

    @property
    def is_in_us(self) -> bool:
        """Say whether it ran in the US only, which costs more; "not_available" is of models without it."""
        return self.inference_geo == US_ONLY


class PricedUsage:
    """What some rows used together; every field is a sum."""

    def __init__(self) -> None:
        self.requests = 0
        self.requests_in_us = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.cache_creation_input_tokens = 0
        self.cache_read_input_tokens = 0
        self.ephemeral_5m_input_tokens = 0
        self.ephemeral_1h_input_tokens = 0
        self.web_search_requests = 0
        self.thinking_tokens = 0

    def add(self, usage: Usage) -> None:
        """Count one row in."""
        self.requests += 1
        self.requests_in_us += usage.is_in_us
        self.input_tokens += usage.input_tokens or 0
        self.output_tokens += usage.output_tokens or 0
        self.cache_creation_input_tokens += usage.cache_creation_input_tokens or 0
        self.cache_read_input_tokens += usage.cache_read_input_tokens or 0
        if written := usage.cache_creation:
            self.ephemeral_5m_input_tokens += written.ephemeral_5m_input_tokens or 0
            self.ephemeral_1h_input_tokens += written.ephemeral_1h_input_tokens or 0
        if tools := usage.server_tool_use:
            self.web_search_requests += tools.web_search_requests or 0
        if details := usage.output_tokens_details:
            self.thinking_tokens += details.thinking_tokens or 0
