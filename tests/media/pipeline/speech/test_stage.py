from typing import Any

from media.clock import ReplayClock
from media.events.answers import Announce, Speech
from media.events.session import Output
from media.events.vision import Degraded
from media.pipeline.limits import Limits
from media.pipeline.session import run_session
from tests.media.pipeline.scripted import (
    ToneSynthesizer,
    chunks,
    replayed,
    scripted_services,
    silence,
)


class GermanTone(ToneSynthesizer):
    rate = 16_000


async def announced(*languages: str, **models: Any) -> list[Output]:
    out: list[Output] = []

    async def keep(output: Output) -> None:
        out.append(output)

    said = [
        Announce(f"a{number}", "Ich sehe eine Tasse.", 0.1, True, language=language)
        for number, language in enumerate(languages)
    ]
    with scripted_services(**models) as services:
        await run_session(
            replayed([*said, *chunks(silence(1))]),
            keep,
            services=services,
            clock=ReplayClock(),
            limits=Limits.replay(),
        )
    return out


def rates(found: list[Output]) -> list[int]:
    return [each.chunk.rate for each in found if isinstance(each, Speech) and each.chunk]


async def test_an_answer_is_spoken_by_the_voice_of_its_language() -> None:
    found = await announced("en", "de", other_voices={"de": GermanTone()})
    assert rates(found) == [24_000, 16_000]
    assert not [each for each in found if isinstance(each, Degraded)]


async def test_without_a_voice_of_its_language_an_answer_is_text_and_that_is_told_once() -> None:
    found = await announced("fr", "fr", "en")
    assert rates(found) == [24_000]
    assert [each.status for each in found if isinstance(each, Speech) and not each.chunk] == [
        "completed"
    ] * 3
    (told,) = [each.message for each in found if isinstance(each, Degraded)]
    assert "answers in French are text" in told
