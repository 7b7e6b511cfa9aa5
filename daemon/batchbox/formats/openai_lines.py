"""OpenAI lines: requests of OpenAI's batch files (`custom_id`, `method`, `url`, `body`), as Messages params.

Turned is what can be said to the Messages API with the same meaning; values pass as the bytes that came.
Everything else is refused with the reason: a request that was answered as another one is worse than none.
The fields: https://platform.openai.com/docs/api-reference/chat/create
"""

import re
from collections.abc import Mapping

import msgspec

from batchbox.formats.openai_messages import (
    WITH_PARAMS,
    require_known,
    require_text,
    take_fields,
    translate_messages,
)
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

ENVELOPE = {"custom_id", "method", "url", "body"}
CHAT = (b'"/v1/chat/completions"', b'"/chat/completions"')  # the second is how Azure has it
TURNED = {"model", "messages", "max_tokens", "max_completion_tokens", "stop", "response_format"}
TURNED |= {"user", "safety_identifier", "tools", "tool_choice", "parallel_tool_calls"}
LEFT_OUT = {"store", "metadata", "service_tier", "prompt_cache_key", "prompt_cache_retention"}
NEUTRAL_NUMBERS = {"n": 1, "temperature": 1, "top_p": 1, "top_logprobs": 0}
NEUTRAL_NUMBERS |= {"presence_penalty": 0, "frequency_penalty": 0}
NEUTRAL_WORDS = {"stream": b"false", "logprobs": b"false", "logit_bias": b"{}", "modalities": b'["text"]'}
NUMBER = re.compile(rb"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")

NO_SAMPLING = ("Claude's API does not take it any more, whatever its value", "remove it")
NO_PROBABILITIES = ("Claude's API tells no probabilities", "remove it")
NO_BIAS = ("Claude's API has nothing like it", "remove it; say in the prompt what to avoid")
NO_AUDIO = ("the answer is always text", "remove it")
NO_EFFORT = ("it is measured in another way here", 'remove it; a queue can set "output_config" in its params')
AS_TOOLS = ("it is OpenAI's old way", 'write the functions as "tools", and "tool_choice"')
WHY_NOT = {
    "temperature": NO_SAMPLING,
    "top_p": NO_SAMPLING,
    "n": ("a request has one answer", "write the line as often as needed, each time with another custom_id"),
    "stream": ("a batch cannot stream", "remove it"),
    "stream_options": ("a batch cannot stream", "remove it"),
    "logprobs": NO_PROBABILITIES,
    "top_logprobs": NO_PROBABILITIES,
    "logit_bias": NO_BIAS,
    "presence_penalty": NO_BIAS,
    "frequency_penalty": NO_BIAS,
    "seed": ("Claude's API has nothing that makes an answer repeatable", "remove it"),
    "audio": NO_AUDIO,
    "modalities": NO_AUDIO,
    "functions": AS_TOOLS,
    "function_call": AS_TOOLS,
    "reasoning_effort": NO_EFFORT,
    "verbosity": NO_EFFORT,
    "prediction": ("Claude's API has nothing like it", "remove it"),
    "web_search_options": (
        "searching the web is a tool here",
        'remove it; a line with "params" can have that tool',
    ),
}
UNKNOWN = ("it is not known what it would mean here", WITH_PARAMS)
CHOICES = {b'"auto"': b'{"type":"auto"}', b'"required"': b'{"type":"any"}', b'"none"': b'{"type":"none"}'}
NO_PARALLEL = {"disable_parallel_tool_use": Raw(b"true")}
NO_INPUT = Raw(b'{"type":"object","properties":{}}')
OTHER_URL = 'write "url": "/v1/chat/completions" with a body of that kind, or use a line with "params"'


def is_openai(fields: Fields) -> bool:
    """Say whether a line with these fields is one of OpenAI's batch files."""
    return "body" in fields and not fields.keys().isdisjoint({"url", "method"})


