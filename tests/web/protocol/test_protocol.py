"""Scripted conversations: the events for the client, in order and valid for the SDK."""

import base64
import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.pcm import encode_pcm
from media.errors import UnreadableMediaError
from media.events.answers import Answer, Cancel, Question, Speech
from media.events.hearing import (
    Caption,
    CaptionWord,
    Clear,
    Cleared,
    Commit,
    CommitResult,
    ListeningConfig,
    TurnEnded,
    TurnStarted,
)
from media.events.session import Input, Output
from media.frames import AudioChunk
from media.images.decoding import decode_image
from media.images.look_cutting import read_look
from media.images.look_file import LookFile
from media.sizes import SizeLimits
from media.video import Pixels
from tests.web.openai_sdk import check
from web.protocol.client_events import received
from web.protocol.client_events.messages import ProtocolError
from web.protocol.protocol import RealtimeProtocol
from web.protocol.session_config import Capabilities
from web.protocol.state import ConversationState, Event

CAPABILITIES = Capabilities(model="eyeline", recognizers=("tiny.en", "base"), voices=("heart",))
PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGM4AQAAygDJmcpdfgAAAABJRU5ErkJggg=="
)
MANUAL = {"audio": {"input": {"turn_detection": None, "transcription": {"model": "tiny.en"}}}}
TRANSCRIBED = {"audio": {"input": {"transcription": {"model": "tiny.en"}}}}


def decode(image: received.EncodedImage, event_id: str | None) -> Pixels | LookFile:
    try:
        if image.plan is not None:
            return read_look(image.file, image.plan, 10**8)
        return np.asarray(decode_image(image.file, SizeLimits(), 10**8).image)
    except UnreadableMediaError as error:
        raise image.error(error, event_id) from error


def receive(protocol: RealtimeProtocol, text: str, *, now: float = 0.0) -> None:
    """Pass the message `text` on as a transport does."""
    try:
        message = received.receive(text)
        images = [decode(image, message.event.event_id) for image in message.images]
    except ProtocolError as error:
        protocol.refuse(error)
    else:
        protocol.receive_message(message, images, now=now)


class Talk:
    """A conversation under test; keeps its inputs and events, and checks every event."""

    def __init__(self, **options: Any) -> None:
        self.events: list[Event] = []
        self.inputs: list[Input] = []
        capabilities = options.pop("capabilities", CAPABILITIES)
        self.protocol = RealtimeProtocol("sess_test", capabilities, **options)
        self.take()

    @property
    def state(self) -> ConversationState:
        return self.protocol.state

    def take(self) -> list[str]:
        """Take what the protocol has to send; return the types of the events."""
        events = self.protocol.events_to_send()
        self.inputs += self.protocol.inputs_to_send()
        self.events += events
        self.new = [event["type"] for event in events]
        check(self.events)
        return self.new

    def send(self, type: str, **fields: Any) -> list[str]:
        return self.send_text(json.dumps({"type": type, **fields}))

    def send_text(self, text: str, *, now: float = 0.0) -> list[str]:
        receive(self.protocol, text, now=now)
        return self.take()

    def emit(self, *outputs: Output) -> list[str]:
        types = []
        for output in outputs:
            self.protocol.emit(output)
            types += self.take()
        return types

    def update(self, **session: Any) -> dict[str, Any]:
        self.send("session.update", session={"type": "realtime", **session})
        return self.last("session.updated")["session"]  # type: ignore[no-any-return]  # JSON

    def append(self, seconds: float, rate: int = 24_000) -> list[str]:
        samples = np.zeros(round(seconds * rate), np.float32)
        audio = base64.b64encode(encode_pcm(samples, "pcm16")).decode()
        return self.send("input_audio_buffer.append", audio=audio)

    def ask(self, text: str, **response: Any) -> Question:
        content = [{"type": "input_text", "text": text}]
        self.send(
            "conversation.item.create",
            item={"type": "message", "role": "user", "content": content},
        )
        self.send("response.create", response=response)
        return self.question

    @property
    def question(self) -> Question:
        return [each for each in self.inputs if isinstance(each, Question)][-1]

    def all(self, type: str) -> list[Event]:
        return [event for event in self.events if event["type"] == type]

    def last(self, type: str) -> Event:
        return self.all(type)[-1]

    @property
    def error(self) -> dict[str, Any]:
        return self.last("error")["error"]  # type: ignore[no-any-return]  # JSON


