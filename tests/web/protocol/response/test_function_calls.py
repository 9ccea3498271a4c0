"""Instructions, tools and calls: what goes to the model, and the events of its calls."""

from dataclasses import replace
from typing import Any

import pytest

from media.dialogue import CalledFunction, DialogueTurn, FunctionCall, FunctionTool
from media.events.answers import Answer, Speech
from media.events.generation import DrawRequest, GenerationConfig, PromptChange
from tests.web.protocol.test_generation import GENERATION
from tests.web.protocol.test_protocol import CAPABILITIES, Talk
from web.protocol.session_config import Capabilities

CALLING = replace(CAPABILITIES, tools=True)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"type": "function", "name": "weather", "description": "Tells.", "parameters": SCHEMA}
CALL = FunctionCall("call_1", "weather", '{"city": "Rome"}')


def calling(**session: Any) -> Talk:
    talk = Talk(capabilities=CALLING)
    talk.update(output_modalities=["text"], tools=[WEATHER], **session)
    return talk


def test_instructions_and_tools_go_with_a_question_and_a_response_may_have_its_own() -> None:
    talk = calling(instructions="Be brief.", tool_choice="required", parallel_tool_calls=False)
    session = talk.last("session.updated")["session"]
    assert (session["tools"], session["tool_choice"]) == ([WEATHER], "required")
    dialogue = talk.ask("Rain?").dialogue
    assert dialogue.instructions == "Be brief."
    (tool,) = dialogue.tools
    assert (tool.name, tool.description, tool.parameters) == (
        "weather",
        "Tells.",
        '{"type": "object", "properties": {"city": {"type": "string"}}}',
    )
    assert (dialogue.tool_choice, dialogue.parallel) == ("required", False)
    talk.send("response.cancel")
    named = {"type": "function", "name": "wave"}
    other = {"instructions": "Sing.", "tools": [named], "tool_choice": named}
    dialogue = talk.ask("Rain?", **other, parallel_tool_calls=True).dialogue
    assert dialogue.instructions == "Sing."
    assert [tool.name for tool in dialogue.tools] == ["wave"]
    assert (dialogue.tool_choice, dialogue.parallel) == ("wave", True)


