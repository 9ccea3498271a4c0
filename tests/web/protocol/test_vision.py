"""Video in the protocol: frames in, moments, evidence, relevance and announcements out."""

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from media.events.answers import Announce, Answer, Evidence, Question, Speech
from media.events.hearing import TurnEnded, TurnStarted
from media.events.vision import Degraded, Relevance, Remembered, RequestMet, StandingRequests
from media.frames import Gap, VideoFrame
from models.assistant.interface import Moment
from tests.web.protocol.test_protocol import MANUAL, PIXEL, TURN, Talk, caption, chunk, receive

CUP = Moment(7, 42.4999, "black cup, left; one person")
REQUEST = "Tell me when someone comes in"
MET = RequestMet(REQUEST, "Someone has come in.", CUP)


def picture(*, size: tuple[int, int] = (40, 30), kind: str = "PNG") -> str:
    file = io.BytesIO()
    Image.new("RGB", size, (90, 90, 90)).save(file, kind)
    return base64.b64encode(file.getvalue()).decode()


def frames(talk: Talk) -> list[VideoFrame]:
    return [item for item in talk.inputs if isinstance(item, VideoFrame)]


def announcements(talk: Talk) -> list[Announce]:
    return [item for item in talk.inputs if isinstance(item, Announce)]


def test_a_picture_has_its_own_time_or_the_time_of_its_arrival() -> None:
    talk = Talk()
    assert talk.send("eyeline.video.append", image=picture(), time=2.5) == []
    assert talk.send("eyeline.video.append", image=f"data:image/png;base64,{picture()}") == []
    assert [frame.time for frame in frames(talk)] == [2.5, 2.5]
    message = json.dumps({"type": "eyeline.video.append", "image": picture()})
    receive(talk.protocol, message, now=4.0)
    (late,) = talk.protocol.inputs_to_send()
    assert isinstance(late, VideoFrame)
    assert late.time == 4.0
    assert late.pixels.shape == (30, 40, 3)
    assert talk.state.video_time == 4.0


def test_a_picture_of_4k_is_scaled_down() -> None:
    talk = Talk()
    talk.send("eyeline.video.append", image=picture(size=(3840, 2160), kind="JPEG"), time=0)
    (frame,) = frames(talk)
    assert max(frame.pixels.shape) <= 1280


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({}, "image", "required"),
        ({"image": "not base64!"}, "image", "base64"),
        ({"image": "aGVsbG8="}, "image", "not a readable image"),
        ({"image": "data:text/plain;base64,aGVsbG8="}, "image", "data:image/"),
        ({"image": "https://example.org/a.jpg"}, "image", "base64"),
        ({"image": PIXEL, "time": -1}, "time", "greater than"),
        ({"image": PIXEL, "time": "soon"}, "time", "number"),
        ({"image": PIXEL, "time": 1e12}, "time", "less than"),
        ({"image": PIXEL, "time": float("nan")}, "time", "finite"),
        ({"image": PIXEL, "time": float("inf")}, "time", "finite"),
        ({"image": PIXEL, "time": 1.0}, "time", "2.000 s was seen already"),
    ],
)
def test_an_invalid_picture_is_refused_with_its_field_and_the_next_is_taken(
    fields: dict[str, Any], param: str, message: str
) -> None:
    talk = Talk()
    talk.send("eyeline.video.append", image=PIXEL, time=2.0)
    assert talk.send("eyeline.video.append", event_id="mine", **fields) == ["error"]
    assert talk.error["param"] == param
    assert talk.error["event_id"] == "mine"
    assert message in talk.error["message"]
    assert talk.send("eyeline.video.append", image=PIXEL, time=2.0) == []
    assert [frame.time for frame in frames(talk)] == [2.0, 2.0]


def test_events_of_vision_go_only_to_clients_that_ask_for_them() -> None:
    outputs = (
        Remembered(CUP, b"jpeg"),
        Relevance(1.0, np.eye(2, dtype=np.float32), "cup"),
        StandingRequests((REQUEST,)),
        Gap("audio", 1.0, 2.0),
        Degraded("the store is full"),
    )
    assert Talk().emit(*outputs) == []
    assert Talk(eyeline_events=True).emit(*outputs) == [
        "eyeline.memory.moment",
        "eyeline.relevance",
        "eyeline.requests",
        "eyeline.gap",
        "eyeline.notice",
    ]


def test_a_moment_comes_with_its_picture_or_without() -> None:
    talk = Talk(eyeline_events=True)
    talk.emit(Remembered(CUP, b"jpeg"), Remembered(CUP, None))
    pictured, bare = talk.all("eyeline.memory.moment")
    assert (pictured["number"], pictured["time"], pictured["text"]) == (7, 42.5, CUP.text)
    assert base64.b64decode(pictured["image"].removeprefix("data:image/jpeg;base64,")) == b"jpeg"
    assert bare["image"] is None