def caption(turn: int, *words: str, stable: int = 0, final: bool = False) -> Caption:
    placed = tuple(CaptionWord(f" {w}", 1.0 + n, 1.5 + n) for n, w in enumerate(words))
    count = len(words) if final else stable
    return Caption(turn, placed, count, 1.0, 3.0, 3.2, final)


def chunk(samples: int, start: int) -> AudioChunk:
    return AudioChunk(np.full(samples, 0.25, np.float32), start, 24_000)


TURN = (TurnStarted(1, 1.0), TurnEnded(1, 1.0, 3.0, True))


def test_a_session_starts_with_its_configuration() -> None:
    talk = Talk(model="gpt-realtime")
    assert talk.new == ["session.created", "conversation.created"]
    session = talk.events[0]["session"]
    assert session["model"] == "eyeline"
    assert session["audio"]["output"]["voice"] == "heart"
    assert session["id"] == "sess_test"
    assert isinstance(talk.inputs[0], ListeningConfig)


def test_a_transcription_session_has_no_conversation_and_gives_no_responses() -> None:
    talk = Talk(transcription=True)
    assert talk.new == ["session.created"]
    assert talk.events[0]["session"]["type"] == "transcription"
    assert talk.events[0]["session"]["audio"]["input"]["transcription"]["model"] == "tiny.en"
    assert talk.send("response.create") == ["error"]
    listening = talk.inputs[0]
    assert isinstance(listening, ListeningConfig)
    assert not listening.respond


def test_a_detected_turn_keeps_one_item_id_from_its_start_to_its_transcript() -> None:
    talk = Talk()
    talk.update(**TRANSCRIBED)
    types = talk.emit(
        TURN[0],
        caption(1, "hello", stable=0),
        caption(1, "hello", "there", stable=1),
        TURN[1],
        caption(1, "hello", "there", "you", final=True),
    )
    transcription = "conversation.item.input_audio_transcription"
    assert types == [
        "input_audio_buffer.speech_started",
        f"{transcription}.delta",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        f"{transcription}.delta",
        f"{transcription}.completed",
    ]
    ids = {event["item_id"] for event in talk.events if "item_id" in event}
    assert len(ids) == 1
    assert talk.last("input_audio_buffer.speech_started")["audio_start_ms"] == 1000
    assert talk.last("input_audio_buffer.speech_stopped")["audio_end_ms"] == 3000
    deltas = [event["delta"] for event in talk.all(f"{transcription}.delta")]
    done = talk.last(f"{transcription}.completed")
    assert "".join(deltas) == done["transcript"] == "hello there you"
    assert done["usage"] == {"type": "duration", "seconds": 2.0}


def test_a_final_pass_that_corrects_stable_words_wins_without_a_false_delta() -> None:
    talk = Talk()
    talk.update(**TRANSCRIBED)
    talk.emit(TURN[0], caption(1, "their", stable=1), TURN[1], caption(1, "there", final=True))
    transcription = "conversation.item.input_audio_transcription"
    assert [event["delta"] for event in talk.all(f"{transcription}.delta")] == ["their"]
    assert talk.last(f"{transcription}.completed")["transcript"] == "there"


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), max_size=8))
def test_the_deltas_of_growing_captions_always_join_to_the_transcript(
    passes: list[tuple[int, int]],
) -> None:
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    talk = Talk()
    talk.update(**TRANSCRIBED)
    talk.emit(TURN[0])
    stable = 0
    for more, tentative in passes:
        stable = max(stable, more)
        talk.emit(caption(1, *words[: stable + tentative], stable=stable))
    talk.emit(TURN[1], caption(1, *words, final=True))
    deltas = talk.all("conversation.item.input_audio_transcription.delta")
    assert "".join(event["delta"] for event in deltas) == " ".join(words)


