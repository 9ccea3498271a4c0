"""What a client does beside the detector: no command makes a speech event or interrupts an answer.

The protocol and the hearing of a session are real; what the session says may reach the client late.
"""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.web.protocol.conversation import Conversation, conversation

TRANSCRIBED = {"transcription": {"model": "tiny.en"}}
DETECTED = {"input": TRANSCRIBED}
MANUAL = {"input": {**TRANSCRIBED, "turn_detection": None}}
COMMIT = "input_audio_buffer.commit"


async def say(talk: Conversation) -> None:
    """Send a turn of speech with the silence that ends it, and deliver what comes of it."""
    await talk.speak(1.0, loud=True)
    await talk.speak(0.6, loud=False)
    await talk.deliver_all()


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


async def test_a_commit_just_after_a_detected_turn_is_empty_and_interrupts_nothing() -> None:
    async with conversation(audio=DETECTED) as talk:
        await say(talk)
        await talk.answer(last=False)
        await talk.send(COMMIT, event_id="released")
        events = await talk.deliver_all()
        assert types(events) == ["error"]
        assert events[0]["error"]["code"] == "input_audio_buffer_commit_empty"
        assert events[0]["error"]["event_id"] == "released"
        await talk.answer(last=True)
        (done,) = talk.all("response.done")
    assert done["response"]["status"] == "completed"
    assert len(talk.all("input_audio_buffer.speech_started")) == 1


async def test_a_turn_that_nobody_answers_is_a_response_without_output() -> None:
    async with conversation(audio=DETECTED) as talk:
        await say(talk)
        await talk.answer(last=True)
        (done,) = talk.all("response.done")
        assert (done["response"]["status"], done["response"]["output"]) == ("completed", [])
        assert talk.all("response.output_item.added") == []
        await talk.send("response.create")
        assert [question.overheard for question in talk.questions] == [True, False]
        await talk.answer(last=True)
        assert [item["type"] for item in talk.all("response.done")[1]["response"]["output"]] == [
            "message"
        ]


async def test_a_commit_of_silence_after_a_detected_turn_is_an_item_without_speech_events() -> None:
    async with conversation(audio=DETECTED) as talk:
        await say(talk)
        await talk.answer(last=False)
        await talk.speak(1.0, loud=False)
        await talk.send(COMMIT)
        assert types(await talk.deliver_all()) == [
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "conversation.item.input_audio_transcription.completed",
        ]
        await talk.answer(last=True)
    assert talk.all("response.done")[0]["response"]["status"] == "completed"
    assert len(talk.all("response.created")) == 1


async def test_a_commit_during_speech_ends_the_turn_and_creates_no_response() -> None:
    async with conversation(audio=DETECTED) as talk:
        await talk.speak(1.0, loud=True)
        await talk.send(COMMIT)
        await talk.deliver_all()
        assert not talk.all("input_audio_buffer.speech_stopped")
        assert not talk.all("response.created")
        (committed,) = talk.all("input_audio_buffer.committed")
        (started,) = talk.all("input_audio_buffer.speech_started")
        assert committed["item_id"] == started["item_id"]
        assert types(await talk.send("response.create")) == ["response.created"]
        assert talk.questions[-1].text.startswith("w0 w1")


async def test_a_response_right_after_a_commit_is_about_the_committed_audio() -> None:
    """The commands of a client apply in their order, however late the session processes audio."""
    async with conversation(audio=DETECTED) as talk:
        item = {"type": "message", "role": "user"}
        earlier = [{"type": "input_text", "text": "something older"}]
        await talk.send("conversation.item.create", item={**item, "content": earlier})
        await talk.speak(1.0, loud=True)
        await talk.send(COMMIT)
        assert talk.outputs
        await talk.send("response.create")
        await talk.deliver_all()
    assert [question.text.split()[0] for question in talk.questions] == ["w0"]


async def test_a_turn_ends_when_its_audio_stops() -> None:
    async with conversation(audio=DETECTED) as talk:
        await talk.speak(1.0, loud=True)
        await talk.pause()
        assert types(await talk.deliver_all())[-7:] == [
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "conversation.item.input_audio_transcription.delta",
            "conversation.item.input_audio_transcription.completed",
        ]
        assert talk.questions[-1].text.startswith("w0 w1")
        await talk.pause()
        assert not await talk.deliver_all()


async def test_a_turn_of_a_client_that_commits_itself_goes_on_while_its_audio_stops() -> None:
    async with conversation(audio=MANUAL) as talk:
        await talk.speak(0.6, loud=True)
        await talk.pause()
        await talk.speak(0.6, loud=True)
        await talk.send(COMMIT)
        await talk.deliver_all()
    assert len(talk.all("input_audio_buffer.committed")) == 1
    (done,) = talk.all("conversation.item.input_audio_transcription.completed")
    assert len(done["transcript"].split()) == 6


COMMANDS = [
    "speak",
    "speak",
    "speak",
    "hush",
    "hush",
    "pause",
    "commit",
    "commit",
    "clear",
    "create",
    "cancel",
    "truncate",
    "type",
    "answer",
    "answer",
    "finish",
    "manual",
    "detect",
    "deliver",
    "deliver",
]
STEPS = st.tuples(st.sampled_from(COMMANDS), st.integers(1, 7))


