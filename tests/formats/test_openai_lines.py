"""Lines of OpenAI's batch files: what becomes of them, and that nothing is turned into something else."""

import json
from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from pydantic import TypeAdapter

from tests.formats.openai import CALL, MODELS, TOOL, TURN, URL, line
from tests.support.values import read


def turned(**body: Any) -> dict[str, Any]:
    """Return the params that a body becomes, which the SDK's types accept."""
    found = read(line(**body), defaults=MODELS)
    assert found.custom_id == "q-1"
    params: dict[str, Any] = json.loads(bytes(found.params))
    TypeAdapter(MessageCreateParamsNonStreaming).validate_python(params)
    return params


def test_the_line_of_openais_own_guide() -> None:
    """The example of its documentation, for a model that the queue has a counterpart for."""
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Hello world!"},
    ]
    assert turned(model="gpt-4o", messages=messages, max_tokens=1000) == {
        "model": "claude-sonnet-5-5",
        "system": "You are a helpful assistant.",
        "messages": [{"role": "user", "content": "Hello world!"}],
        "max_tokens": 1000,
    }


def test_what_is_left_out_comes_from_the_queue() -> None:
    """As in any short form: the model and max_tokens that hold for lines that name none."""
    text = json.dumps({"method": "POST", "url": URL, "body": {"messages": [TURN]}})
    found = read(text, number=3)
    assert found.custom_id == "line-000003"
    assert json.loads(bytes(found.params)) == {"model": "m-default", "max_tokens": 64, "messages": [TURN]}


def test_values_keep_their_spelling() -> None:
    """Numbers and texts pass as the bytes that came, and so do schemas and the arguments of a call."""
    schema = '{ "type":"object", "minimum":1.0e3 }'
    body = (
        '{"model":"claude-x","max_tokens":1e3,"messages":[{"role":"user","content":"\\u0048i \u2028"},'
        '{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f",'
        '"arguments":"{ \\"x\\": 1.50 }"}}]},{"role":"tool","tool_call_id":"c","content":"\\u0041"}],'
        f'"tools":[{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}]}}'
    )
    found = bytes(read(f'{{"url":"{URL}","body":{body}}}').params).decode()
    for spelling in ('"\\u0048i \u2028"', '"max_tokens":1e3', '{ "x": 1.50 }', schema, '"content":"\\u0041"'):
        assert spelling in found


@pytest.mark.parametrize(
    "neutral",
    [
        {"n": 1},
        {"temperature": 1, "top_p": 1.0},
        {"presence_penalty": 0, "frequency_penalty": 0.0},
        {"logit_bias": {}, "logprobs": False, "top_logprobs": 0},
        {"stream": False, "modalities": ["text"], "response_format": {"type": "text"}},
        {"store": True, "metadata": {"a": "b"}, "service_tier": "flex", "prompt_cache_key": "k"},
        {"seed": None, "stop": None, "tools": None, "user": None, "functions": None, "new": None},
        {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "stop": []},
    ],
    ids="-".join,
)
def test_what_changes_nothing_is_left_out(neutral: dict[str, Any]) -> None:
    """Defaults that are spelled out, and what concerns only how OpenAI keeps and bills a request."""
    assert turned(**neutral) == turned()


@pytest.mark.parametrize(
    ("body", "params"),
    [
        ({"max_completion_tokens": 5}, {"max_tokens": 5}),
        ({"max_completion_tokens": 5, "max_tokens": 5}, {"max_tokens": 5}),
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["A", "B"]}, {"stop_sequences": ["A", "B"]}),
        ({"user": "u"}, {"metadata": {"user_id": "u"}}),
        ({"user": "u", "safety_identifier": "s"}, {"metadata": {"user_id": "s"}}),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "strict": True, "schema": {"type": "object"}},
                }
            },
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        ),
    ],
)
def test_what_has_another_name_is_renamed(body: dict[str, Any], params: dict[str, Any]) -> None:
    """The same, as the Messages API says it."""
    assert turned(**body) == turned() | params