def test_a_detected_turn_without_words_has_a_placeholder_and_is_answered() -> None:
    talk = Talk()
    talk.update(**TRANSCRIBED)
    talk.emit(*TURN, caption(1, final=True))
    done = talk.last("conversation.item.input_audio_transcription.completed")
    assert done["transcript"] == "[no speech]"
    question = talk.inputs[-1]
    assert isinstance(question, Question)
    assert question.text == "[no speech]"


def test_without_transcription_a_turn_is_answered_but_its_transcript_is_not_sent() -> None:
    talk = Talk()
    types = talk.emit(*TURN, caption(1, "hello", final=True))
    assert not any("transcription" in type for type in types)
    assert talk.question.text == "hello"


def committed(turn: int, start: float, end: float) -> tuple[Output, ...]:
    """Return what a session makes of audio that its client commits."""
    result = CommitResult(turn, round((end - start) * 16_000))
    return TurnStarted(turn, start, False), TurnEnded(turn, start, end, False), result


def test_a_commit_is_announced_without_speech_events_and_its_transcript_follows() -> None:
    talk = Talk()
    talk.update(**MANUAL)
    talk.append(0.5)
    assert talk.send("input_audio_buffer.commit") == []
    assert isinstance(talk.inputs[-1], Commit)
    assert [talk.protocol.ready] == [False]  # in a list, as mypy takes it to stay false
    assert talk.emit(*committed(1, 0.0, 0.5)) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert talk.protocol.ready
    item = talk.last("input_audio_buffer.committed")["item_id"]
    talk.emit(caption(1, "yes", final=True))
    done = talk.last("conversation.item.input_audio_transcription.completed")
    assert (done["item_id"], done["transcript"]) == (item, "yes")
    talk.send("conversation.item.retrieve", item_id=item)
    assert talk.last("conversation.item.retrieved")["item"]["content"] == [
        {"type": "input_audio", "transcript": "yes"}
    ]
    assert not talk.all("response.created")


def test_two_commits_in_a_row_keep_their_transcripts_apart() -> None:
    talk = Talk()
    talk.update(**MANUAL)
    for turn in (1, 2):
        talk.append(0.5)
        talk.send("input_audio_buffer.commit")
        talk.emit(*committed(turn, (turn - 1) * 0.5, turn * 0.5))
    items = [event["item_id"] for event in talk.all("input_audio_buffer.committed")]
    assert talk.last("input_audio_buffer.committed")["previous_item_id"] == items[0]
    for turn in (1, 2):
        talk.emit(caption(turn, f"word{turn}", final=True))
    done = talk.all("conversation.item.input_audio_transcription.completed")
    assert [(d["item_id"], d["transcript"]) for d in done] == [
        (items[0], "word1"),
        (items[1], "word2"),
    ]


def test_the_words_of_a_turn_before_its_commit_come_under_the_same_item() -> None:
    talk = Talk()
    talk.update(**MANUAL)
    talk.append(0.5)
    started, *ended = committed(1, 0.0, 1.0)
    talk.emit(started, caption(1, "yes", "indeed", stable=1))
    delta = talk.last("conversation.item.input_audio_transcription.delta")
    talk.append(0.5)
    talk.send("input_audio_buffer.commit")
    talk.emit(*ended)
    assert talk.last("input_audio_buffer.committed")["item_id"] == delta["item_id"]
    assert len(talk.all("conversation.item.added")) == 1


def test_an_empty_buffer_cannot_be_committed() -> None:
    talk = Talk()
    talk.send("input_audio_buffer.commit", event_id="mine")
    assert talk.emit(CommitResult(None, 0)) == ["error"]
    assert talk.error["code"] == "input_audio_buffer_commit_empty"
    assert talk.error["event_id"] == "mine"
    talk.append(0.05)
    talk.send("input_audio_buffer.commit")
    talk.emit(CommitResult(None, 800))
    assert "got 50 ms" in talk.error["message"]
    assert talk.protocol.ready


