"""Recordings in, events out, against golden files beside them.

`python -m tests.replay.test_replay` writes the golden files again: read the difference.
"""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from media.clock import ReplayClock
from media.events import Output
from media.frames import VideoFrame
from media.pipeline.limits import Limits
from media.pipeline.session import run_session
from media.recording.reader import read_items
from tests.media.pipeline.scripted import replayed
from web.cli.replay import as_fields, run_recording
from web.config import Settings, read_settings
from web.loading.models import LoadedModels, load_models

RECORDINGS = sorted((Path(__file__).parent / "recordings").iterdir())
CLOSE = 0.05  # seconds: word times move by a frame or two with the processor's rounding


async def events(models: LoadedModels, settings: Settings, recording: Path) -> dict[str, Any]:
    """Return the outputs of a replay by kind, as stages run side by side and kinds mix.

    Evidence is in order of question ids: typed and spoken questions come from different stages.
    """
    outputs: dict[str, list[Any]] = {}

    async def collect(output: Output) -> None:
        if isinstance(output, VideoFrame):
            return
        fields = as_fields(output)
        fields.pop("values", None)  # of a relevance map: tests/models/vision/test_relevance.py
        outputs.setdefault(fields.pop("kind"), []).append(fields)

    await run_recording(models, settings, recording, collect)
    captions = outputs.pop("Caption", [])
    evidence = sorted(outputs.pop("Evidence", []), key=lambda fields: str(fields["id"]))
    return {
        **outputs,
        "Evidence": evidence,
        "partial": [" ".join(w["text"].strip() for w in c["words"]) for c in captions],
        "final": [caption for caption in captions if caption["final"]],
        "Answer": joined(outputs.pop("Answer", [])),
    }


def joined(pieces: list[dict[str, Any]]) -> dict[str, str]:
    """Return the whole text of each answer by its question."""
    texts: dict[str, str] = {}
    for piece in pieces:
        texts[piece["id"]] = texts.get(piece["id"], "") + piece["text"]
    return texts


def assert_close(found: Any, golden: Any, where: str = "") -> None:
    """Assert that both are the same, times within `CLOSE`."""
    if isinstance(golden, dict):
        assert found.keys() == golden.keys(), where
        for key, value in golden.items():
            assert_close(found[key], value, f"{where}.{key}")
    elif isinstance(golden, list):
        assert len(found) == len(golden), where
        for index, value in enumerate(golden):
            assert_close(found[index], value, f"{where}[{index}]")
    elif isinstance(golden, float):
        assert found == pytest.approx(golden, abs=CLOSE), where
    else:
        assert found == golden, where


@pytest.mark.slow
@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.name)
async def test_a_recording_replays_to_its_golden_events(
    models: LoadedModels, settings: Settings, recording: Path
) -> None:
    golden = json.loads((recording / "golden.json").read_text(encoding="utf-8"))
    assert_close(await events(models, settings, recording), golden)


@pytest.mark.slow
async def test_a_replay_is_the_same_with_the_sound_in_other_chunks(
    models: LoadedModels, settings: Settings
) -> None:
    """Whole, as it was recorded, and with channels of one item: the machine at other speeds."""
    recording = RECORDINGS[0]
    finals = []
    for limits in (Limits.replay(), replace(Limits.replay(), audio=1, turns=1, vision=1)):
        captions: list[str] = []

        async def collect(output: Output, captions: list[str] = captions) -> None:
            if not isinstance(output, VideoFrame):
                captions.append(json.dumps(as_fields(output), sort_keys=True))

        await run_session(
            replayed(read_items(recording, max_duration=60)),
            collect,
            services=models.services,
            clock=ReplayClock(),
            limits=limits,
        )
        finals.append(sorted(captions))
    assert finals[0] == finals[1]


def main() -> None:
    settings = read_settings()
    with load_models(settings) as models:
        for recording in RECORDINGS:
            outputs = asyncio.run(events(models, settings, recording))
            text = json.dumps(outputs, indent=1, ensure_ascii=False, sort_keys=True)
            (recording / "golden.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
