"""OpenAI messages: the conversation in an OpenAI line, as the Messages API has it.

System messages at the start become the system prompt, results of tools become blocks of a user turn. The
fields: https://platform.openai.com/docs/api-reference/chat/create
"""

import re
from collections.abc import Callable, Container

import msgspec

from batchbox.formats.raw_json import (
    Fields,
    JsonProblem,
    decode,
    decode_fields,
    find_elements,
    join_fields,
    quote,
)

Raw = msgspec.Raw
Part = Callable[[Fields], bytes]

PICTURE = re.compile(r"data:image/(png|jpe?g|gif|webp);base64,", re.IGNORECASE)
SYSTEM = ("system", "developer")
WITH_PARAMS = 'remove it, or write the line with "params"'
FROM_A_FILE = 'see how a line with "params" names a file that lies beside the dropped one'


def translate_messages(messages: bytes) -> Fields:
    """Return them as `system`, if there is such, and `messages`. Raise `JsonProblem`, naming the message."""
    if messages[:1] != b"[":
        raise JsonProblem("messages is not a list", 'write "messages": [{"role": "user", "content": "…"}]')
    talk = _Talk()
    for number, (start, end) in enumerate(find_elements(messages), start=1):
        try:
            talk.add(messages[start:end].strip())
        except JsonProblem as complaint:
            raise JsonProblem(f"message {number}: {complaint.problem}", complaint.fix) from None
    return talk.conclude()


def take_fields(value: bytes, what: str) -> Fields:
    """Return the fields of an object but those that are null, which is one way to leave them out.

    Raise `JsonProblem` if it is no object.
    """
    if value[:1] != b"{":
        raise JsonProblem(f"{what} is missing or not an object", "write it in {…}, as OpenAI has it")
    return {name: one for name, one in decode_fields(value).items() if bytes(one) != b"null"}


def require_known(fields: Fields, known: Container[str]) -> None:
    """Raise `JsonProblem` if there are other fields than those *known*."""
    extra = sorted(name for name in fields if name not in known)
    if extra:
        raise JsonProblem(f"{quote(extra[0])} has no counterpart in Claude's API", WITH_PARAMS)


def require_text(value: Raw | None, what: str) -> Raw:
    """Return *value*. Raise `JsonProblem` if it is no string."""
    if value is None or bytes(value)[:1] != b'"':
        raise JsonProblem(f"{what} is missing or not a text", "write it in quotes")
    return value


class _Talk:
    """The turns so far. Results of tools are held back until the turn they belong to is whole."""

    def __init__(self) -> None:
        self._system: list[Raw] = []
        self._turns: list[bytes] = []
        self._results: list[bytes] = []
        self._role = ""

    def add(self, message: bytes) -> None:
        """Take the next message."""
        fields = take_fields(message, "it")
        role = decode(bytes(require_text(fields.pop("role", None), "its role")), str)
        if role in SYSTEM:
            self._add_system(fields)
        elif role == "tool":
            self._results.append(_translate_result(fields))
        elif role == "user":
            require_known(fields, {"content"})
            self._end_turn("user", _translate_content(fields.get("content"), _translate_part))
        elif role == "assistant":
            self._end_turn("assistant", _translate_answer(fields))
        else:
            raise JsonProblem(
                f"its role is {quote(role)}", "write one of system, developer, user, assistant, tool"
            )
        self._role = role

    def _add_system(self, fields: Fields) -> None:
        if self._role not in ("", *SYSTEM):
            raise JsonProblem(
                "a system message stands among the others", "move it to the start, or make it a user message"
            )
        require_known(fields, {"content"})
        self._system.append(_translate_content(fields.get("content"), _translate_text))

    def _end_turn(self, role: str, content: Raw) -> None:
        self._end_results()
        self._turns.append(_turn(role, content))

    def _end_results(self) -> None:
        if self._results:
            self._turns.append(_turn("user", Raw(_list(self._results))))
            self._results = []

    def conclude(self) -> Fields:
        """Return the whole."""
        self._end_results()
        if not self._turns:
            raise JsonProblem("there is no message from the user", 'add {"role": "user", "content": "…"}')
        if self._role == "assistant":
            raise JsonProblem(
                "the last message is the assistant's, which Claude would go on with, not answer",
                "end with a message from the user",
            )
        found = {"messages": Raw(_list(self._turns))}
        return {"system": self._join_system()} | found if self._system else found

    def _join_system(self) -> Raw:
        if len(self._system) == 1:
            return self._system[0]
        blocks = (_text(one) if bytes(one)[:1] == b'"' else bytes(one)[1:-1] for one in self._system)
        return Raw(_list([block for block in blocks if block]))