def test_cleared_audio_leaves_no_item() -> None:
    talk = Talk()
    talk.update(**MANUAL)
    talk.append(0.5)
    assert talk.emit(TurnStarted(1, 0.0, False), caption(1, "no", stable=0)) == []
    assert talk.send("input_audio_buffer.clear") == []
    assert isinstance(talk.inputs[-1], Clear)
    assert talk.emit(caption(1, "no", stable=1))
    assert talk.emit(Cleared()) == ["input_audio_buffer.cleared"]
    assert talk.emit(caption(1, "no", "but", stable=2)) == []
    talk.append(0.5)
    talk.emit(TurnStarted(2, 0.5, False), caption(2, "yes", stable=1))
    assert talk.last("conversation.item.input_audio_transcription.delta")["delta"] == "yes"
    assert not talk.all("conversation.item.added")


def test_a_text_response_has_its_events_in_order() -> None:
    talk = Talk()
    talk.update(output_modalities=["text"])
    question = talk.ask("Say hello!")
    assert (question.text, question.spoken) == ("Say hello!", False)
    types = talk.emit(Answer(question.id, "Hel", 0), Answer(question.id, "lo", 0))
    types += talk.emit(Answer(question.id, "", 0, "completed"))
    assert types == [
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    response = talk.last("response.done")["response"]
    assert response["status"] == "completed"
    assert response["output"][0]["content"] == [{"type": "output_text", "text": "Hello"}]
    user, answer = talk.all("conversation.item.added")
    assert answer["previous_item_id"] == user["item"]["id"]


@pytest.mark.parametrize(
    ("format", "size"), [("audio/pcm", 2 * 24_000), ("audio/pcmu", 8_000), ("audio/pcma", 8_000)]
)
def test_a_spoken_response_has_a_second_of_audio_in_the_configured_format(
    format: str, size: int
) -> None:
    talk = Talk()
    talk.update(audio={"output": {"format": {"type": format}}})
    question = talk.ask("Say hello!")
    assert question.spoken
    talk.emit(Answer(question.id, "Hello", 0), Speech(question.id, chunk(12_000, 0)))
    assert talk.emit(Answer(question.id, "", 0, "completed")) == []
    types = talk.emit(
        Speech(question.id, chunk(12_000, 12_000)), Speech(question.id, None, "completed")
    )
    assert types[-6:] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    audio = [base64.b64decode(e["delta"]) for e in talk.all("response.output_audio.delta")]
    assert len(b"".join(audio)) == size


def test_on_a_track_speech_is_announced_and_not_sent() -> None:
    talk = Talk(on_track=True)
    question = talk.ask("Say hello!")
    talk.emit(Answer(question.id, "Hello", 0), Speech(question.id, chunk(2400, 0)))
    assert talk.new == ["output_audio_buffer.started"]
    talk.emit(Answer(question.id, "", 0, "completed"), Speech(question.id, None, "completed"))
    assert not talk.all("response.output_audio.delta")
    talk.protocol.playback_finished(question.id)
    assert talk.take() == ["output_audio_buffer.stopped"]


def test_an_answer_behind_another_on_the_track_has_playback_events_of_its_own() -> None:
    talk = Talk(on_track=True)
    answers = []
    for text in ("one", "two", "three"):
        question = talk.ask(text)
        answers.append(question.id)
        pieces = Speech(question.id, chunk(2400, 0)), Speech(question.id, None, "completed")
        talk.emit(Answer(question.id, text, 0, "completed"), *pieces)
    created = [event["response"]["id"] for event in talk.all("response.created")]
    for id in ("silent answer", *answers[:2]):
        talk.protocol.playback_finished(id)
        talk.take()
    talk.send("output_audio_buffer.clear")
    playback = [
        (event["type"].rpartition(".")[2], event["response_id"])
        for event in talk.events
        if event["type"].startswith("output_audio_buffer.")
    ]
    assert playback == [
        ("started", created[0]),
        ("stopped", created[0]),
        ("started", created[1]),
        ("stopped", created[1]),
        ("started", created[2]),
        ("cleared", created[2]),
    ]


def test_a_detected_turn_has_its_response_before_its_transcript_and_a_client_may_cancel_it() -> (
    None
):
    talk = Talk()
    assert talk.emit(*TURN)[-1] == "response.created"
    assert talk.send("response.cancel") == ["response.done"]
    talk.emit(caption(1, "hello", final=True))
    assert not any(isinstance(each, Question | Cancel) for each in talk.inputs)


def test_the_next_turn_cancels_a_response_that_waits_for_its_transcript() -> None:
    talk = Talk()
    talk.emit(*TURN)
    types = talk.emit(TurnStarted(2, 3.2), caption(1, "what is", final=True))
    assert types == ["input_audio_buffer.speech_started", "response.done"]
    talk.emit(TurnEnded(2, 3.2, 4.0, True), caption(2, "what is it", final=True))
    assert talk.question.text == "what is it"


def test_speech_over_an_answer_cancels_it_and_clears_the_track() -> None:
    talk = Talk(on_track=True)
    question = talk.ask("Say hello!")
    talk.emit(Answer(question.id, "Hello", 0), Speech(question.id, chunk(2400, 0)))
    types = talk.emit(TURN[0])
    assert types[0] == "input_audio_buffer.speech_started"
    assert types[-2:] == ["response.done", "output_audio_buffer.cleared"]
    response = talk.last("response.done")["response"]
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["output"][0]["status"] == "incomplete"
    assert talk.emit(Answer(question.id, "late", 0), Speech(question.id, None, "cancelled")) == []


def test_a_client_can_turn_interruption_off() -> None:
    talk = Talk()
    detection = {"type": "server_vad", "interrupt_response": False}
    talk.update(audio={"input": {"turn_detection": detection}})
    question = talk.ask("Say hello!")
    assert talk.emit(TURN[0]) == ["input_audio_buffer.speech_started"]
    talk.emit(TURN[1], caption(1, "wait", final=True))  # no second response beside the first
    assert len(talk.all("response.created")) == 1
    talk.emit(Answer(question.id, "Hello", 0))
    assert talk.new[-1] == "response.output_audio_transcript.delta"


def test_the_time_of_a_question_goes_on_without_media() -> None:
    talk = Talk()
    for now, time in ((0.0, 0.0), (9.0, 9.0), (8.0, 9.0)):
        create = {"type": "response.create", "response": {"instructions": "What do you see?"}}
        talk.send_text(json.dumps(create), now=now)
        assert talk.question.time == time
        talk.send("response.cancel")
    talk.append(10.0)
    talk.ask("And now?")
    assert talk.question.time == pytest.approx(10.0, abs=0.01)  # a resampler holds the rest


def test_one_response_at_a_time_and_cancel_makes_room() -> None:
    talk = Talk()
    first = talk.ask("one")
    assert talk.send("response.create", event_id="second") == ["error"]
    assert talk.error["code"] == "conversation_already_has_active_response"
    assert talk.error["event_id"] == "second"
    assert talk.send("response.cancel", response_id="resp_other") == ["error"]
    assert talk.send("response.cancel") == ["response.done"]
    assert talk.last("response.done")["response"]["status"] == "cancelled"
    assert talk.inputs[-1] == Cancel(first.id)
    assert talk.send("response.cancel") == ["error"]
    assert talk.error["code"] == "response_cancel_not_active"
    assert talk.send("response.create") == ["response.created"]
    assert talk.emit(Answer(first.id, "stale", 0, "cancelled")) == []


def test_a_response_to_committed_audio_waits_for_its_transcript() -> None:
    talk = Talk()
    talk.update(**MANUAL)
    talk.append(0.5)
    talk.send("input_audio_buffer.commit")
    talk.emit(*committed(1, 0.0, 0.5))
    assert talk.send("response.create") == ["response.created"]
    assert not any(isinstance(each, Question) for each in talk.inputs)
    talk.emit(caption(1, "why", final=True))
    assert talk.question.text == "why"


def test_a_response_out_of_band_leaves_no_item() -> None:
    talk = Talk()
    response = {
        "conversation": "none",
        "output_modalities": ["text"],
        "metadata": {"purpose": "test"},
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "aside"}],
            }
        ],
    }
    talk.send("response.create", response=response)
    assert talk.question.text == "aside"
    talk.emit(Answer(talk.question.id, "ok", 0, "completed"))
    assert not talk.all("conversation.item.added")
    response = talk.last("response.done")["response"]
    assert response["metadata"] == {"purpose": "test"}
    assert response["conversation_id"] is None


