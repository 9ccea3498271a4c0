import numpy as np
import pytest

from models.asr.offline.final_pass import WhisperFinalPass
from models.asr.offline.turn_end_only import TurnEndOnly
from models.asr.vad import SileroVad
from models.asr.whisper.loading import WhisperModel
from models.asr.words import join_words
from tests.models.asr.conftest import Clip
from tests.models.asr.offline.test_transcription import wer


@pytest.mark.slow
def test_no_words_come_until_the_turn_is_over(
    tiny_en: WhisperModel, detector: SileroVad, concord: Clip
) -> None:
    model = TurnEndOnly(WhisperFinalPass(tiny_en, detector))
    state = model.init_state()
    first, last = np.split(concord.samples, [20_000])
    state, heard = model.step(state, first)
    assert list(heard) == []
    (news,) = model.flush(state, last)
    assert news.position == len(concord.samples)
    assert news.tentative == ()
    assert wer(concord, list(news.committed)) == 0
    assert join_words(model.flush(model.init_state())[0].committed) == ""