@pytest.mark.parametrize(
    ("body", "choice"),
    [
        ({}, None),
        ({"parallel_tool_calls": True}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, {"type": "tool", "name": "f"}),
    ],
)
def test_tools_and_which_of_them(body: dict[str, Any], choice: dict[str, Any] | None) -> None:
    """Functions become tools; which must be used, and whether several at once, is kept."""
    named = {"name": "g", "description": "D", "strict": True, "parameters": {"type": "object", "x": 1}}
    found = turned(tools=[TOOL, {"type": "function", "function": named}], **body)
    assert found["tools"] == [
        {"name": "f", "input_schema": {"type": "object", "properties": {}}},
        {"name": "g", "description": "D", "input_schema": {"type": "object", "x": 1}, "strict": True},
    ]
    assert found.get("tool_choice") == choice


def test_a_function_without_parameters_takes_none() -> None:
    """OpenAI's way to say so is to leave them out."""
    found = turned(tools=[{"type": "function", "function": {"name": "f"}}])
    assert found["tools"][0]["input_schema"] == {"type": "object", "properties": {}}


def test_a_talk_with_tools() -> None:
    """Calls become blocks of the assistant's turn, results blocks of one turn of the user's."""
    other = CALL | {"id": "c2", "function": {"name": "f", "arguments": ""}}
    found = turned(
        messages=[
            {"role": "developer", "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]},
            {"role": "system", "content": "C"},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Let me see", "tool_calls": [CALL, other], "refusal": None},
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
            {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "two"}], "name": "f"},
            {"role": "assistant", "content": "Done", "annotations": []},
            {"role": "user", "content": [{"type": "text", "text": "Thanks"}]},
        ],
        tools=[TOOL],
    )
    assert found["system"] == [{"type": "text", "text": text} for text in "ABC"]
    assert found["messages"] == [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Let me see"},
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1.5}},
                {"type": "tool_use", "id": "c2", "name": "f", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "one"},
                {"type": "tool_result", "tool_use_id": "c2", "content": [{"type": "text", "text": "two"}]},
            ],
        },
        {"role": "assistant", "content": "Done"},
        {"role": "user", "content": [{"type": "text", "text": "Thanks"}]},
    ]


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("data:image/png;base64,iVBO/w==", {"type": "base64", "media_type": "image/png", "data": "iVBO/w=="}),
        ("data:image/JPG;base64,/9j/", {"type": "base64", "media_type": "image/jpeg", "data": "/9j/"}),
        ("https://example.com/a.jpg", {"type": "url", "url": "https://example.com/a.jpg"}),
    ],
)
def test_a_picture_is_an_image_block(url: str, source: dict[str, str]) -> None:
    """Inline or by its address, beside the text that asks about it."""
    part = {"type": "image_url", "image_url": {"url": url, "detail": "auto"}}
    found = turned(messages=[{"role": "user", "content": [{"type": "text", "text": "What?"}, part]}])
    assert found["messages"][0]["content"] == [
        {"type": "text", "text": "What?"},
        {"type": "image", "source": source},
    ]


@pytest.mark.parametrize("url", ["/chat/completions", "\\/v1\\/chat\\/completions"])
def test_the_url_may_be_azures_or_escaped(url: str) -> None:
    """Azure leaves the version out; some languages put a backslash before each slash."""
    assert read(line().replace(URL, url)).params == read(line()).params


def test_a_line_of_an_errors_file_holds_the_original() -> None:
    """Corrected and dropped back in, it is read as the line that it was."""
    inner = json.loads(line(max_tokens=5))
    whole = {"line": 4, "custom_id": "q-1", "reason": {"outcome": "errored"}, "request": inner}
    assert read(json.dumps(whole), defaults=MODELS).params == read(line(max_tokens=5), defaults=MODELS).params
