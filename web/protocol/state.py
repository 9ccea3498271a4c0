"""What the protocol remembers of one conversation, and how it says things.

The state of `protocol`; `speech_input` and `responses` work on their parts of it.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from media.audio.pcm import PcmEncoding
from media.events import Input, RequestMet
from media.generation_events import GenerationConfig
from web.protocol.items import ItemList
from web.protocol.session_config import Capabilities, SessionConfig

Event = dict[str, Any]


class Shown(Event):
    """An event with a picture: where a client reads slowly, older ones are passed over."""


SOUND_HZ = 16_000  # rate of the sound that a session hears
FORMATS: dict[str, tuple[PcmEncoding, int]] = {  # of sound on the wire: encoding and sample rate
    "audio/pcm": ("pcm16", 24_000),
    "audio/pcmu": ("ulaw", 8_000),
    "audio/pcma": ("alaw", 8_000),
}


@dataclass(slots=True)
class Turn:
    """A turn of speech: its item, where it is in seconds, and what of its words was sent."""

    item_id: str
    start: float
    end: float | None = None
    announced: bool = False  # its item is in the conversation
    detected: bool = False  # the detector ended it, not the client
    sent: str = ""


@dataclass(slots=True)
class Segment:
    """Sound between two commits of a client that decides itself; `end` is in samples."""

    item_id: str
    end: int | None = None  # None: neither committed nor cleared yet
    forgotten: bool = False


@dataclass(slots=True)
class Hearing:
    """The input side: `position` samples were heard since the session began.

    `fresh` of them were neither committed nor cleared nor part of a detected turn. `decoder` is
    the state of the sound's decoder, None until sound in the present format came.
    """

    position: int = 0
    fresh: int = 0
    decoder: Any = None
    turns: dict[int, Turn] = field(default_factory=dict)
    segments: deque[Segment] = field(default_factory=deque)


@dataclass(slots=True)
class Response:
    """A response in the making; `question` is the id under which the session answers it."""

    id: str
    question: str
    item_id: str
    spoken: bool
    format: str = "audio/pcm"  # of the speech, for its whole length
    kept: bool = True  # its item goes into the conversation
    metadata: dict[str, str] | None = None
    awaits: str | None = None  # the item whose transcript is the question
    begun: bool = False  # its item was announced
    text: str = ""
    samples: int = 0  # of speech, at the rate of the voice
    rate: int = 24_000
    text_over: bool = False
    encoder: Any = None  # state of the speech's resampler


@dataclass(slots=True)
class Dialogue:
    """The state of a conversation; `on_track` says that answers are heard on a WebRTC track."""

    id: str
    local: Capabilities
    terms: SessionConfig
    on_track: bool = False
    own_events: bool = False
    items: ItemList = field(default_factory=ItemList)
    hearing: Hearing = field(default_factory=Hearing)
    response: Response | None = None
    playing: str | None = None  # the response whose speech is on the track
    seen: float = 0.0  # time of the newest picture, in seconds
    notices: deque[RequestMet] = field(default_factory=deque)  # that wait to be said
    prompt: tuple[tuple[str, float], ...] = ()  # what is drawn: texts with their weights
    generation: GenerationConfig | None = None  # how, once the client said so
    paths: dict[int, float] = field(default_factory=dict)  # last time of each thing's path
    spoken: dict[str, int] = field(default_factory=dict)  # ms of speech by item
    count: int = 0
    inputs: list[Input] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


def present(dialogue: Dialogue) -> float:
    """Return up to when the session has heard or seen, in seconds."""
    return max(dialogue.hearing.position / SOUND_HZ, dialogue.seen)


def name(dialogue: Dialogue, kind: str) -> str:
    """Return an id that this conversation never used before."""
    dialogue.count += 1
    return f"{kind}_{dialogue.id.removeprefix('sess_')}_{dialogue.count}"


def say(dialogue: Dialogue, type: str, **fields: Any) -> None:
    """Add a server event to those that wait to be sent."""
    dialogue.events.append({"type": type, "event_id": name(dialogue, "event")} | fields)


def show(dialogue: Dialogue, type: str, **fields: Any) -> None:
    """Add a server event with a picture to those that wait to be sent."""
    dialogue.events.append(Shown(type=type, event_id=name(dialogue, "event"), **fields))


def note(dialogue: Dialogue, message: str, level: Literal["info", "warning"] = "info") -> None:
    """Tell a client that wants to know how its wishes are met."""
    if dialogue.own_events:
        say(dialogue, "eyeline.notice", level=level, message=message)


def taken(dialogue: Dialogue) -> tuple[Dialogue, Sequence[Input], Sequence[Event]]:
    """Return the dialogue with its waiting inputs and events, which it then has no more."""
    inputs, events = dialogue.inputs, dialogue.events
    dialogue.inputs, dialogue.events = [], []
    return dialogue, inputs, events
