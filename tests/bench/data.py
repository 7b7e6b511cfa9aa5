"""Inputs and answers, the same ones on every run: about 2.5 kB for each request, 3 kB for each row."""

import json
import random
import re
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

SEED = 7
TEXTS = 512
IMAGE_CHARACTERS = 1_000_000
REQUEST_CHARACTERS = 2_098
ANSWER_CHARACTERS = 2_330
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
FOREIGN = ("größe", "naïve", "“quoted”", "日本語", "émigré", "50 €")
FOREIGN_EACH = 40  # every so many words one that is not ASCII
WIRE_ID = re.compile(rb'"custom_id": ?"([^"]+)"')
MODEL = b"claude-sonnet-5-5"
SYSTEM = b'"You are terse."'
CACHED = b'[{"type": "text", "text": "You are terse.", "cache_control": {"type": "ephemeral"}}]'
TURNS = 11


def write_requests(path: Path, count: int) -> None:
    """Write *count* requests of about 2,486 bytes, one on each line, of three kinds in turn.

    The kinds are a bare question, a question in blocks with a cached system prompt, and a talk of eleven
    turns: about the same bytes, but whoever makes objects of them has more to do.
    """
    texts, pieces = _encode(REQUEST_CHARACTERS), _encode(REQUEST_CHARACTERS // TURNS)
    with path.open("wb", buffering=1 << 20) as file:
        for number in range(count):
            text, first = texts[number % TEXTS], number % (TEXTS - TURNS)
            match number % 3:
                case 0:
                    file.write(_line(number, SYSTEM, _say(text)))
                case 1:
                    file.write(_line(number, CACHED, _say(b'[{"type": "text", "text": %s}]' % text)))
                case _:
                    turns = map(_say, pieces[first : first + TURNS], cycle((b"user", b"assistant")))
                    file.write(_line(number, CACHED, b", ".join(turns)))


def write_images(path: Path, count: int) -> None:
    """Write *count* requests, each with an image of a million characters of base64."""
    chance = random.Random(SEED)
    data = "".join(chance.choices(BASE64, k=IMAGE_CHARACTERS)).encode()
    with path.open("wb", buffering=1 << 20) as file:
        for number in range(count):
            source = b'{"type": "base64", "media_type": "image/png", "data": "%s"}'
            image = b'{"type": "image", "source": %s}' % (source % (data[number:] + data[:number]))
            content = b'[%s, {"type": "text", "text": "What is this?"}]' % image
            file.write(_line(number, SYSTEM, _say(content)))


def _line(number: int, system: bytes, turns: bytes) -> bytes:
    params = b'"model": "%s", "max_tokens": 1024, "system": %s, "messages": [%s]' % (MODEL, system, turns)
    return b'{"custom_id": "request-%07d", "params": {%s}}\n' % (number, params)


def _say(content: bytes, role: bytes = b"user") -> bytes:
    return b'{"role": "%s", "content": %s}' % (role, content)


def read_ids(path: Path) -> Iterator[bytes]:
    """Yield the ids in a file of requests or in the body of a create, in order."""
    with path.open("rb", buffering=1 << 20) as file:
        for line in file:
            found = WIRE_ID.search(line, 0, 200)
            if found:
                yield found[1]


def write_rows(body: Path, rows: Path) -> int:
    """Write an answer for each request of *body*, in an order of their own; return how many."""
    ids = list(read_ids(body))
    random.Random(SEED).shuffle(ids)
    results = [_result(text) for text in _encode(ANSWER_CHARACTERS)]
    partial = rows.with_suffix(".partial")
    with partial.open("wb", buffering=1 << 20) as file:
        for number, wire_id in enumerate(ids):
            head, tail = results[number % TEXTS]
            file.write(b'{"custom_id":"%s","result":%s%022d%s}\n' % (wire_id, head, number, tail))
    partial.rename(rows)
    return len(ids)


def _result(text: bytes) -> tuple[bytes, bytes]:
    """Return a succeeded result, before and after the number in its message's id."""
    message = {
        "model": MODEL.decode(),
        "id": "msg_01#",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "@"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "usage": _usage(len(text)),
    }
    encoded = json.dumps({"type": "succeeded", "message": message}, separators=(",", ":")).encode()
    head, _, tail = encoded.replace(b'"@"', text).partition(b"#")
    return head, tail


def _usage(size: int) -> dict[str, Any]:
    return {
        "input_tokens": 611,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": size // 4,
        "output_tokens_details": {"thinking_tokens": 0},
        "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0},
        "service_tier": "batch",
        "inference_geo": "not_available",
    }


def _encode(size: int) -> list[bytes]:
    """Return texts as JSON: half are ASCII only, the others have foreign letters, escaped or not."""
    chance = random.Random(SEED)
    words = ["".join(chance.choices(ALPHABET, k=chance.randint(2, 9))) for _ in range(2000)]
    return [_text(chance, words, size, number % 4) for number in range(TEXTS)]


def _text(chance: random.Random, words: list[str], size: int, kind: int) -> bytes:
    chosen = chance.choices(words, k=round(size * chance.uniform(0.7, 1.3) / 6.5))
    for place in range(0, len(chosen) if kind > 1 else 0, FOREIGN_EACH):
        chosen[place] = chance.choice(FOREIGN)
    text = " ".join(chosen).replace(" q", "\nq").replace(" z", ' "z')
    return json.dumps(text, ensure_ascii=kind == 2).encode()