def test_relevance_comes_in_rows_and_names_its_subject() -> None:
    talk = Talk(eyeline_events=True)
    talk.emit(Relevance(43.0, np.array([[0, 0.12345], [1, 0.5]], np.float32), "cup", 0.12345))
    event = talk.last("eyeline.relevance")
    assert event["values"] == [[0.0, 0.123], [1.0, 0.5]]
    assert (event["time"], event["about"], event["confidence"]) == (43.0, "cup", 0.123)


def test_evidence_names_the_response_that_it_belongs_to() -> None:
    talk = Talk(eyeline_events=True)
    question = talk.ask("Where is my cup?", output_modalities=["text"])
    talk.emit(Evidence(question.id, (CUP,)), Answer(question.id, "On the left.", 0, "completed"))
    event = talk.last("eyeline.answer.evidence")
    response = talk.last("response.done")["response"]
    assert event["response_id"] == response["id"]
    assert event["item_id"] == response["output"][0]["id"]
    assert event["moments"] == [{"number": 7, "time": 42.5, "text": CUP.text}]
    assert "scope" not in event, "rules answered"


def test_evidence_says_which_part_of_the_stream_a_model_is_shown() -> None:
    talk = Talk(eyeline_events=True)
    question = talk.ask("Where is my cup?", output_modalities=["text"])
    talk.emit(Evidence(question.id, (CUP,), 70, "both"))
    assert talk.last("eyeline.answer.evidence")["scope"] == "both"


def test_evidence_of_a_cancelled_answer_is_not_sent() -> None:
    talk = Talk(eyeline_events=True)
    question = talk.ask("Where is my cup?")
    talk.send("response.cancel")
    assert talk.emit(Evidence(question.id, (CUP,)), Evidence("another", (CUP,))) == []


def test_a_gap_says_what_is_missing_and_when() -> None:
    talk = Talk(eyeline_events=True)
    talk.emit(Gap("video", 1.00049, 2.5, concealed=True))
    event = talk.last("eyeline.gap")
    assert {name: event[name] for name in ("media", "start", "end", "concealed")} == {
        "media": "video",
        "start": 1.0,
        "end": 2.5,
        "concealed": True,
    }


def test_a_full_memory_is_a_warning() -> None:
    talk = Talk(eyeline_events=True)
    talk.emit(Degraded("the store is full"))
    notice = talk.last("eyeline.notice")
    assert (notice["level"], notice["message"]) == ("warning", "the store is full")


def show_picture(talk: Talk, text: str | None, *, id: str) -> None:
    content = [{"type": "input_image", "image_url": PIXEL}]
    if text is not None:
        content.append({"type": "input_text", "text": text})
    item = {"type": "message", "role": "user", "content": content, "id": id}
    talk.send("conversation.item.create", item=item)


def test_a_later_question_is_about_the_same_picture_until_it_is_deleted() -> None:
    talk = Talk()
    talk.update(output_modalities=["text"])
    show_picture(talk, "What is it?", id="shown")
    talk.send("response.create")
    talk.emit(Answer(talk.question.id, "A cup.", 0, "completed"))
    assert len(talk.ask("What colour?").pictures) == 1
    talk.emit(Answer(talk.question.id, "Black.", 0, "completed"))
    talk.send("conversation.item.delete", item_id="shown")
    assert talk.ask("And now?").pictures == ()


def test_with_live_video_a_later_question_is_about_the_video_again() -> None:
    talk = Talk()
    talk.update(output_modalities=["text"])
    talk.send("eyeline.video.append", image=PIXEL, time=1.0)
    show_picture(talk, "What is it?", id="shown")
    talk.send("response.create")
    assert len(talk.question.pictures) == 1
    talk.emit(Answer(talk.question.id, "A cup.", 0, "completed"))
    assert talk.ask("Who is there?").pictures == ()


def test_a_picture_without_text_gets_a_question() -> None:
    talk = Talk()
    show_picture(talk, None, id="shown")
    talk.send("response.create")
    assert talk.question.text == "What is in the picture?"


def test_the_time_of_a_question_is_that_of_the_newest_media() -> None:
    talk = Talk()
    talk.append(1.0)
    talk.send("eyeline.video.append", image=PIXEL, time=3.0)
    assert talk.ask("Now?").time == 3.0