def test_calls_follow_the_message_and_their_outputs_go_with_the_next_response() -> None:
    talk = calling()
    talk.ask("Hello")
    talk.emit(Answer(talk.question.id, "Hi.", 0, "completed"))
    asked = talk.ask("Rain in Rome?")
    second = replace(CALL, id="call_2")
    calls = [CalledFunction(asked.id, CALL), CalledFunction(asked.id, second)]
    types = talk.emit(
        Answer(asked.id, "Let me see.", 0), *calls, Answer(asked.id, "", 0, "completed")
    )
    call_types = [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "conversation.item.done",
    ]
    assert types[-14:] == ["conversation.item.done", *call_types, *call_types, "response.done"]
    output = talk.last("response.done")["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "function_call"]
    indexes = [event["output_index"] for event in talk.all("response.output_item.done")]
    assert indexes == [0, 0, 1, 2]
    done = talk.last("response.function_call_arguments.done")
    assert (done["call_id"], done["name"]) == ("call_2", "weather")
    assert done["arguments"] == talk.last("response.function_call_arguments.delta")["delta"]
    for id in ("call_1", "call_2"):
        item = {"type": "function_call_output", "call_id": id, "output": "no"}
        talk.send("conversation.item.create", item=item)
    talk.send("response.create")
    assert talk.question.text == "Rain in Rome?"
    assert talk.question.dialogue.before == (
        DialogueTurn("user", "Hello"),
        DialogueTurn("assistant", "Hi."),
    )
    assert talk.question.dialogue.since == (
        DialogueTurn("assistant", "Let me see.", (CALL, second)),
        DialogueTurn("tool", "no", call_id="call_1"),
        DialogueTurn("tool", "no", call_id="call_2"),
    )


def test_a_response_to_its_own_input_is_about_that_alone() -> None:
    talk = calling(max_output_tokens=50)
    talk.ask("Hello")
    talk.send("response.cancel")
    messages = [
        {"type": "message", "role": role, "content": [{"type": type, "text": text}]}
        for role, type, text in (
            ("user", "input_text", "One?"),
            ("assistant", "output_text", "Two."),
            ("user", "input_text", "Three?"),
        )
    ]
    talk.send("response.create", response={"input": messages, "max_output_tokens": 7})
    assert talk.question.text == "Three?"
    before = (DialogueTurn("user", "One?"), DialogueTurn("assistant", "Two."))
    assert (talk.question.dialogue.before, talk.question.dialogue.since) == (before, ())
    assert talk.question.dialogue.max_tokens == 7
    assert talk.last("response.created")["response"]["max_output_tokens"] == 7
    talk.send("response.cancel")
    assert talk.ask("And now?").dialogue.max_tokens == 50


@pytest.mark.parametrize("spoken", [False, True])
def test_an_answer_of_calls_only_has_no_message(spoken: bool) -> None:
    talk = calling()
    talk.update(output_modalities=["audio" if spoken else "text"])
    asked = talk.ask("Rain?")
    talk.emit(CalledFunction(asked.id, CALL), Answer(asked.id, "", 0, "completed"))
    if spoken:
        talk.emit(Speech(asked.id, None, "completed"))
    response = talk.last("response.done")["response"]
    assert response["status"] == "completed"
    (item,) = response["output"]
    assert (item["call_id"], item["arguments"]) == (CALL.id, CALL.arguments)
    assert [event["output_index"] for event in talk.all("response.output_item.added")] == [0]
    assert not talk.all("response.content_part.added")


def test_calls_of_a_cancelled_answer_are_not_sent() -> None:
    talk = calling()
    asked = talk.ask("Rain?")
    talk.emit(CalledFunction(asked.id, CALL))
    talk.send("response.cancel")
    talk.emit(CalledFunction(asked.id, CALL), Answer(asked.id, "", 0, "cancelled"))
    assert talk.last("response.done")["response"]["output"] == []
    assert not talk.all("response.function_call_arguments.done")


@pytest.mark.parametrize("spoken", [False, True])
def test_an_answer_that_fails_says_why(spoken: bool) -> None:
    talk = calling()
    talk.update(output_modalities=["audio" if spoken else "text"])
    asked = talk.ask("Rain?")
    talk.emit(Answer(asked.id, "", 0, "failed", reason="big is busy"))
    if spoken:
        talk.emit(Speech(asked.id, None, "failed"))
    (done,) = talk.all("response.done")
    assert done["response"]["status"] == "failed"
    assert done["response"]["status_details"]["error"]["message"] == "big is busy"
    talk.ask("And now?")


def test_only_so_many_turns_go_with_a_question() -> None:
    talk = Talk(capabilities=replace(CALLING, history=2))
    items: list[dict[str, Any]] = [
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "no"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "It is dry."}],
        },
    ]
    for item in items:
        talk.send("conversation.item.create", item=item)
    assert talk.ask("Sure?").dialogue.before == (
        DialogueTurn("tool", "no", call_id="call_1"),
        DialogueTurn("assistant", "It is dry."),
    )


@pytest.mark.parametrize("field", ["tools", "tool_choice"])
def test_a_model_that_calls_no_functions_says_so(field: str) -> None:
    talk = Talk()
    asked = {"tools": [WEATHER]} if field == "tools" else {"tool_choice": "required"}
    assert talk.send("session.update", session={"type": "realtime", **asked}) == ["error"]
    assert (talk.error["code"], talk.error["param"]) == ("tools_not_supported", f"session.{field}")
    assert "EYELINE_ANSWERS_URL" in talk.error["message"]
    assert talk.send("response.create", response=asked) == ["error"]
    assert talk.error["param"] == f"response.{field}"
    session = talk.update(tools=[], tool_choice="auto")
    assert (session["tools"], session["tool_choice"]) == ([], "auto")


