"""Transcription requests: errors, and each format of the response."""

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import httpx
import numpy as np
import pytest
import webvtt
from openai import OpenAI
from openai.types.audio import TranscriptionVerbose
from starlette.testclient import TestClient

from media.audio.pcm import samples_to_av
from media.files.decoding import decode_audio
from media.pipeline.limits import Limits
from models.asr.words import RATE
from tests.chaos.failing import Failing
from tests.media.files.damage import Track, refused_byte, write_media, write_tracks
from tests.media.pipeline.scripted import LoudnessDetector, scripted_services
from tests.paths import SPEECH
from tests.patience import PATIENCE
from tests.web.served import scripted_models, served
from web.app import create_app
from web.config import Settings
from web.loading.models import LoadedModels

CLIP = SPEECH / "LJ001-0002.flac"
WORDS = ["being", "comparatively", "modern"]


@pytest.fixture(scope="module")
def scripted_client() -> Iterator[TestClient]:
    """A service with scripted models, for requests that fail before transcription."""
    settings = Settings(max_media_hours=1.0)
    with (
        scripted_models() as models,
        TestClient(create_app(settings, models)) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def openai(models: LoadedModels) -> Iterator[OpenAI]:
    """An OpenAI client of a service with real weights."""
    with TestClient(create_app(Settings(), models)) as client:
        yield OpenAI(api_key="any", base_url=f"{client.base_url}/v1", http_client=client)


def encoded(samples: np.ndarray, format: str, codec: str, rate: int, layout: str) -> bytes:
    """Return 16 kHz audio in another file format."""
    file = io.BytesIO()
    with av.open(file, "w", format=format) as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.AudioStream)
        stream.layout = layout
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=rate)
        for frame in [
            *resampler.resample(samples_to_av(samples, RATE, 0)),
            *resampler.resample(None),
        ]:
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def ten_hours() -> bytes:
    """Return a small file whose second packet plays after ten hours."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=8_000)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        for hours in (0, 10):
            packet = av.Packet(bytes(1600))
            packet.stream = stream
            packet.time_base = Fraction(1, 1000)
            packet.pts = packet.dts = hours * 3_600_000
            container.mux(packet)
    return file.getvalue()


def test_many_uploads_at_once_wait_and_are_all_transcribed() -> None:
    """However many come, and though they are larger than what may be stored at once."""
    quiet = encoded(np.zeros(RATE, np.float32), "wav", "pcm_s16le", RATE, "mono")
    settings = Settings(uploads=2, upload_space=3 * len(quiet))

    def upload(url: str, number: int) -> httpx.Response:
        files = {"file": (f"{number}.wav", quiet)}
        return httpx.post(
            f"{url}/v1/audio/transcriptions", files=files, data={"language": "en"}, timeout=PATIENCE
        )

    with (
        scripted_models() as models,
        served(settings, models) as service,
        ThreadPoolExecutor(24) as clients,
    ):
        answers = list(clients.map(partial(upload, service.http), range(24)))
    assert [answer.status_code for answer in answers] == [200] * 24
    assert {answer.json()["usage"]["seconds"] for answer in answers} == {1.0}


def test_more_uploads_than_may_wait_are_asked_to_come_again() -> None:
    with scripted_models() as models:
        app = create_app(Settings(uploads=1, waiting=0), models)
        with TestClient(app) as client:
            held = app.state.context.lines.files
            client.portal.call(held.enter)  # type: ignore[union-attr]  # it runs in the block
            files = {"file": ("a.wav", CLIP.read_bytes())}
            answer = client.post("/v1/audio/transcriptions", files=files)
            client.portal.call(held.leave)  # type: ignore[union-attr]
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("stream", ["false", "true"])
def test_a_file_in_progress_when_the_service_ends_is_asked_for_again(stream: str) -> None:
    with scripted_models() as models:
        app = create_app(Settings(), models)
        with TestClient(app) as client:
            app.state.context.closing.set()
            files = {"file": ("a.wav", CLIP.read_bytes())}
            fields = {"stream": stream}
            answer = client.post("/v1/audio/transcriptions", files=files, data=fields)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_draining")
    assert int(answer.headers["retry-after"]) > 0


def test_a_transcript_whose_stream_is_cut_off_ends_with_an_error() -> None:
    quiet = encoded(np.zeros(60 * RATE, np.float32), "flac", "flac", RATE, "mono")
    detector = Failing(LoudnessDetector(), "step", lambda: app.state.context.close(), at=5)  # noqa: PLW0108 - app comes later
    english = SimpleNamespace(name="scripted", config=SimpleNamespace(multilingual=False))
    with scripted_services(whisper=english, detector=detector) as services:
        app = create_app(Settings(), LoadedModels(services=services, limits=Limits()))
        with TestClient(app) as client:
            files = {"file": ("a.flac", quiet)}
            answer = client.post(
                "/v1/audio/transcriptions", files=files, data={"stream": "true", "language": "en"}
            )
    assert answer.status_code == 200
    (event,) = answer.text.strip().split("\n\n")
    error = json.loads(event.removeprefix("data: "))["error"]
    assert error["code"] == "service_draining"


def test_a_ten_hour_file_is_refused_before_it_is_decoded(scripted_client: TestClient) -> None:
    answer = scripted_client.post(
        "/v1/audio/transcriptions", files={"file": ("long.mkv", ten_hours())}
    )
    assert answer.status_code == 413
    assert answer.json()["detail"].startswith("long.mkv: lasts 10.0 hours")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"these are words, not sound", "talk.wav: not audio or video"),
        (b"", "talk.wav: not audio or video"),
        (b"RIFF\xff\xff\xff\xffWAVEfmt ", "talk.wav: "),
    ],
)
def test_a_file_without_audio_is_an_error_with_its_name(
    scripted_client: TestClient, content: bytes, message: str
) -> None:
    for fields in ({}, {"stream": "true"}):
        answer = scripted_client.post(
            "/v1/audio/transcriptions", files={"file": ("talk.wav", content)}, data=fields
        )
        assert answer.status_code == 400
        assert message in answer.json()["detail"]
        assert "/tmp" not in answer.text


def test_video_without_audio_is_an_error(scripted_client: TestClient) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = 64
        container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode(None))
    answer = scripted_client.post(
        "/v1/audio/transcriptions", files={"file": ("mute.mkv", file.getvalue())}
    )
    assert answer.status_code == 400
    assert "no audio" in answer.json()["detail"]


def test_a_missing_file_or_an_unknown_format_is_an_error(scripted_client: TestClient) -> None:
    assert scripted_client.post("/v1/audio/transcriptions", data={"model": "x"}).status_code == 400
    answer = scripted_client.post(
        "/v1/audio/transcriptions",
        files={"file": ("a.wav", b"")},
        data={"response_format": "yaml"},
    )
    assert answer.json()["error"]["param"] == "response_format"


@pytest.mark.slow
class TestRealWeights:
    @pytest.mark.slow
    def test_json_gives_the_words(self, openai: OpenAI) -> None:
        answer = openai.audio.transcriptions.create(model="whisper-1", file=CLIP)
        for word in WORDS:
            assert word in answer.text

    @pytest.mark.slow
    def test_verbose_json_gives_every_word_a_time(self, openai: OpenAI) -> None:
        answer = openai.audio.transcriptions.create(
            model="whisper-1",
            file=CLIP,
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
        assert isinstance(answer, TranscriptionVerbose)
        assert answer.words
        assert answer.segments
        assert answer.duration == pytest.approx(1.9, abs=0.1)
        for word in answer.words:
            assert 0 <= word.start <= word.end <= answer.duration + 0.01
        assert answer.segments[0].avg_logprob < 0

    @pytest.mark.slow
    def test_vtt_is_read_by_another_program(self, openai: OpenAI) -> None:
        answer = openai.audio.transcriptions.create(
            model="whisper-1", file=CLIP, response_format="vtt"
        )
        (cue,) = webvtt.from_string(str(answer)).captions
        assert "modern" in cue.text

    def test_a_stream_ends_with_the_text_of_its_deltas(self, openai: OpenAI) -> None:
        events = list(openai.audio.transcriptions.create(model="whisper-1", file=CLIP, stream=True))
        assert events[-1].type == "transcript.text.done"
        deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
        assert "".join(deltas) == events[-1].text
        assert "modern" in events[-1].text

    def test_8_khz_stereo_in_another_container(self, openai: OpenAI) -> None:
        samples = np.concatenate(list(decode_audio(CLIP, max_duration=60)))
        content = encoded(samples, "mov", "pcm_s16le", 8_000, "stereo")
        answer = openai.audio.transcriptions.create(model="whisper-1", file=("talk.mov", content))
        assert "modern" in answer.text

    def test_silence_has_no_words(self, openai: OpenAI) -> None:
        content = encoded(np.zeros(2 * RATE, np.float32), "wav", "pcm_s16le", RATE, "mono")
        answer = openai.audio.transcriptions.create(
            model="whisper-1", file=("silence.wav", content), response_format="verbose_json"
        )
        assert isinstance(answer, TranscriptionVerbose)
        assert answer.text == ""
        assert answer.duration == pytest.approx(2.0, abs=0.01)


@pytest.mark.slow
def test_two_who_speak_in_a_file_are_labelled_unless_the_client_wants_none(
    models: LoadedModels,
) -> None:
    clips = [
        np.concatenate(list(decode_audio(SPEECH / name, max_duration=60)))
        for name in ("LJ001-0007.flac", "mfa-61-70968-0000.flac")
    ]
    file = encoded(np.concatenate(clips), "wav", "pcm_s16le", RATE, "mono")
    with TestClient(create_app(Settings(), models)) as client:

        def vtt(**fields: str) -> str:
            form = {"response_format": "vtt", **fields}
            files = {"file": ("talk.wav", file)}
            return client.post("/v1/audio/transcriptions", files=files, data=form).text

        labelled, plain = vtt(), vtt(speakers="off")
    cues = [line for line in labelled.splitlines() if line.startswith("<v ")]
    assert cues[0].startswith("<v speaker 1>")
    assert cues[-1].startswith("<v speaker 2>")
    assert any("wizard" in cue.lower() and cue.startswith("<v speaker 2>") for cue in cues)
    assert "<v" not in plain


def test_a_damaged_packet_is_passed_over_and_told(models: LoadedModels, tmp_path: Path) -> None:
    path = write_media(tmp_path, "a.mp4")
    place, value = refused_byte(path)
    data = bytearray(path.read_bytes())
    data[place] = value
    with TestClient(create_app(Settings(), models)) as client:
        for fields in ({}, {"response_format": "verbose_json"}):
            response = client.post(
                "/v1/audio/transcriptions", files={"file": bytes(data)}, data=fields
            )
            assert response.status_code == 200
            told = response.json()["eyeline"]
            assert told["left_out"].startswith("left out 1 damaged packet of sound")
            assert told["empty"].startswith("no speech was recognized in 1 s")
        events = client.post(
            "/v1/audio/transcriptions", files={"file": bytes(data)}, data={"stream": "true"}
        ).text
        assert "left out 1 damaged packet" in events


def test_the_track_with_speech_is_heard_and_another_can_be_named(
    models: LoadedModels, tmp_path: Path
) -> None:
    spoken = np.concatenate(list(decode_audio(CLIP, max_duration=60)))
    tracks = Track(title="Desktop", level=0.0), Track(title="Mic", samples=spoken[::2])
    data = write_tracks(tmp_path / "screen.mkv", *tracks).read_bytes()
    with TestClient(create_app(Settings(), models)) as client:

        def post(**fields: str) -> Any:
            return client.post("/v1/audio/transcriptions", files={"file": data}, data=fields)

        heard = post().json()
        assert all(word in heard["text"] for word in WORDS)
        assert heard["eyeline"]["track"].startswith('hearing track 2 ("Mic"')
        silent = post(track="1").json()
        assert (silent["text"], silent["eyeline"]) == ("", {"empty": "the sound is silent"})
        missing = post(track="3")
        assert missing.status_code == 400
        assert "no sound track 3" in missing.json()["detail"]


@pytest.mark.parametrize("track", ["0", "x", "-1", "1.5", "9" * 5000, "0001" + "9" * 5000, "²"])
def test_a_track_that_is_no_number_is_refused(scripted_client: TestClient, track: str) -> None:
    response = scripted_client.post(
        "/v1/audio/transcriptions", files={"file": b"sound"}, data={"track": track}
    )
    assert response.status_code == 400
    assert response.json()["detail"].startswith("track: expected the number")


def test_an_upload_stands_in_the_line_of_live_speech(models: LoadedModels) -> None:
    queue = models.services.queues["files"]
    before = queue.stats.jobs
    with TestClient(create_app(Settings(), models)) as client:
        answer = client.post("/v1/audio/transcriptions", files={"file": CLIP.read_bytes()})
    assert all(word in answer.json()["text"] for word in WORDS)
    assert queue.stats.jobs - before > len(WORDS)
