import base64
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from media.clock import ReplayClock
from media.dialogue import (
    AnswerNotice,
    CalledFunction,
    Dialogue,
    DialogueTurn,
    FunctionCall,
    FunctionTool,
)
from media.events.answers import Answer, Cancel, Evidence, Question, Speech
from media.events.generation import DrawRequest
from media.events.session import Input, Output
from media.pipeline.limits import Limits
from media.pipeline.models.services import OutsideModel
from media.pipeline.outside.answerer import MAX_ROUNDS
from media.pipeline.outside.endpoint import EvidenceLimits
from media.pipeline.session import run_session
from tests.media.pipeline.outside.scripted_endpoint import (
    STREAM_HEAD,
    Reply,
    ScriptedEndpoint,
    calls,
    fails,
    outside,
    says,
    scripted_endpoint,
    sends,
    waits,
)
from tests.media.pipeline.scripted import picture, replayed, scripted_services
from tests.media.pipeline.scripted_assistant import MARK

SECOND = 90_000
QUESTION = Question("q", "what have you seen?", 2.5)
SEEN: list[Input] = [picture(n * SECOND, brightness=20 * n) for n in range(3)]
NOBODY = "http://127.0.0.1:9/v1"  # the discard service, which nobody runs


async def run(
    model: OutsideModel, *questions: Question, before: Sequence[Input] = SEEN
) -> list[Output]:
    """Return the outputs of a session that sees three pictures, and is asked `questions`."""
    out: list[Output] = []

    async def send(output: Output) -> None:
        out.append(output)

    with scripted_services(outside=model) as services:
        await run_session(
            replayed([*before, *(questions or (QUESTION,))]),
            send,
            services=services,
            clock=ReplayClock(),
            limits=Limits.replay(),
        )
    return out


def text(out: list[Output], id: str = "q") -> str:
    return "".join(o.text for o in out if isinstance(o, Answer) and o.id == id)


def last(out: list[Output], id: str = "q") -> Answer:
    return [o for o in out if isinstance(o, Answer) and o.id == id][-1]


def notices(out: list[Output]) -> list[str]:
    return [o.message for o in out if isinstance(o, AnswerNotice)]


def evidence(out: list[Output]) -> list[list[float]]:
    return [[m.time for m in o.moments] for o in out if isinstance(o, Evidence)]


def shown(endpoint: ScriptedEndpoint) -> list[Any]:
    """Return the parts of the last question: texts, and sizes of pictures."""
    content = endpoint.messages[-1]["content"]
    if isinstance(content, str):
        return [content]
    parts: list[Any] = []
    for part in content:
        if part["type"] == "text":
            parts.append(part["text"])
        else:
            data = part["image_url"]["url"].removeprefix("data:image/jpeg;base64,")
            parts.append(Image.open(io.BytesIO(base64.b64decode(data))).size)
    return parts


async def test_the_model_gets_notes_and_pictures_with_their_times_and_its_answer_is_streamed() -> (
    None
):
    config = EvidenceLimits(moments=3, pictures=3, looks=1, side=64)
    async with scripted_endpoint(says("A ", "cup", ".", tokens=70)) as endpoint:
        model = outside(endpoint.url, evidence=config, key="secret", max_tokens=99)
        out = await run(model)
    pieces = [o.text for o in out if isinstance(o, Answer)]
    assert pieces == ["A ", "cup", ".", ""]
    assert last(out).status == "completed"
    assert evidence(out) == [[0, 1, 2], [0, 1, 2]]
    assert [o.read for o in out if isinstance(o, Evidence)] == [0, 70]
    notes = "Notes of what was seen:\n0:00 brightness 0\n0:01 brightness 20\n0:02 brightness 40"
    times = ["Picture at 0:00:", (64, 36), "Picture at 0:01:", (64, 36), "Picture at 0:02:"]
    assert shown(endpoint) == [notes, *times, (64, 36), "It is 0:02. what have you seen?"]
    (request,) = endpoint.requests
    assert (request["model"], request["max_tokens"], request["stream"]) == ("big", 99, True)
    assert endpoint.headers[0]["authorization"] == "Bearer secret"
    assert not notices(out)