@pytest.mark.parametrize(
    ("session", "param"),
    [
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "session.tools[0]"),
        ({"tools": [{"type": "function"}]}, "session.tools[0].name"),
        ({"tools": [{"type": "function", "name": "f", "parameters": 1}]}, "session.tools[0].p"),
        ({"tool_choice": "maybe"}, "session.tool_choice"),
        ({"tool_choice": {"type": "mcp", "server_label": "x"}}, "session.tool_choice"),
    ],
)
def test_wrong_tools_are_refused_by_name(session: dict[str, Any], param: str) -> None:
    talk = Talk(capabilities=CALLING)
    assert talk.send("session.update", session={"type": "realtime", **session}) == ["error"]
    assert talk.error["param"].startswith(param)


def test_the_model_draws_as_if_the_client_had_asked() -> None:
    able = Capabilities(model="eyeline", recognizers=("tiny.en",), generation=GENERATION)
    talk = Talk(capabilities=able, eyeline_events=True)
    talk.emit(DrawRequest("a red car"))
    prompt, config = talk.inputs[-2:]
    assert isinstance(prompt, PromptChange)
    assert prompt.parts == (("a red car", 1.0),)
    assert isinstance(config, GenerationConfig)
    assert (config.enabled, config.pictures) == (True, True)
    for text, reason in ((" ", "text"), ("a cat", 'the model cannot draw "cat"')):
        talk.emit(DrawRequest(text))
        notice = talk.last("eyeline.notice")["message"]
        assert f"the model wanted to draw: {reason}" in notice


def test_a_function_without_parameters_takes_none() -> None:
    talk = Talk(capabilities=CALLING)
    talk.update(tools=[{"type": "function", "name": "wave"}])
    (tool,) = talk.ask("Wave").dialogue.tools
    assert tool == FunctionTool("wave", "", '{"type": "object", "properties": {}}')


def test_a_function_that_is_chosen_must_be_among_the_tools() -> None:
    talk = calling()
    other = {"type": "function", "name": "wave"}
    assert talk.send("session.update", session={"type": "realtime", "tool_choice": other}) == [
        "error"
    ]
    assert talk.error["param"] == "session.tool_choice"
    assert talk.send("response.create", response={"tool_choice": other}) == ["error"]
    assert talk.error["param"] == "response.tool_choice"
    assert "no function 'wave'" in talk.error["message"]


def test_a_chosen_function_that_goes_away_is_not_chosen_any_more() -> None:
    talk = calling(tool_choice={"type": "function", "name": "weather"})
    assert talk.ask("Rain?").dialogue.tool_choice == "weather"
    talk.send("response.cancel")
    talk.update(tools=[])
    assert talk.ask("Rain?").dialogue.tool_choice == "auto"


def test_an_output_needs_a_call() -> None:
    talk = calling()
    output = {"type": "function_call_output", "call_id": "call_1", "output": "no"}
    assert talk.send("conversation.item.create", item=output) == ["error"]
    assert (talk.error["code"], talk.error["param"]) == (
        "function_call_not_found",
        "item.call_id",
    )
    call = {"type": "function_call", "id": "call_1", "name": "weather", "arguments": "{}"}
    talk.send("conversation.item.create", item=call)
    for _ in range(2):  # twice is harmless: the last one counts
        types = talk.send("conversation.item.create", item=output)
        assert types == ["conversation.item.added", "conversation.item.done"]
    talk.send("conversation.item.delete", item_id="call_1")
    assert talk.send("conversation.item.create", item=output) == ["error"]


@pytest.mark.parametrize("place", ["session", "response"])
def test_tools_have_a_limit_together(place: str) -> None:
    talk = calling()
    tools = [{**WEATHER, "name": f"f{n}", "description": "x" * 9000} for n in range(128)]
    types = (
        talk.send("session.update", session={"type": "realtime", "tools": tools})
        if place == "session"
        else talk.send("response.create", response={"tools": tools})
    )
    assert types == ["error"]
    assert talk.error["param"] == f"{place}.tools"
    assert "characters of JSON" in talk.error["message"]
