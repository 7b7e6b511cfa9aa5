"""Lines of OpenAI's batch files that several tests are made of."""

import json
from typing import Any

from batchbox.domain.records import Problem
from batchbox.formats.request_lines import Defaults, read_line
from tests.support.values import DEFAULTS

MODELS = Defaults(DEFAULTS.params, {"gpt-4o": "claude-sonnet-5-5"})
TURN = {"role": "user", "content": "Hi"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1.50}'}}
URL = "/v1/chat/completions"


def line(url: str = URL, **body: Any) -> str:
    """Return a line whose body has these fields."""
    whole = {"model": "claude-opus-5-5", "messages": [TURN]} | body
    return json.dumps({"custom_id": "q-1", "method": "POST", "url": url, "body": whole})


def complaint(text: str) -> Problem:
    """Return the complaint about a line that is refused."""
    found = read_line(1, text.encode(), MODELS)
    assert isinstance(found, Problem), found
    assert found.fix
    return found