FAULTS: dict[str, tuple[Reply, str]] = {
    "wrong key": (fails(401, b'{"error": {"message": "no such key"}}'), "EYELINE_ANSWERS_KEY"),
    "unknown model": (fails(404, b'{"error": "no big here"}'), "EYELINE_ANSWERS_MODEL"),
    "too busy": (fails(429, b"", ["Retry-After: 60"]), "big is busy (HTTP 429)"),
    "broken": (fails(500, b"<html>oops</html>"), "refuses the question (HTTP 500: <html>oops"),
    "a page": (sends(b"HTTP/1.0 200 OK\r\n\r\n<html>"), "not a chat completion"),
    "bad JSON": (sends(STREAM_HEAD + b"data: {oops\n\n"), "not a chat completion"),
    "odd JSON": (sends(STREAM_HEAD + b'data: {"choices": 3}\n\n'), "not a chat completion"),
    "an error": (sends(STREAM_HEAD + b'data: {"error": {"message": "full"}}\n\n'), "full"),
    "silence": (waits(), "did not begin to answer in time"),
    "a head only": (waits(STREAM_HEAD), "wrote nothing for"),
    "no HTTP": (sends(b"hello\r\n\r\n"), "the connection to big broke"),
    "nothing": (sends(b""), "the connection to big broke"),
    "dies at once": (says(end=b""), "stopped in the middle"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_user_is_told_of_a_fault_and_the_packaged_model_answers(fault: str) -> None:
    reply, reason = FAULTS[fault]
    async with scripted_endpoint(reply) as endpoint:
        waiting = fault in ("silence", "a head only")
        out = await run(outside(endpoint.url, first_wait=0.1 if waiting else 60.0))
    (notice,) = notices(out)
    assert reason in notice
    assert notice.endswith("the packaged model answers instead")
    assert text(out).startswith(f"{MARK} You asked: what have you seen?")
    assert last(out).status == "completed"


async def test_an_answer_has_the_language_of_its_question_and_then_of_who_takes_over() -> None:
    asked = replace(QUESTION, text="Was siehst du?")
    async with scripted_endpoint(says("Eine Tasse.")) as endpoint:
        out = await run(outside(endpoint.url), asked)
    assert {o.language for o in out if isinstance(o, Answer)} == {"de"}
    out = await run(outside(NOBODY), asked)  # the scripted model answers in English
    assert {o.language for o in out if isinstance(o, Answer)} == {"en"}


async def test_a_server_that_does_not_run_is_told_and_without_fallback_the_answer_fails() -> None:
    spoken = replace(QUESTION, spoken=True)
    out = await run(outside(NOBODY, fallback=False), spoken)
    answer = last(out)
    assert (answer.status, text(out)) == ("failed", "")
    assert answer.reason.startswith("big cannot be reached: is its server running?")
    assert [o.status for o in out if isinstance(o, Speech)] == ["failed"]


@pytest.mark.parametrize("pause", [False, True])
async def test_what_was_written_stays_if_the_server_dies_or_stops_in_the_middle(
    pause: bool,
) -> None:
    begun = STREAM_HEAD + b'data: {"choices": [{"delta": {"content": "It is"}}]}\n\n'
    async with scripted_endpoint(waits(begun) if pause else says("It is", end=b"")) as endpoint:
        out = await run(outside(endpoint.url, next_wait=0.1))
    assert text(out).startswith(f"It is... {MARK}")
    assert last(out).status == "completed"
    (notice,) = notices(out)
    assert "wrote nothing for" in notice if pause else "in the middle of its answer" in notice


async def test_a_busy_server_is_asked_once_more_when_it_wants_that() -> None:
    busy = fails(503, b"loading", ["Retry-After: 0"])
    async with scripted_endpoint(busy, says("yes"), busy, busy) as endpoint:
        out = await run(outside(endpoint.url), QUESTION, replace(QUESTION, id="r"))
    assert text(out) == "yes"
    assert text(out, "r").startswith(MARK)
    told = "big is busy (HTTP 503: loading)"
    again = f"{told}; it is asked again in 0 s"
    assert notices(out) == [again, again, f"{told}; the packaged model answers instead"]


async def test_a_model_without_eyes_gets_no_more_pictures_and_the_user_is_told_once() -> None:
    blind = fails(400, b'{"error": {"message": "no image input"}}')
    replies = [blind, says("notes"), says("again")]
    async with scripted_endpoint(*replies) as endpoint:
        out = await run(outside(endpoint.url), QUESTION, replace(QUESTION, id="r"))
    assert [text(out), text(out, "r")] == ["notes", "again"]
    kinds = [type(request["messages"][-1]["content"]) for request in endpoint.requests]
    assert kinds == [list, str, str]
    (notice,) = notices(out)
    assert notice.startswith("big takes no pictures and answers from notes")
    assert "no image input" in notice


@pytest.mark.parametrize(("setting", "kinds"), [("yes", [list]), ("no", [str])])
async def test_a_setting_says_whether_the_model_takes_pictures(
    setting: Any, kinds: list[type]
) -> None:
    async with scripted_endpoint(fails(400), says("notes")) as endpoint:
        config = EvidenceLimits(takes_pictures=setting)
        out = await run(outside(endpoint.url, evidence=config, fallback=False))
    assert last(out).status == "failed"
    assert [type(request["messages"][-1]["content"]) for request in endpoint.requests] == kinds


async def test_a_cancelled_answer_closes_its_request() -> None:
    out: list[Output] = []

    async def send(output: Output) -> None:
        out.append(output)

    async def inputs(endpoint: ScriptedEndpoint) -> AsyncIterator[Input]:
        yield QUESTION
        await endpoint.asked.wait()
        yield Cancel("q")
        yield Cancel("q")  # an app and a voice may both interrupt
        await endpoint.closed.wait()

    async with scripted_endpoint(waits(STREAM_HEAD)) as endpoint:
        with scripted_services(outside=outside(endpoint.url)) as services:
            clock = ReplayClock()
            await run_session(inputs(endpoint), send, services=services, clock=clock)
    assert [(o.text, o.status) for o in out if isinstance(o, Answer)] == [("", "cancelled")]
    assert not notices(out)


async def test_a_question_about_files_is_asked_with_these_only() -> None:
    file = io.BytesIO()
    Image.new("RGB", (800, 400)).save(file, "PNG")
    async with scripted_endpoint(says("black")) as endpoint:
        question = replace(QUESTION, pictures=(file.getvalue(),))
        out = await run(outside(endpoint.url), question)
    assert shown(endpoint) == [(512, 256), "what have you seen?"]
    assert evidence(out) == [[]]


async def test_a_server_that_does_not_stream_is_taken_too() -> None:
    body = b'{"choices": [{"message": {"content": "A cup."}, "finish_reason": "stop"}]}'
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    async with scripted_endpoint(sends(head.encode() + b"\r\n\r\n" + body)) as endpoint:
        out = await run(outside(endpoint.url))
    assert text(out) == "A cup."


async def test_a_stream_may_end_without_its_mark_after_the_reason_why_it_ends() -> None:
    end = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
    async with scripted_endpoint(says("A cup.", end=end)) as endpoint:
        out = await run(outside(endpoint.url))
    assert (text(out), last(out).status, notices(out)) == ("A cup.", "completed", [])


async def test_calls_of_the_clients_functions_come_whole_after_the_text() -> None:
    tool = FunctionTool("wave", "Waves.", '{"type": "object"}')
    dialogue = Dialogue(tools=(tool,), tool_choice="wave", parallel=False)
    replies = calls(("c1", "wave", '{"to": "me"}'), ("c2", "wave", "{}"), text="Sure.")
    async with scripted_endpoint(replies) as endpoint:
        out = await run(outside(endpoint.url), replace(QUESTION, dialogue=dialogue))
    assert text(out) == "Sure."
    assert [o for o in out if isinstance(o, CalledFunction)] == [
        CalledFunction("q", FunctionCall("c1", "wave", '{"to": "me"}')),
        CalledFunction("q", FunctionCall("c2", "wave", "{}")),
    ]
    (request,) = endpoint.requests
    function = {"name": "wave", "description": "Waves.", "parameters": {"type": "object"}}
    assert request["tools"] == [{"type": "function", "function": function}]
    assert request["tool_choice"] == {"type": "function", "function": {"name": "wave"}}
    assert request["parallel_tool_calls"] is False


async def test_the_conversation_comes_before_the_question_and_calls_after_it() -> None:
    call = FunctionCall("c1", "sum", "{}")
    dialogue = Dialogue(
        instructions="Be brief.",
        before=(
            DialogueTurn("assistant", "Hello."),
            DialogueTurn("system", "It is cold."),
            DialogueTurn("user", "Hi."),
        ),
        since=(DialogueTurn("assistant", "", (call,)), DialogueTurn("tool", "42", call_id="c1")),
    )
    async with scripted_endpoint(says("42")) as endpoint:
        await run(outside(endpoint.url), replace(QUESTION, dialogue=dialogue), before=())
    system, *talk = endpoint.messages
    assert system["content"].endswith("\n\nBe brief.\n\nIt is cold.")
    function = {"name": "sum", "arguments": "{}"}
    assert talk == [
        {"role": "user", "content": "(silence)"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Hi.\nNothing was seen yet.\nIt is 0:02. what have you seen?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ]


async def test_a_call_goes_with_its_output_to_where_that_came() -> None:
    first, second = FunctionCall("c1", "sum", "{}"), FunctionCall("c2", "sum", "{}")
    dialogue = Dialogue(
        before=(
            DialogueTurn("tool", "whose?", call_id="c0"),
            DialogueTurn("user", "Sum."),
            DialogueTurn("assistant", "Well.", (first, second)),
        ),
        since=(
            DialogueTurn("tool", "42", call_id="c1"),
            DialogueTurn("assistant", "", (FunctionCall("c3", "sum", "{}"),)),
        ),
    )
    async with scripted_endpoint(says("42")) as endpoint:
        await run(outside(endpoint.url), replace(QUESTION, dialogue=dialogue), before=())
    roles = [message["role"] for message in endpoint.messages]
    assert roles == ["system", "user", "assistant", "user", "assistant", "tool"]
    assert [call["id"] for call in endpoint.messages[4]["tool_calls"]] == ["c1"]
    assert endpoint.messages[5]["tool_call_id"] == "c1"


async def test_an_output_that_comes_after_another_answer_is_the_last_that_the_model_reads() -> None:
    call = FunctionCall("c1", "sleep", "{}")
    dialogue = Dialogue(
        before=(DialogueTurn("user", "Sleep."), DialogueTurn("assistant", "A moment.", (call,))),
        since=(DialogueTurn("assistant", "Hm?"), DialogueTurn("tool", "slept", call_id="c1")),
    )
    async with scripted_endpoint(says("Slept.")) as endpoint:
        await run(outside(endpoint.url), replace(QUESTION, dialogue=dialogue), before=())
    _, *talk, calling_turn, output = endpoint.messages
    assert [message["content"].splitlines()[-1] for message in talk] == [
        "Sleep.",
        "A moment.",
        f"It is 0:02. {QUESTION.text}",
    ]
    assert (calling_turn["content"], output["content"]) == ("Hm?", "slept")


async def test_a_second_response_to_a_question_does_not_go_on_with_the_first() -> None:
    dialogue = Dialogue(since=(DialogueTurn("assistant", "A cup."),))
    async with scripted_endpoint(says("As I said.")) as endpoint:
        await run(outside(endpoint.url), replace(QUESTION, dialogue=dialogue), before=())
    assert [message["role"] for message in endpoint.messages[1:]] == ["user", "assistant", "user"]


async def test_the_model_searches_the_memory_itself_and_what_it_finds_is_evidence() -> None:
    search = calls(
        ("c1", "search_memory", '{"query": "cup", "from": "0:00", "to": "0:00.5"}'),
        ("c2", "look_now", ""),
        ("c3", "search_memory", '{"query": "cup", "from": "soon"}'),
        text="Let me see.",
    )
    config = EvidenceLimits(moments=1, pictures=1, looks=1, side=64)
    async with scripted_endpoint(search, says("At 0:00.")) as endpoint:
        tools = ("search_memory", "look_now")
        out = await run(outside(endpoint.url, evidence=config, tools=tools))
    assert text(out) == "Let me see. At 0:00."
    assert evidence(out) == [[2], [0, 2]]
    first, second = endpoint.requests
    assert [each["function"]["name"] for each in first["tools"]] == ["search_memory", "look_now"]
    calling, *results, pictures = second["messages"][2:]
    assert calling["content"] == "Let me see."
    assert [call["id"] for call in calling["tool_calls"]] == ["c1", "c2", "c3"]
    assert [(each["role"], each["tool_call_id"], each["content"]) for each in results] == [
        ("tool", "c1", "0:00 brightness 0\nPictures of 0:00 follow."),
        ("tool", "c2", "0:02 brightness 40\nPictures of 0:02 follow."),
        ("tool", "c3", "wrong arguments: from: expected minutes:seconds, got 'soon'"),
    ]
    assert pictures["role"] == "user"
    assert [part["type"] for part in pictures["content"]] == ["text", "image_url"] * 2


async def test_the_model_draws_and_its_calls_come_to_an_end() -> None:
    draw = calls(("c1", "draw", '{"prompt": "a red cup"}'))
    async with scripted_endpoint(draw) as endpoint:
        out = await run(outside(endpoint.url, tools=("draw",)))
    assert [o for o in out if isinstance(o, DrawRequest)] == [DrawRequest("a red cup")] * MAX_ROUNDS
    offered = [len(request.get("tools", ())) for request in endpoint.requests]
    assert offered == [1] * MAX_ROUNDS + [0]
    assert (last(out).status, notices(out)) == ("completed", [])


async def test_functions_of_the_client_go_before_those_of_the_service() -> None:
    mine = FunctionTool("look_now", "Mine.")
    made = calls(("c1", "look_now", "{}"), ("c2", "recent_frames", "{}"))
    async with scripted_endpoint(made) as endpoint:
        question = replace(QUESTION, dialogue=Dialogue(tools=(mine,)))
        tools = ("look_now", "recent_frames")
        out = await run(outside(endpoint.url, tools=tools), question)
    (request,) = endpoint.requests
    assert [tool["function"]["description"][:5] for tool in request["tools"]] == ["Mine.", "Shows"]
    called = [o.call.name for o in out if isinstance(o, CalledFunction)]
    assert called == ["look_now"]


SCOPES = {
    # question: scope, times of the notes and of the pictures
    "what am I holding?": ("now", [2], [1, 2]),
    "what did I hold first?": ("past", [0, 1, 2], [0, 2]),
    "where is my cup?": ("both", [0, 1, 2], [0, 1, 2]),
    "thank you very much!": ("none", [], []),
}


@pytest.mark.parametrize("asked", SCOPES)
@pytest.mark.parametrize("scoped", [True, False])
async def test_a_question_comes_with_the_part_of_the_stream_that_it_is_about(
    asked: str, scoped: bool
) -> None:
    config = EvidenceLimits(moments=3, pictures=3, looks=2, side=64, scoped=scoped)
    if asked.startswith("what did"):
        config = replace(config, pictures=2)
    async with scripted_endpoint(says("Yes.", tokens=70)) as endpoint:
        out = await run(outside(endpoint.url, evidence=config), Question("q", asked, 2.5))
    scope, notes, times = SCOPES[asked]
    if not scoped:
        scope, notes, times = "both", [0, 1, 2], [1, 2] if config.pictures == 2 else [0, 1, 2]
    texts = [part for part in shown(endpoint) if isinstance(part, str)]
    assert [text for text in texts if text.startswith("Picture at")] == [
        f"Picture at 0:0{second}:" for second in times
    ]
    told = "\n".join(["Notes of what was seen:", *(f"0:0{n} brightness {20 * n}" for n in notes)])
    assert (told in texts) is bool(notes)
    assert not any("Nothing was seen" in text for text in texts)
    assert evidence(out) == [notes, notes]
    assert {o.scope for o in out if isinstance(o, Evidence)} == {scope}


async def test_a_follow_up_gets_the_scope_that_the_conversation_gives_it() -> None:
    said = Dialogue(
        before=(DialogueTurn("user", "Did you see a cup?"), DialogueTurn("assistant", "Yes."))
    )
    asked = Question("q", "and what colour was it?", 2.5, dialogue=said)
    async with scripted_endpoint(says("Red.")) as endpoint:
        out = await run(outside(endpoint.url), asked)
    assert {o.scope for o in out if isinstance(o, Evidence)} == {"past"}