def _list(items: list[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"


def _turn(role: str, content: Raw) -> bytes:
    return b'{"role":"' + role.encode() + b'","content":' + bytes(content) + b"}"


def _text(text: Raw) -> bytes:
    return b'{"type":"text","text":' + bytes(text) + b"}"


def _translate_content(content: Raw | None, part: Part) -> Raw:
    """Return a text as it is, or a list of parts as a list of blocks."""
    value = bytes(content or b"")
    if value[:1] == b'"':
        return Raw(value)
    if value[:1] != b"[":
        raise JsonProblem("its content is neither a text nor a list of parts", 'write "content": "…"')
    parts = (value[start:end].strip() for start, end in find_elements(value))
    return Raw(_list([part(take_fields(one, "a part of its content")) for one in parts]))


def _translate_text(part: Fields) -> bytes:
    if bytes(part.get("type", b"")) != b'"text"':
        raise JsonProblem("only text can stand here", 'write {"type": "text", "text": "…"}')
    require_known(part, {"type", "text"})
    return _text(require_text(part.get("text"), "the text of a part"))


def _translate_part(part: Fields) -> bytes:
    kind = bytes(part.get("type", b""))
    if kind == b'"image_url"':
        return _translate_picture(part)
    if kind in (b'"file"', b'"input_audio"'):
        fix = FROM_A_FILE if kind == b'"file"' else "write down what is said"
        raise JsonProblem(f"a part of type {kind.decode()} cannot be passed on", fix)
    return _translate_text(part)


def _translate_picture(part: Fields) -> bytes:
    require_known(part, {"type", "image_url"})
    fields = take_fields(bytes(part.get("image_url", b"")), "the image_url of a picture")
    require_known(fields, {"url", "detail"})
    if bytes(fields.get("detail", b"")) == b'"low"':
        raise JsonProblem(
            'the picture is asked for in detail "low", which Claude\'s API does not have',
            'remove "detail", and make the picture smaller if it is to cost less',
        )
    url = require_text(fields.get("url"), "the url of a picture")
    text = decode(bytes(url), str)
    if text[:8].lower() == "https://":
        return b'{"type":"image","source":{"type":"url","url":' + bytes(url) + b"}}"
    found = PICTURE.match(text)
    if not found:
        raise JsonProblem(
            f"the picture {quote(text[:40])} cannot be passed on",
            "give it as https://… or as data:image/png;base64,… (PNG, JPEG, GIF or WebP)",
        )
    kind = found[1].lower().replace("jpg", "jpeg")
    source = {"type": "base64", "media_type": f"image/{kind}", "data": text[found.end() :]}
    return msgspec.json.encode({"type": "image", "source": source})


def _translate_result(fields: Fields) -> bytes:
    require_known(fields, {"tool_call_id", "content", "name"})
    call = require_text(fields.get("tool_call_id"), "its tool_call_id")
    content = _translate_content(fields.get("content"), _translate_text)
    return join_fields({"type": b'"tool_result"', "tool_use_id": call, "content": content})


def _translate_answer(fields: Fields) -> Raw:
    """Return the content of the assistant's turn: its text, then its calls of tools."""
    if bytes(fields.get("annotations", b"")) == b"[]":  # as it comes in an answer that is passed on
        del fields["annotations"]
    require_known(fields, {"content", "tool_calls"})
    calls = bytes(fields.get("tool_calls", b"[]"))
    if calls[:1] != b"[":
        raise JsonProblem(
            "tool_calls is not a list", 'write "tool_calls": [{"id": "…", "type": "function", …}]'
        )
    blocks = [_translate_call(calls[start:end].strip()) for start, end in find_elements(calls)]
    if not blocks:
        return _translate_content(fields.get("content"), _translate_text)
    content = _translate_content(fields.get("content", Raw(b'""')), _translate_text)
    if bytes(content) in (b'""', b"[]"):
        return Raw(_list(blocks))
    text = _text(content) if bytes(content)[:1] == b'"' else bytes(content)[1:-1]
    return Raw(_list([text, *blocks]))


def _translate_call(call: bytes) -> bytes:
    fields = take_fields(call, "a call")
    if bytes(fields.get("type", b"")) != b'"function"':
        raise JsonProblem("only functions can have been called", WITH_PARAMS)
    require_known(fields, {"id", "type", "function"})
    function = take_fields(bytes(fields.get("function", b"")), "the function of a call")
    require_known(function, {"name", "arguments"})
    arguments = _take_arguments(function)
    return join_fields(
        {
            "type": b'"tool_use"',
            "id": require_text(fields.get("id"), "the id of a call"),
            "name": require_text(function.get("name"), "the name of a function"),
            "input": arguments,
        }
    )


def _take_arguments(function: Fields) -> bytes:
    """Return the object that is written in a text, as it is written there."""
    text = require_text(function.get("arguments"), "the text of a call's arguments")
    arguments = decode(bytes(text), str).strip().encode() or b"{}"
    if arguments[:1] != b"{":
        raise JsonProblem(
            "the arguments of a call are not an object", r'write them as in "{\"city\": \"Rome\"}"'
        )
    decode_fields(arguments)
    return arguments