def test_an_update_changes_only_what_it_names() -> None:
    talk = Talk()
    session = talk.update(instructions="Be brief.", output_modalities=["text"])
    detection = {"type": "server_vad", "silence_duration_ms": 900}
    session = talk.update(audio={"input": {"turn_detection": detection}})
    assert session["instructions"] == "Be brief."
    assert session["output_modalities"] == ["text"]
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 900
    assert session["audio"]["input"]["turn_detection"]["prefix_padding_ms"] == 300
    session = talk.update(audio={"input": {"turn_detection": {"type": "server_vad"}}})
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 900
    listening = talk.inputs[-1]
    assert isinstance(listening, ListeningConfig)
    assert listening.detection is not None
    assert listening.detection.silence == 0.9
    assert talk.update(audio={"input": {"turn_detection": None}})["audio"]["input"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "transcription": None,
        "turn_detection": None,
        "noise_reduction": None,
    }


def test_unknown_names_are_replaced_by_available_ones() -> None:
    talk = Talk(eyeline_events=True)
    session = talk.update(
        model="gpt-realtime-2.1",
        audio={
            "input": {
                "transcription": {"model": "gpt-4o-mini-transcribe", "language": "de"},
                "turn_detection": {"type": "semantic_vad", "eagerness": "high"},
                "noise_reduction": {"type": "near_field"},
            },
            "output": {"voice": "alloy", "speed": 1.2},
        },
    )
    assert session["model"] == "eyeline"
    assert session["audio"]["output"]["voice"] == "heart"
    assert session["audio"]["output"]["speed"] == 1.0
    assert session["audio"]["input"]["transcription"] == {"model": "tiny.en", "language": None}
    assert session["audio"]["input"]["turn_detection"]["type"] == "semantic_vad"
    assert session["audio"]["input"]["turn_detection"]["eagerness"] == "high"
    notices = " ".join(event["message"] for event in talk.all("eyeline.notice"))
    for word in ("gpt-realtime-2.1", "alloy", "noise", "speed", "'de'"):
        assert word in notices


