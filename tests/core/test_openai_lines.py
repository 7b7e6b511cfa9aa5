"""Lines of OpenAI's batch files: what becomes of them, and that nothing is turned into something else."""

import json
from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from pydantic import TypeAdapter

from batchbox.core.lines import Defaults, read_line
from batchbox.core.manifest import Mistake
from tests.core.values import DEFAULTS, read

MODELS = Defaults(DEFAULTS.params, {"gpt-4o": "claude-sonnet-5-5"})
TURN = {"role": "user", "content": "Hi"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1.50}'}}
URL = "/v1/chat/completions"


def line(url: str = URL, **body: Any) -> str:
    whole = {"model": "claude-opus-5-5", "messages": [TURN]} | body
    return json.dumps({"custom_id": "q-1", "method": "POST", "url": url, "body": whole})


def turned(**body: Any) -> dict[str, Any]:
    """Return the params that a body becomes, which the SDK's types accept."""
    found = read(line(**body), defaults=MODELS)
    assert found.custom_id == "q-1"
    params: dict[str, Any] = json.loads(bytes(found.params))
    TypeAdapter(MessageCreateParamsNonStreaming).validate_python(params)
    return params


def complaint(text: str) -> Mistake:
    found = read_line(1, text.encode(), MODELS)
    assert isinstance(found, Mistake), found
    assert found.fix
    return found


def refused(**body: Any) -> str:
    return complaint(line(**body)).problem


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


@pytest.mark.parametrize(
    "body",
    [
        {"n": 2},
        {"temperature": 0},
        {"temperature": 1.5},
        {"top_p": 0.9},
        {"seed": 7},
        {"stream": True},
        {"stream_options": {}},
        {"logprobs": True},
        {"top_logprobs": 3},
        {"logit_bias": {"50256": -100}},
        {"presence_penalty": 0.1},
        {"frequency_penalty": -1},
        {"audio": {}},
        {"modalities": ["text", "audio"]},
        {"functions": []},
        {"function_call": "auto"},
        {"reasoning_effort": "low"},
        {"verbosity": "low"},
        {"prediction": {}},
        {"web_search_options": {}},
        {"something_new": 1},
    ],
    ids="-".join,
)
def test_what_cannot_be_kept_is_refused_by_its_name(body: dict[str, Any]) -> None:
    """Each with the reason; nothing that could change the answer is silently left out."""
    assert refused(**body).startswith(f'"{next(iter(body))}" of an OpenAI line cannot be used: ')


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"model": "gpt-9"}, '"gpt-9" is not a model of Claude\'s'),
        ({"model": 7}, "the model is missing or not a text"),
        ({"messages": {}}, "messages is not a list"),
        ({"messages": []}, "there is no message from the user"),
        ({"messages": [{"role": "system", "content": "S"}]}, "there is no message from the user"),
        ({"messages": None}, "the body has no messages"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens and max_completion_tokens differ"),
        ({"stop": ["\n"]}, "a stop sequence has to be a text"),
        ({"stop": [7]}, "a stop sequence has to be a text"),
        ({"stop": 7}, "stop is neither a text nor a list of texts"),
        ({"user": 7}, "the user is missing or not a text"),
        ({"response_format": {"type": "json_object"}}, "this response_format cannot be used"),
        ({"response_format": "json"}, "response_format is missing or not an object"),
        ({"response_format": {"type": "json_schema"}}, "the json_schema of a response_format is missing"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
            "the response_format has no schema",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"description": "d", "schema": {}}}},
            "the description of a response_format cannot be passed on",
        ),
        ({"tools": {}}, "tools is not a list"),
        ({"tools": [7]}, "a tool is missing or not an object"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "only a function can be a tool"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "array"}}}]},
            'the parameters of tool "f" are not those of an object',
        ),
        ({"tools": [TOOL], "tool_choice": "any"}, "a tool_choice is missing or not an object"),
        ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}}, "only a function can be a tool_choice"),
        ({"tool_choice": "required"}, "tool_choice asks for a tool, and there are none"),
    ],
)
def test_what_is_wrong_is_told(body: dict[str, Any], problem: str) -> None:
    """In words of the line, not of a library."""
    assert refused(**body).startswith(problem)