def test_a_met_request_is_announced_as_a_response() -> None:
    talk = Talk(eyeline_events=True)
    assert talk.emit(MET) == ["response.created"]
    (say,) = announcements(talk)
    assert (say.text, say.time, say.moments) == (MET.text, CUP.time, (CUP,))
    assert say.spoken
    types = talk.emit(
        Evidence(say.id, say.moments),
        Answer(say.id, say.text, CUP.time),
        Speech(say.id, chunk(2400, 0)),
        Answer(say.id, "", CUP.time, "completed"),
        Speech(say.id, None, "completed"),
    )
    assert types[0] == "eyeline.answer.evidence"
    assert types[-1] == "response.done"
    response = talk.last("response.done")["response"]
    assert response["status"] == "completed"
    assert response["metadata"] == {"eyeline.request": REQUEST}
    assert response["output"][0]["content"][0]["transcript"] == MET.text


def test_an_announcement_is_text_if_answers_are_text() -> None:
    talk = Talk()
    talk.update(output_modalities=["text"])
    talk.emit(MET)
    (say,) = announcements(talk)
    assert not say.spoken
    talk.emit(Answer(say.id, say.text, CUP.time, "completed"))
    output = talk.last("response.done")["response"]["output"][0]
    assert output["content"] == [{"type": "output_text", "text": MET.text}]


def test_an_announcement_waits_for_the_response_in_progress_and_for_earlier_ones() -> None:
    talk = Talk()
    talk.update(output_modalities=["text"])
    question = talk.ask("hello?")
    other = RequestMet("Tell me when it rains", "It rains.", CUP)
    assert talk.emit(MET, other) == []
    talk.emit(Answer(question.id, "Hello.", 0, "completed"))
    assert talk.new[-1] == "response.created"
    (first,) = announcements(talk)
    assert first.text == MET.text
    talk.emit(Answer(first.id, first.text, 0, "completed"))
    assert [say.text for say in announcements(talk)] == [MET.text, "It rains."]


def test_an_announcement_comes_at_once_when_the_response_before_it_is_cancelled() -> None:
    talk = Talk()
    talk.ask("hello?")
    talk.emit(MET)
    assert talk.send("response.cancel") == ["response.done", "response.created"]
    assert len(announcements(talk)) == 1


def test_an_announcement_waits_for_the_end_of_speech() -> None:
    talk = Talk()
    detection = {"type": "server_vad", "create_response": False}
    talk.update(audio={"input": {"turn_detection": detection}})
    talk.emit(TurnStarted(1, 1.0))
    assert talk.emit(MET) == []
    talk.emit(TurnEnded(1, 1.0, 3.0, True))
    assert not announcements(talk)
    talk.emit(caption(1, "well", final=True))
    assert len(announcements(talk)) == 1


def test_an_announcement_waits_for_the_answer_to_a_turn() -> None:
    talk = Talk()
    talk.emit(TURN[0], MET, TURN[1], caption(1, "hello", final=True))
    assert talk.question.text == "hello"
    assert not announcements(talk)
    talk.emit(Answer(talk.question.id, "Hi.", 0), Answer(talk.question.id, "", 0, "completed"))
    talk.emit(Speech(talk.question.id, None, "completed"))
    assert len(announcements(talk)) == 1


def test_an_announcement_does_not_wait_for_uncommitted_audio() -> None:
    talk = Talk()
    talk.update(**MANUAL)
    talk.append(0.5)
    talk.emit(TurnStarted(1, 0.0))
    assert "response.created" in talk.emit(MET)


def test_speech_and_cancellation_end_an_announcement() -> None:
    talk = Talk()
    for end in ("speech", "client"):
        talk.emit(MET)
        if end == "speech":
            talk.emit(TurnStarted(1, 1.0))
        else:
            talk.send("response.cancel")
        response = talk.last("response.done")["response"]
        assert response["status"] == "cancelled"
        assert response["metadata"] == {"eyeline.request": REQUEST}
        if end == "speech":
            talk.emit(TurnEnded(1, 1.0, 2.0, True), caption(1, final=True))
        while talk.state.response is not None:
            talk.send("response.cancel")
    assert len(announcements(talk)) == 2


def test_a_transcription_session_has_no_announcements() -> None:
    talk = Talk(transcription=True)
    assert talk.emit(MET) == []
    assert not announcements(talk)


def test_a_long_request_fits_the_metadata_of_a_response() -> None:
    talk = Talk()
    talk.emit(RequestMet("tell me when " + "very " * 300, "It is.", CUP))
    metadata = talk.last("response.created")["response"]["metadata"]
    assert len(metadata["eyeline.request"]) == 512
    assert isinstance(talk.inputs[-1], Announce)
    assert not any(isinstance(item, Question) for item in talk.inputs)
