"""A conversation that goes on in another process, from its pickled state."""

import pickle
from dataclasses import replace
from typing import Any

from media.events.answers import Answer, Question
from media.events.generation import PromptChange
from media.events.hearing import Caption, CaptionWord, ListeningConfig, TurnEnded, TurnStarted
from tests.web.protocol.test_protocol import CAPABILITIES
from web.protocol.client_events.received import receive
from web.protocol.protocol import RealtimeProtocol
from web.protocol.resumption import unfinished

TEXT = {"type": "realtime", "output_modalities": ["text"]}


def begun() -> RealtimeProtocol:
    protocol = RealtimeProtocol("sess_1", CAPABILITIES, eyeline_events=True, patch=TEXT)
    protocol.events_to_send()
    protocol.inputs_to_send()
    return protocol


def tell(protocol: RealtimeProtocol, **message: Any) -> None:
    import json

    protocol.receive_message(receive(json.dumps(message)))


def moved(protocol: RealtimeProtocol) -> RealtimeProtocol:
    protocol.events_to_send()
    protocol.inputs_to_send()
    state = pickle.loads(pickle.dumps(protocol.state))
    resumed = RealtimeProtocol.resumed(state, CAPABILITIES)
    for output in tuple(unfinished(state)):
        resumed.emit(output)
    return resumed


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def asked(protocol: RealtimeProtocol) -> Question:
    (question,) = (each for each in protocol.inputs_to_send() if isinstance(each, Question))
    return question


def ask(protocol: RealtimeProtocol) -> Question:
    content = [{"type": "input_text", "text": "what?"}]
    item = {"type": "message", "role": "user", "content": content}
    tell(protocol, type="conversation.item.create", item=item)
    tell(protocol, type="response.create")
    return asked(protocol)


def test_a_question_without_an_answer_yet_is_asked_again_under_its_id() -> None:
    protocol = begun()
    question = ask(protocol)
    resumed = moved(protocol)
    assert types(resumed.events_to_send()) == ["eyeline.notice"]
    assert asked(resumed) == question
    resumed.emit(Answer(question.id, "all", 0.0, "completed"))
    done = resumed.events_to_send()[-1]["response"]
    assert (done["status"], done["output"][0]["content"][0]["text"]) == ("completed", "all")


def test_an_answer_that_was_begun_ends_and_another_response_has_all_of_it() -> None:
    protocol = begun()
    question = ask(protocol)
    protocol.emit(Answer(question.id, "a pa", 0.0))
    resumed = moved(protocol)
    events = resumed.events_to_send()
    cut = next(event["response"] for event in events if event["type"] == "response.done")
    assert cut["status_details"] == {"type": "incomplete", "reason": "moved"}
    assert cut["output"][0]["content"][0]["text"] == "a pa"
    again = asked(resumed)
    assert again == replace(question, id=again.id)
    assert again.id != question.id
    resumed.emit(Answer(question.id, "late", 0.0, "completed"))  # nobody waits for it any more
    assert resumed.events_to_send() == []
    resumed.emit(Answer(again.id, "a part", 0.0, "completed"))
    assert types(resumed.events_to_send())[-1] == "response.done"
    texts = [part["content"][0]["text"] for part in resumed.state.items.by_id.values()]
    assert texts == ["what?", "a pa", "a part"]


def test_a_turn_ends_with_the_words_that_were_recognized_and_is_answered() -> None:
    protocol = begun()
    words = (CaptionWord(" one", 1.0, 1.5), CaptionWord(" two", 1.5, 2.0))
    protocol.emit(TurnStarted(3, 1.0))
    protocol.emit(Caption(3, words, 1, 1.0, 2.0, 2.1, final=False))
    resumed = moved(protocol)
    events = resumed.events_to_send()
    stopped = next(e for e in events if e["type"] == "input_audio_buffer.speech_stopped")
    assert stopped["audio_end_ms"] == 2100
    assert asked(resumed).text == "one two"
    assert not resumed.state.speech_input.turns


def test_the_caption_of_a_turn_that_had_ended_still_comes() -> None:
    protocol = begun()
    protocol.emit(TurnStarted(1, 1.0))
    protocol.emit(TurnEnded(1, 1.0, 2.0, detected=True))
    resumed = moved(protocol)
    assert types(resumed.events_to_send()).count("input_audio_buffer.speech_stopped") == 0
    assert asked(resumed).text == "[no speech]"


def test_the_session_learns_what_the_client_had_set() -> None:
    protocol = begun()
    protocol.state.prompt = (("a red cup", 1.0),)
    protocol.state.speech_input.unprocessed.append("event_1")  # a commit on its way
    last = protocol.state.last_id
    resumed = moved(protocol)
    kinds = [type(each) for each in resumed.inputs_to_send()]
    assert kinds == [ListeningConfig, PromptChange]
    assert resumed.ready
    (notice,) = resumed.events_to_send()
    assert int(notice["event_id"].rpartition("_")[2]) > last + 100, "ids of lost events are free"
