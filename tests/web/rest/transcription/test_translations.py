"""Files in other languages: transcribed, detected and translated, with real weights."""

from collections.abc import Iterator

import pytest
import webvtt
from openai import BadRequestError, OpenAI
from openai.types.audio import TranslationVerbose
from starlette.testclient import TestClient

from tests.paths import DATA
from tests.web.served import scripted_models
from web.app import create_app
from web.config import Settings
from web.loading.models import LoadedModels

FRENCH = DATA / "languages" / "fr-vm-sorry.opus"
SAID = "Désolé, je n'ai pas bien compris votre réponse."


@pytest.fixture(scope="module")
def client(models: LoadedModels) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(), models)) as client:
        yield client


@pytest.fixture(scope="module")
def openai(client: TestClient) -> OpenAI:
    return OpenAI(api_key="any", base_url=f"{client.base_url}/v1", http_client=client)


@pytest.mark.slow
def test_a_file_is_transcribed_in_its_language_named_or_detected(openai: OpenAI) -> None:
    create = openai.audio.transcriptions.create
    named = create(file=FRENCH, model="whisper-1", language="fr", response_format="verbose_json")
    assert (named.text, named.language) == (SAID, "french")
    found = create(file=FRENCH, model="whisper-1", language="auto", response_format="verbose_json")
    assert (found.text, found.language) == (SAID, "french")
    detected = found.model_dump()["detected_language"]
    assert detected["language"] == "fr"
    assert detected["probability"] > 0.9


@pytest.mark.slow
def test_a_file_is_translated_as_text_and_as_subtitles(client: TestClient) -> None:
    def translated(format: str) -> bytes:
        files = {"file": (FRENCH.name, FRENCH.read_bytes())}
        data = {"model": "whisper-1", "response_format": format}
        return client.post("/v1/audio/translations", files=files, data=data).content

    text = TranslationVerbose.model_validate_json(translated("verbose_json"))
    assert text.language == "english"
    assert "understand" in text.text
    (cue,) = webvtt.from_string(translated("vtt").decode()).captions
    assert cue.text == text.text
    assert 0 <= cue.start_in_seconds < cue.end_in_seconds <= float(text.duration)


def test_a_language_that_the_service_does_not_have_is_refused() -> None:
    with (
        scripted_models() as models,
        TestClient(create_app(Settings(languages=("en", "de")), models)) as client,
    ):
        openai = OpenAI(api_key="any", base_url=f"{client.base_url}/v1", http_client=client)
        with pytest.raises(BadRequestError, match="French is not among") as refused:
            openai.audio.transcriptions.create(file=FRENCH, model="base", language="fr")
    assert refused.value.code == "language_not_available"


def test_a_model_that_cannot_be_loaded_is_said() -> None:
    with (
        scripted_models() as models,
        TestClient(create_app(Settings(), models)) as client,
        FRENCH.open("rb") as file,
    ):
        answer = client.post("/v1/audio/translations", files={"file": file})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "language_unavailable"


def test_a_service_of_english_alone_has_nothing_to_translate() -> None:
    with (
        scripted_models() as models,
        TestClient(create_app(Settings(languages=("en",)), models)) as client,
        FRENCH.open("rb") as file,
    ):
        answer = client.post("/v1/audio/translations", files={"file": file})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "language_not_available"