def test_without_a_voice_answers_are_text() -> None:
    talk = Talk(capabilities=Capabilities(model="eyeline", recognizers=("tiny.en",)))
    assert talk.events[0]["session"]["output_modalities"] == ["text"]
    assert talk.update(output_modalities=["audio"])["output_modalities"] == ["text"]
    assert not talk.ask("hello", output_modalities=["audio"]).spoken


@pytest.mark.parametrize(
    ("session", "param"),
    [
        ({"modalities": ["text"]}, "session.modalities"),
        ({"turn_detection": None}, "session.turn_detection"),
        ({"colour": "blue"}, "session.colour"),
        ({"output_modalities": ["text", "audio"]}, "session.output_modalities"),
        ({"type": "telepathy"}, "session.type"),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 7}}}},
            "session.audio.input.turn_detection.threshold",
        ),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 8000}}}},
            "session.audio.input.format.rate",
        ),
    ],
)
def test_an_invalid_setting_is_refused_with_its_field_and_changes_nothing(
    session: dict[str, Any], param: str
) -> None:
    talk = Talk()
    before = talk.state.config
    assert talk.send("session.update", session=session, event_id="mine") == ["error"]
    assert talk.error["param"] == param
    assert talk.error["event_id"] == "mine"
    assert talk.state.config == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "JSON object"),
        ("[1]", "an array"),
        ("[" * 100_000, "JSON object"),
        ("{}", "missing `type`"),
        ('{"type": "no.such.event"}', "no.such.event"),
        ('{"type": "input_audio_buffer.append"}', "audio"),
        ('{"type": "input_audio_buffer.append", "audio": "not base64!"}', "base64"),
        ('{"type": "conversation.item.delete", "item_id": "item_x"}', "item_x"),
        ('{"type": "conversation.item.create", "item": {"type": "mcp_call"}}', "item"),
        ('{"type": "output_audio_buffer.clear"}', "WebRTC"),
    ],
)
def test_an_invalid_message_gives_an_error_and_nothing_else(text: str, message: str) -> None:
    talk = Talk()
    before = len(talk.inputs)
    assert talk.send_text(text) == ["error"]
    assert message in talk.error["message"]
    assert len(talk.inputs) == before
    assert talk.append(0.2) == []


