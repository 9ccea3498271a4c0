"""Who speaks in a file that is read once: all of its windows are kept until its end."""

from collections.abc import Sequence

import numpy as np

from models.asr.speech_activity import Samples
from models.speakers.clustering import Voice, Voices, labelled_by
from models.speakers.tracker import SpeakerTracker
from models.speakers.windows import VoiceChunk


class FileVoices:
    """The voices of a file: 1 KiB for each 0.4 s of speech."""

    def __init__(self, tracker: SpeakerTracker) -> None:
        self._tracker = tracker
        self._state = tracker.init_state()
        self._windows: dict[tuple[int, int], Voice] = {}

    def hear(self, samples: Samples, probabilities: Sequence[float]) -> None:
        """Take the next sound, with the probabilities of speech of frames that are complete."""
        self._step(VoiceChunk(0, samples, probabilities))

    def voices(self) -> Voices:
        """Return all windows, each with the speaker of the whole file that it is most like."""
        self._step(VoiceChunk(0, np.zeros(0, np.float32), (), last=True))
        return labelled_by(self._state.voices, tuple(self._windows.values()))

    def _step(self, chunk: VoiceChunk) -> None:
        self._state, changed = self._tracker.step(self._state, chunk)
        for voices in changed:
            self._windows |= {(voice.start, voice.end): voice for voice in voices.recent}