def picture(url: object, **more: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url} | more}]}


def called(**function: object) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [CALL | {"function": {"name": "f"} | function}]}


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("Hi", "it is missing or not an object"),
        ({"content": "Hi"}, "its role is missing or not a text"),
        ({"role": "function", "name": "f", "content": "x"}, 'its role is "function"'),
        ({"role": "system", "content": "S"}, "a system message stands among the others"),
        ({"role": "user", "content": "Hi", "name": "Ann"}, '"name" has no counterpart'),
        ({"role": "user"}, "its content is neither a text nor a list of parts"),
        ({"role": "user", "content": [7]}, "a part of its content is missing or not an object"),
        ({"role": "user", "content": [{"type": "text"}]}, "the text of a part is missing"),
        (
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]},
            'a part of type "input_audio" cannot be passed on',
        ),
        (
            {"role": "user", "content": [{"type": "file", "file": {"file_id": "x"}}]},
            'a part of type "file" cannot be passed on',
        ),
        (picture("http://example.com/a.png"), 'the picture "http://example.com/a.png" cannot be passed on'),
        (picture("data:image/tiff;base64,AA"), 'the picture "data:image/tiff;base64,AA" cannot'),
        (picture("https://example.com/a.png", detail="low"), "the picture is asked for in detail"),
        (picture(7), "the url of a picture is missing or not a text"),
        ({"role": "assistant", "content": None}, "its content is neither a text nor a list of parts"),
        ({"role": "assistant", "content": None, "refusal": "No"}, '"refusal" has no counterpart'),
        (called(arguments="[]"), "the arguments of a call are not an object"),
        (called(arguments="{"), "the line ends in the middle of its JSON"),
        (called(arguments={}), "the text of a call's arguments is missing"),
        ({"role": "tool", "content": "x"}, "its tool_call_id is missing or not a text"),
    ],
)
def test_what_is_wrong_with_a_message_is_told_with_its_number(message: object, problem: str) -> None:
    """Counted from one, as people do."""
    assert refused(messages=[TURN, message, TURN]).startswith(f"message 2: {problem}")


def test_the_last_word_is_the_users() -> None:
    """Claude would go on with the assistant's message, which OpenAI's models do not."""
    assert refused(messages=[TURN, {"role": "assistant", "content": "Sure"}]).startswith(
        "the last message is"
    )


@pytest.mark.parametrize("url", ["/v1/embeddings", "/v1/completions", "/v1/responses", "/v1/moderations"])
def test_other_services_are_refused(url: str) -> None:
    """Only conversations have a counterpart."""
    assert complaint(line(url)).problem == f'only chat completions can be asked of Claude, not "{url}"'


@pytest.mark.parametrize("url", ["/chat/completions", "\\/v1\\/chat\\/completions"])
def test_the_url_may_be_azures_or_escaped(url: str) -> None:
    """Azure leaves the version out; some languages put a backslash before each slash."""
    read(line().replace(URL, url))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"method":"POST","body":{}}', "the OpenAI line has no url"),
        (
            '{"method":"GET","url":"/v1/chat/completions","body":{}}',
            "the method of an OpenAI line is not POST",
        ),
        ('{"url":"/v1/chat/completions","body":[]}', "the body is missing or not an object"),
        ('{"url":7,"body":{}}', "only chat completions can be asked of Claude, not that url"),
        ('{"url":"/v1/chat/completions","body":{},"params":{}}', '"params" cannot stand beside "body"'),
    ],
)
def test_a_line_that_is_not_quite_one_is_told_what_is_wrong(text: str, problem: str) -> None:
    """What names it as OpenAI's is a body beside a url or a method."""
    assert complaint(text).problem == problem


def test_a_line_of_an_errors_file_holds_the_original() -> None:
    """Corrected and dropped back in, it is read as the line that it was."""
    inner = json.loads(line(max_tokens=5))
    whole = {"line": 4, "custom_id": "q-1", "reason": {"outcome": "errored"}, "request": inner}
    assert read(json.dumps(whole), defaults=MODELS).params == read(line(max_tokens=5), defaults=MODELS).params
