"""A conversation of six hours: what it keeps does not grow once its limits are reached."""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from media.events.answers import Answer, Evidence, Question
from media.events.hearing import Caption, CaptionWord, Translation, TurnEnded, TurnStarted
from media.events.session import Output
from media.events.speakers import Speakers, TurnSpeakers
from media.events.vision import Remembered, RequestMet
from models.assistant.interface import Moment
from tests.web.protocol.test_protocol import CAPABILITIES
from web.history.entries import EntryMaker
from web.protocol.items import MAX_ITEMS
from web.protocol.protocol import RealtimeProtocol

TURN = 10.0  # seconds: one person or the other speaks, and is answered
HOURS = 6


def reachable(value: Any, seen: set[int]) -> int:
    """Return how many values are in containers that can be reached from `value`."""
    if isinstance(value, str | bytes) or id(value) in seen:
        return 0
    seen.add(id(value))
    inner: Collection[Any] = ()
    if isinstance(value, Mapping):
        inner = list(value.values())
    elif isinstance(value, list | tuple | set | frozenset | deque):
        inner = value
    elif is_dataclass(value) and not isinstance(value, type):
        inner = [getattr(value, each.name) for each in fields(value)]
    elif hasattr(value, "__dict__") and type(value).__module__.startswith("web."):
        inner = list(vars(value).values())
    return len(inner) + sum(reachable(each, seen) for each in inner)


def speak(protocol: RealtimeProtocol, history: EntryMaker, number: int) -> None:
    """Let one turn be said, corrected, answered, and met by a standing request."""
    time = number * TURN
    words = tuple(CaptionWord(f" word{n}", time + n / 4, time + n / 4 + 0.2, 1) for n in range(12))
    last = Caption(number, words, 12, time, time + 3, time + 3.2, True, "de", True)
    moment = Moment(number, time, "a cup")
    outputs: list[Output] = [
        TurnStarted(number, time),
        TurnEnded(number, time, time + 3, True),
        Speakers(((1, "Anna"), (2, "speaker 2")), (TurnSpeakers(number - 1, (1,)),)),
        last,
        Translation(number, "What do you see?", "", "de", True),
        Remembered(moment, None),
        RequestMet(f"request {number}", "A dog is in view.", moment),
    ]
    for output in outputs:
        protocol.emit(output)
        history.of_output(output)
    while asked := protocol.inputs_to_send():
        for each in asked:
            history.of_input(each)
            id = getattr(each, "id", "")
            if not (isinstance(each, Question) or id.startswith("ask")):
                continue
            pieces: list[Output] = [
                Evidence(id, (moment,)),
                Answer(id, "I see a cup.", time, "completed"),
            ]
            for piece in pieces:
                protocol.emit(piece)
                history.of_output(piece)
    protocol.events_to_send()


@pytest.mark.slow
def test_a_conversation_of_six_hours_keeps_no_more_than_one_of_three() -> None:
    patch = {"output_modalities": ["text"], "eyeline": {"events": True}}
    protocol = RealtimeProtocol("sess_hours", CAPABILITIES, patch=patch)
    history, turns = EntryMaker(), round(HOURS * 3600 / TURN)
    sizes = []
    for number in range(1, turns + 1):
        speak(protocol, history, number)
        if number in (turns // 2, turns):
            sizes.append(reachable(protocol.state, set()) + reachable(history, set()))
    assert MAX_ITEMS <= len(protocol.state.items.order) <= MAX_ITEMS + 2  # the last answer
    assert sizes[1] <= 1.01 * sizes[0], sizes