def test_items_are_placed_retrieved_and_deleted() -> None:
    talk = Talk()
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}
    talk.send("conversation.item.create", item={**message, "id": "one"})
    talk.send("conversation.item.create", item={**message, "id": "two"}, previous_item_id="root")
    assert talk.last("conversation.item.added")["previous_item_id"] is None
    talk.send("conversation.item.create", item={**message, "id": "three"}, previous_item_id="two")
    assert talk.last("conversation.item.added")["previous_item_id"] == "two"
    assert talk.send("conversation.item.create", item={**message, "id": "one"}) == ["error"]
    assert talk.send("conversation.item.create", item=message, previous_item_id="x") == ["error"]
    talk.send("conversation.item.delete", item_id="one")
    assert talk.send("conversation.item.retrieve", item_id="one") == ["error"]
    assert talk.send("conversation.item.retrieve", item_id="two") == ["conversation.item.retrieved"]


def test_a_picture_is_kept_and_the_question_is_about_it() -> None:
    talk = Talk()
    content = [
        {"type": "input_image", "image_url": PIXEL},
        {"type": "input_text", "text": "What is it?"},
    ]
    item = {"type": "message", "role": "user", "content": content, "id": "shown"}
    talk.send("conversation.item.create", item=item)
    talk.send("conversation.item.retrieve", item_id="shown")
    kept = talk.last("conversation.item.retrieved")["item"]["content"][0]
    assert kept["image_url"] == PIXEL
    talk.send("response.create")
    assert talk.question.text == "What is it?"
    assert talk.question.pictures == (base64.b64decode(PIXEL.partition(",")[2]),)
    content[0]["image_url"] = "https://example.org/a.png"
    assert talk.send("conversation.item.create", item={**item, "id": "far"}) == ["error"]
    assert "data URL" in talk.error["message"]


def test_truncation_removes_the_transcript() -> None:
    talk = Talk()
    question = talk.ask("Say hello!")
    talk.emit(Answer(question.id, "Hello you", 0), Speech(question.id, chunk(24_000, 0)))
    talk.emit(Answer(question.id, "", 0, "completed"), Speech(question.id, None, "completed"))
    item = talk.last("response.done")["response"]["output"][0]["id"]
    place = {"item_id": item, "content_index": 0}
    assert talk.send("conversation.item.truncate", **place, audio_end_ms=1500) == ["error"]
    types = talk.send("conversation.item.truncate", **place, audio_end_ms=400)
    assert types == ["conversation.item.truncated"]
    talk.send("conversation.item.retrieve", item_id=item)
    kept = talk.last("conversation.item.retrieved")["item"]["content"]
    assert kept == [{"type": "output_audio", "transcript": None}]