def translate(fields: Fields, models: Mapping[str, str]) -> Fields:
    """Return the line as bare Messages params with its id. Raise `JsonProblem` if it cannot be said in them.

    *models*: what stands for models that are not Claude's.
    """
    _check_envelope(fields)
    body = take_fields(bytes(fields["body"]), "the body")
    for name, value in body.items():
        if name not in TURNED | LEFT_OUT and not _is_neutral(name, bytes(value)):
            why, fix = WHY_NOT.get(name, UNKNOWN)
            raise JsonProblem(f"{quote(name)} of an OpenAI line cannot be used: {why}", fix)
    if "messages" not in body:
        raise JsonProblem("the body has no messages", 'write "messages": [{"role": "user", "content": "…"}]')
    params = {name: value for name, value in fields.items() if name == "custom_id"}
    params |= {"model": _translate_model(body["model"], models)} if "model" in body else {}
    params |= translate_messages(bytes(body["messages"]))
    return params | _limit(body) | _stop(body) | _name_user(body) | _shape(body) | _translate_tools(body)


def _check_envelope(fields: Fields) -> None:
    extra = sorted(fields.keys() - ENVELOPE)
    if extra:
        raise JsonProblem(
            f'{quote(extra[0])} cannot stand beside "body"', "move it into the body, or remove it"
        )
    if bytes(fields.get("method", b'"POST"')) != b'"POST"':
        raise JsonProblem("the method of an OpenAI line is not POST", 'write "method": "POST"')
    if "url" not in fields:
        raise JsonProblem("the OpenAI line has no url", OTHER_URL)
    if bytes(fields["url"]) not in CHAT:
        url = bytes(fields["url"]).replace(b"\\/", b"/")
        if url not in CHAT:
            name = quote(decode(url, str)) if url[:1] == b'"' else "that url"
            raise JsonProblem(f"only chat completions can be asked of Claude, not {name}", OTHER_URL)


def _is_neutral(name: str, value: bytes) -> bool:
    """Say whether the field says what holds without it."""
    if name in NEUTRAL_NUMBERS and NUMBER.fullmatch(value):
        return float(value) == NEUTRAL_NUMBERS[name]
    return name in NEUTRAL_WORDS and b"".join(value[:40].split()) == NEUTRAL_WORDS[name]


def _translate_model(value: Raw, models: Mapping[str, str]) -> Raw:
    name = decode(bytes(require_text(value, "the model")), str)
    if name in models:
        return Raw(msgspec.json.encode(models[name]))
    if name.startswith("claude"):
        return value
    raise JsonProblem(
        f"{quote(name)} is not a model of Claude's",
        "write a Claude model; or whoever runs batchbox says which one stands for it: "
        f'models = {{{quote(name)} = "claude-…"}} in [queue.NAME]',
    )


def _limit(body: Fields) -> Fields:
    limits = [body[name] for name in ("max_completion_tokens", "max_tokens") if name in body]
    if len({bytes(limit) for limit in limits}) > 1:
        raise JsonProblem("max_tokens and max_completion_tokens differ", "keep one of them")
    return {"max_tokens": limits[0]} if limits else {}


def _stop(body: Fields) -> Fields:
    stop = bytes(body.get("stop", b"[]"))
    stops = b"[" + stop + b"]" if stop[:1] == b'"' else stop
    if stops[:1] != b"[":
        raise JsonProblem("stop is neither a text nor a list of texts", 'write "stop": ["…"]')
    texts = [stops[start:end].strip() for start, end in find_elements(stops)]
    if any(text[:1] != b'"' or not decode(text, str).strip() for text in texts):
        raise JsonProblem(
            "a stop sequence has to be a text with more than blanks in it",
            "remove the others; Claude's API refuses them",
        )
    return {"stop_sequences": Raw(stops)} if texts else {}


