"""Lines of OpenAI's batch files that mean nothing to Claude: each is refused with the reason."""

from typing import Any

import pytest

from tests.formats.openai import CALL, TOOL, TURN, complaint, line


def refused(**body: Any) -> str:
    return complaint(line(**body)).problem


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