async def step(talk: Conversation, command: str, amount: int) -> None:
    """Do what `command` says, in tenths of a second or to `amount` outputs."""
    match command:
        case "speak" | "hush":
            await talk.speak(amount / 10, loud=command == "speak")
        case "pause":
            await talk.pause()
        case "deliver":
            await talk.deliver(amount)
        case "answer" | "finish":
            await talk.answer(last=command == "finish")
        case _:
            type, fields = message(talk, command, amount)
            await talk.send(type, event_id=f"client_{len(talk.events)}", **fields)


def message(talk: Conversation, command: str, amount: int) -> tuple[str, dict[str, Any]]:
    """Return the client event of `command` and its fields."""
    match command:
        case "truncate":
            added = talk.all("response.output_item.added")
            item = added[-1]["item"]["id"] if added else "none"
            fields = {"item_id": item, "content_index": 0, "audio_end_ms": 0}
            return "conversation.item.truncate", fields
        case "type":
            content = [{"type": "input_text", "text": "typed"}]
            message = {"type": "message", "role": "user", "content": content}
            return "conversation.item.create", {"item": message}
        case "manual" | "detect":
            detection = {"type": "server_vad", "interrupt_response": amount > 2}
            turns = {"turn_detection": detection if command == "detect" else None}
            audio = {"input": {**TRANSCRIBED, **turns}}
            return "session.update", {"session": {"type": "realtime", "audio": audio}}
        case "commit" | "clear":
            return f"input_audio_buffer.{command}", {}
        case _:
            return f"response.{command}", {}


async def finish(talk: Conversation) -> None:
    """Let everything come to its end: audio, transcripts and answers."""
    await talk.speak(1.0, loud=False)
    await talk.deliver_all()
    await talk.send("input_audio_buffer.clear")
    await talk.deliver_all()
    while talk.protocol.state.response is not None:
        await talk.answer(last=True)


def check_speech_events(talk: Conversation) -> None:
    """Each turn starts once, where there is speech, and ends once."""
    open_turn = None
    for event in talk.events:
        match event["type"]:
            case "input_audio_buffer.speech_started":
                assert open_turn is None
                open_turn = event["item_id"]
                start = event["audio_start_ms"] / 1000
                assert any(a < start + 0.4 and start < b for a, b in talk.loud), event
            case "input_audio_buffer.speech_stopped":
                assert event["item_id"] == open_turn
            case "input_audio_buffer.committed":
                assert open_turn in (None, event["item_id"])
                open_turn = None
            case "input_audio_buffer.cleared":
                open_turn = None
            case _:
                pass
    assert open_turn is None


def check_commits(talk: Conversation, commits: int) -> None:
    """A commit gives an item or an error, and every item a transcript."""
    committed = [event["item_id"] for event in talk.all("input_audio_buffer.committed")]
    transcripts = talk.all("conversation.item.input_audio_transcription.completed")
    assert sorted(committed) == sorted(event["item_id"] for event in transcripts)
    assert len(set(committed)) == len(committed)
    stopped = {event["item_id"] for event in talk.all("input_audio_buffer.speech_stopped")}
    refused = [e for e in talk.all("error") if e["error"]["code"].endswith("commit_empty")]
    assert all(error["error"]["event_id"].startswith("client_") for error in refused)
    by_client = [id for id in committed if id not in stopped]
    # switching detection on or off ends a turn, too
    assert commits <= len(by_client) + len(refused) <= commits + len(talk.all("session.updated"))


def check_responses(talk: Conversation) -> None:
    """A response ends once; only speech, in the same step, ends one for the user's turn."""
    created = [event["response"]["id"] for event in talk.all("response.created")]
    assert [event["response"]["id"] for event in talk.all("response.done")] == created
    recent = ["nothing was said"]
    for event in talk.events:
        details = event.get("response", {}).get("status_details")
        if details and details.get("reason") == "turn_detected":
            assert all(type.startswith(("response.", "conversation.item.done")) for type in recent)
        recent = (
            [] if event["type"] == "input_audio_buffer.speech_started" else [*recent, event["type"]]
        )


def check_truncated(talk: Conversation) -> None:
    """A truncated answer has no transcript, also if it was still coming."""
    for event in talk.all("conversation.item.truncated"):
        (part,) = talk.protocol.state.items.by_id[event["item_id"]]["content"]
        assert part == {"type": "output_audio", "transcript": None}


@pytest.mark.slow
@given(st.lists(STEPS, max_size=40))
@settings(max_examples=150)
def test_in_every_phase_of_a_turn_commands_do_only_what_they_say(
    steps: list[tuple[str, int]],
) -> None:
    async def talk_and_check() -> None:
        async with conversation(audio=DETECTED) as talk:
            for command, amount in steps:
                await step(talk, command, amount)
            await finish(talk)
        check_speech_events(talk)
        check_commits(talk, [command for command, _ in steps].count("commit"))
        check_responses(talk)
        check_truncated(talk)

    asyncio.run(talk_and_check())
