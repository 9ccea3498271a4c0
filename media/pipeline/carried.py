"""What the stages of a session remember, so that it can go on in another process.

The assistant's memory is not part of it: that is in a folder. Stages read it when they start and
keep it up to date; the state of speech in progress is left out, as its sound is.
"""

from collections import deque
from dataclasses import dataclass, field

from media.events.hearing import Caption
from models.speakers.clustering import Voices
from models.speakers.tracker import TrackerState

MAX_INTRODUCED = 200  # names that people said of themselves: the newest
MAX_TURNS = 2000  # final captions that questions about speech are answered from


@dataclass(slots=True, eq=False)
class Introduced:
    """A name that somebody said of himself or herself at `time`, as the speaker `number`."""

    name: str
    time: float
    number: int


@dataclass(slots=True, eq=False)
class SpeakersState:
    """Voices, who was introduced, and names that were given and sent, by number.

    `corrected` are the turns whose labels were corrected; `tracker` is the model's state, None
    before the first voice.
    """

    tracker: TrackerState | None = None
    voices: Voices = field(default_factory=Voices)
    turns: deque[Caption] = field(default_factory=lambda: deque(maxlen=MAX_TURNS))
    corrected: deque[int] = field(default_factory=lambda: deque(maxlen=MAX_TURNS))
    introduced: deque[Introduced] = field(default_factory=lambda: deque(maxlen=MAX_INTRODUCED))
    given: dict[int, str] = field(default_factory=dict)
    sent: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class CarriedState:
    """`turn` is the number of the last turn, `requests` are the texts of standing requests."""

    turn: int = 0
    requests: tuple[str, ...] = ()
    speakers: SpeakersState = field(default_factory=SpeakersState)