def _name_user(body: Fields) -> Fields:
    user = body.get("safety_identifier", body.get("user"))
    if user is None:
        return {}
    return {"metadata": Raw(join_fields({"user_id": require_text(user, "the user")}))}


def _shape(body: Fields) -> Fields:
    """Return what is asked of the form of the answer."""
    wanted = bytes(body.get("response_format", b'{"type":"text"}'))
    fields = take_fields(wanted, "response_format")
    kind = bytes(fields.get("type", b""))
    if kind == b'"text"':
        return {}
    if kind != b'"json_schema"':
        raise JsonProblem(
            "this response_format cannot be used: Claude's API follows a schema, or answers in text",
            'give a schema: {"type": "json_schema", "json_schema": {"name": …, "schema": {…}}}',
        )
    schema = take_fields(bytes(fields.get("json_schema", b"")), "the json_schema of a response_format")
    if "description" in schema:
        raise JsonProblem(
            "the description of a response_format cannot be passed on", "say it in the prompt instead"
        )
    require_known(schema, {"name", "schema", "strict"})
    if "schema" not in schema:
        raise JsonProblem("the response_format has no schema", 'write it as "schema": {"type": "object", …}')
    shape = join_fields({"type": kind, "schema": schema["schema"]})
    return {"output_config": Raw(join_fields({"format": shape}))}


def _translate_tools(body: Fields) -> Fields:
    tools = bytes(body.get("tools", b"[]"))
    if tools[:1] != b"[":
        raise JsonProblem("tools is not a list", 'write "tools": [{"type": "function", "function": {…}}]')
    turned = [_translate_tool(tools[start:end].strip()) for start, end in find_elements(tools)]
    choice = _translate_choice(bytes(body.get("tool_choice", b'"auto"')))
    if not turned:
        if bytes(choice["type"]) not in (b'"auto"', b'"none"'):
            raise JsonProblem("tool_choice asks for a tool, and there are none", "remove it, or give tools")
        return {}
    if bytes(body.get("parallel_tool_calls", b"")) == b"false" and bytes(choice["type"]) != b'"none"':
        choice |= NO_PARALLEL
    elif "tool_choice" not in body:
        choice = {}
    found = {"tools": Raw(b"[" + b",".join(turned) + b"]")}
    return found | ({"tool_choice": Raw(join_fields(choice))} if choice else {})


def _translate_tool(tool: bytes) -> bytes:
    function = _take_function(tool, "tool")
    require_known(function, {"name", "description", "parameters", "strict"})
    schema = function.get("parameters", NO_INPUT)
    fields = decode_fields(bytes(schema)) if bytes(schema)[:1] == b"{" else {}
    if bytes(fields.get("type", b"")) != b'"object"':
        name = quote(decode(bytes(function["name"]), str))
        raise JsonProblem(
            f"the parameters of tool {name} are not those of an object",
            'write "parameters": {"type": "object", "properties": {…}}',
        )
    kept = {name: function[name] for name in ("name", "description") if name in function}
    strict = {"strict": Raw(b"true")} if bytes(function.get("strict", b"")) == b"true" else {}
    return join_fields(kept | {"input_schema": schema} | strict)


def _translate_choice(choice: bytes) -> Fields:
    if choice in CHOICES:
        return decode_fields(CHOICES[choice])
    function = _take_function(choice, "tool_choice")
    require_known(function, {"name"})
    return {"type": Raw(b'"tool"'), "name": function["name"]}


def _take_function(holder: bytes, what: str) -> Fields:
    fields = take_fields(holder, f"a {what}")
    if bytes(fields.get("type", b"")) != b'"function"':
        raise JsonProblem(f"only a function can be a {what}", WITH_PARAMS)
    require_known(fields, {"type", "function"})
    function = take_fields(bytes(fields.get("function", b"")), f"the function of a {what}")
    require_text(function.get("name"), f"the name of the function of a {what}")
    return function
