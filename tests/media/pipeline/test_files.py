import pytest

from media.files.decoding import decode_audio
from media.pipeline.interfaces import Samples
from media.servers.urgency import Urgency
from models.asr.offline.transcription import transcribe_chunks
from tests.paths import SPEECH
from web.loading.models import LoadedModels

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sound() -> list[Samples]:
    return list(decode_audio(SPEECH / "LJ001-0002.flac", max_duration=60))


def test_a_file_in_pieces_has_the_words_of_the_whole_and_each_run_waits_for_its_turn(
    models: LoadedModels, sound: list[Samples]
) -> None:
    services = models.services
    queue = services.queues["files"]
    before = queue.stats.jobs
    words = [word for part in services.files.parts(sound) for word in part.words]
    whole = transcribe_chunks(models.whisper, services.detector.model, sound)
    assert words == [word for part in whole for word in part.words]
    assert len(words) == 4
    jobs = queue.stats.jobs - before
    assert jobs > len(words), "the encoder, voice activity, and a run for each token"
    assert {each.urgency for each in list(queue.stats.recent)[-jobs:]} == {Urgency.FILE}


def test_a_file_that_is_not_wanted_any_more_ends_between_two_runs(
    models: LoadedModels, sound: list[Samples]
) -> None:
    class LeftError(Exception):
        pass

    checks = iter([True] * 5)

    def check() -> None:
        if not next(checks, False):
            raise LeftError

    before = models.services.queues["files"].stats.jobs
    with pytest.raises(LeftError):
        list(models.services.files.parts(sound, check=check))
    assert models.services.queues["files"].stats.jobs - before == 5
