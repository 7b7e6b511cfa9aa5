"""Pure: one request -> one result row, in the exact field set of the real API.

An answer repeats its question, so that a person who reads a result file sees which answer belongs where.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from batchbox_sandbox.batches import Verdict
from batchbox_sandbox.envelope import Request

QUESTION_LONGEST = 120
CHARACTERS_PER_TOKEN = 4
TOKENS_PER_TURN = 4
TOKENS_PER_FILE = 1_600
UNKNOWN_TYPE = "sandbox_unknown_type"
REFUSAL_TEXT = "The sandbox was told to refuse this request."


def write_row(batch_id: str, request: Request, verdict: Verdict) -> bytes:
    """Return the result line of *request*, with its newline."""
    result = _result(batch_id, request, verdict)
    return msgspec.json.encode({"custom_id": request.custom_id, "result": result}) + b"\n"


def _result(batch_id: str, request: Request, verdict: Verdict) -> dict[str, Any]:
    match verdict.kind:
        case "succeeded" | "refusal":
            params = msgspec.json.decode(request.raw)["params"]
            return {"type": "succeeded", "message": write_message(batch_id, request, params, verdict.kind)}
        case "errored":
            error = {"type": verdict.error_type, "message": verdict.message}
            return {"type": "errored", "error": {"type": "error", "error": error, "request_id": None}}
        case "unknown_type":
            return {"type": UNKNOWN_TYPE}
        case kind:
            return {"type": kind}


def write_message(batch_id: str, request: Request, params: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the message that answers *params*; the same call gives the same message."""
    refused = kind == "refusal"
    text = REFUSAL_TEXT if refused else describe(params)
    digest = hashlib.sha256(f"{batch_id}/{request.custom_id}".encode()).hexdigest()
    return {
        "model": params["model"],
        "id": f"msg_01{digest[:22]}",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "refusal" if refused else "end_turn",
        "stop_sequence": None,
        "stop_details": _refusal_details() if refused else None,
        "container": None,
        "usage": measure(params, text),
    }


def _refusal_details() -> dict[str, Any]:
    return {"type": "refusal", "category": None, "explanation": REFUSAL_TEXT}


def count_input(params: dict[str, Any]) -> int:
    """Return how many tokens go in, made from nothing but lengths."""
    turns = params["messages"]
    characters = sum(len(text) for text in _texts(params.get("system")))
    characters += sum(len(text) for turn in turns for text in _texts(turn["content"]))
    files = sum(1 for turn in turns for _ in _files(turn["content"]))
    return characters // CHARACTERS_PER_TOKEN + TOKENS_PER_TURN * len(turns) + TOKENS_PER_FILE * files


def measure(params: dict[str, Any], answer: str) -> dict[str, Any]:
    """Return the usage of one answer, made from nothing but lengths."""
    return {
        "input_tokens": count_input(params),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": min(params["max_tokens"], 1 + len(answer) // CHARACTERS_PER_TOKEN),
        "output_tokens_details": {"thinking_tokens": 0},
        "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0},
        "service_tier": "batch",
        "inference_geo": "not_available",
    }


def describe(params: dict[str, Any]) -> str:
    """Return an answer that names its question and everything that came with it."""
    turns = params["messages"]
    notes = [f"model {params['model']}"]
    if any(_texts(params.get("system"))):
        notes.append("a system prompt")
    notes.append(f"{len(turns)} turn" + "s" * (len(turns) != 1))
    for turn in turns:
        notes.extend(_describe_file(block) for block in _files(turn["content"]))
    return f'Sandbox answer to "{_question(turns)}" ({", ".join(notes)})'


def _question(turns: list[dict[str, Any]]) -> str:
    asked = [turn for turn in turns if turn["role"] == "user"]
    words = " ".join(" ".join(_texts(asked[-1]["content"])).split()) if asked else ""
    if len(words) > QUESTION_LONGEST:
        words = words[: QUESTION_LONGEST - 1].rstrip() + "…"
    return words or "no text"


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for block in _blocks(content):
        text = block.get("text")
        if isinstance(text, str):
            yield text


def _files(content: object) -> Iterator[dict[str, Any]]:
    for block in _blocks(content):
        if block.get("type") in ("image", "document"):
            yield block


def _blocks(content: object) -> Iterator[dict[str, Any]]:
    if isinstance(content, list):
        yield from (block for block in content if isinstance(block, dict))


def _describe_file(block: dict[str, Any]) -> str:
    kind, source = block["type"], block.get("source")
    if not isinstance(source, dict):
        return f"{kind} without a source"
    if source.get("type") != "base64":
        return f"{kind} from a {source.get('type')} source"
    try:
        size = len(base64.b64decode(str(source.get("data")), validate=True))
    except (binascii.Error, ValueError):
        return f"{kind} {source.get('media_type')} with unreadable base64"
    return f"{kind} {source.get('media_type')} of {size} bytes"