@pytest.mark.parametrize("end", ["completed", "cancelled"])
def test_an_answer_that_is_truncated_while_it_comes_keeps_no_transcript(end: str) -> None:
    talk = Talk()
    question = talk.ask("Say hello!")
    talk.emit(Answer(question.id, "Hello you", 0), Speech(question.id, chunk(24_000, 0)))
    item = talk.last("response.output_item.added")["item"]["id"]
    place = {"item_id": item, "content_index": 0, "audio_end_ms": 400}
    assert talk.send("conversation.item.truncate", **place) == ["conversation.item.truncated"]
    if end == "completed":
        talk.emit(Answer(question.id, "", 0, "completed"), Speech(question.id, None, "completed"))
    else:
        talk.send("response.cancel")
    talk.send("conversation.item.retrieve", item_id=item)
    kept = talk.last("conversation.item.retrieved")["item"]
    assert kept["content"] == [{"type": "output_audio", "transcript": None}]
    assert kept["status"] == ("completed" if end == "completed" else "incomplete")


def test_eyeline_events_go_only_to_clients_that_ask_for_them() -> None:
    talk = Talk(
        capabilities=Capabilities(model="m", recognizers=("tiny.en",), notices=("it is an echo",))
    )
    assert talk.emit(TURN[0], caption(1, "a", stable=1)) == ["input_audio_buffer.speech_started"]
    talk.update(eyeline={"events": True})
    assert talk.last("eyeline.notice")["message"] == "it is an echo"
    talk.emit(caption(1, "a", "b", stable=1))
    event = talk.last("eyeline.caption")
    assert (event["turn"], event["text"], event["stable"], event["final"]) == (1, "a b", 1, False)
    assert event["words"][0] == {"text": " a", "start": 1.0, "end": 1.5}
    assert talk.send("session.update", session={"eyeline": {"events": "yes"}}) == ["error"]


def test_the_oldest_of_many_items_are_deleted() -> None:
    talk = Talk()
    content = [{"type": "input_text", "text": "A" * 12_000_000}]
    for n in range(3):
        item = {"type": "message", "role": "user", "content": content, "id": f"item{n}"}
        receive(talk.protocol, json.dumps({"type": "conversation.item.create", "item": item}))
    assert talk.state.items.order == ["item1", "item2"]


def test_a_failed_session_ends_its_transcript_and_response_as_failed() -> None:
    talk = Talk()
    talk.update(**TRANSCRIBED)
    talk.emit(*TURN)
    talk.protocol.fail("the recognizer stopped")
    assert talk.take() == [
        "conversation.item.input_audio_transcription.failed",
        "response.done",
        "error",
    ]


@given(st.lists(st.binary(max_size=400), max_size=8))
def test_audio_can_be_split_anywhere(parts: list[bytes]) -> None:
    whole, cut = Talk(), Talk()
    whole.send("input_audio_buffer.append", audio=base64.b64encode(b"".join(parts)).decode())
    for part in parts:
        cut.send("input_audio_buffer.append", audio=base64.b64encode(part).decode())
    decoded = []
    for talk in (whole, cut):
        talk.send("input_audio_buffer.clear")  # ends the sound, so that nothing is held back
        chunks = [each for each in talk.inputs if isinstance(each, AudioChunk)]
        for before, after in pairwise(chunks):
            assert after.start == before.end
        decoded.append(np.concatenate([np.zeros(0, np.float32), *(c.samples for c in chunks)]))
    np.testing.assert_array_equal(decoded[0], decoded[1])


@pytest.mark.parametrize("eagerness", [[1], {"a": 1}, 5, "soon"])
def test_an_eagerness_of_any_other_kind_is_an_error_of_the_client(eagerness: object) -> None:
    talk = Talk()
    detection = {"type": "semantic_vad", "eagerness": eagerness}
    session = {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
    talk.send("session.update", session=session)
    assert talk.error["param"] == "session.audio.input.turn_detection.eagerness"
