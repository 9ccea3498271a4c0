"""Recordings in, events out, against golden files beside them.

`python -m tests.replay.test_replay` writes the golden files again: read the difference.
"""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest

from media.clock import ReplayClock
from media.events.hearing import ListeningConfig
from media.events.session import Output
from media.frames import VideoFrame
from media.pipeline.limits import Limits
from media.pipeline.session import run_session
from media.recording.reader import read_items
from tests.media.pipeline.scripted import replayed
from web.cli.replay import as_fields
from web.config import Settings, read_settings
from web.loading.models import LoadedModels, load_models, turn_detection
from web.rerun import prepend, run_recording

RECORDINGS = sorted((Path(__file__).parent / "recordings").iterdir())
ALIKE = 0.95  # of the letters of all interim captions
CLOSE = 0.05  # seconds: word times move by a frame or two with the processor's rounding


async def replay_all(models: LoadedModels, settings: Settings) -> dict[str, list[Output]]:
    """Return the outputs of each recording; all run at the same time, so models take batches."""
    outputs: dict[str, list[Output]] = {recording.name: [] for recording in RECORDINGS}

    async def replay(recording: Path) -> None:
        async def collect(output: Output) -> None:
            if not isinstance(output, VideoFrame):
                outputs[recording.name].append(output)

        await run_recording(models, settings, recording, collect)

    async with asyncio.TaskGroup() as tasks:
        for recording in RECORDINGS:
            tasks.create_task(replay(recording), name=recording.name)
    return outputs


@pytest.fixture(scope="module")
def together(models: LoadedModels, settings: Settings) -> dict[str, list[Output]]:
    return asyncio.run(replay_all(models, settings))


def events(outputs: Iterable[Output]) -> dict[str, Any]:
    """Return the outputs of a replay by kind, as stages run side by side and kinds mix.

    Evidence is in order of question ids: typed and spoken questions come from different stages.
    """
    kinds: dict[str, list[Any]] = {}
    for output in outputs:
        fields = as_fields(output)
        fields.pop("values", None)  # of a relevance map: tests/models/vision/test_relevance.py
        kinds.setdefault(fields.pop("kind"), []).append(fields)
    captions = kinds.pop("Caption", [])
    evidence = sorted(kinds.pop("Evidence", []), key=lambda fields: str(fields["id"]))
    return {
        **kinds,
        "Evidence": evidence,
        "partial": [" ".join(w["text"].strip() for w in c["words"]) for c in captions],
        "final": [caption for caption in captions if caption["final"]],
        "Answer": joined(kinds.pop("Answer", [])),
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
def test_a_recording_replays_to_its_golden_events(
    together: dict[str, list[Output]], recording: Path
) -> None:
    golden = json.loads((recording / "golden.json").read_text(encoding="utf-8"))
    found = events(together[recording.name])
    # Processors round differently: the last word of an interim caption may be another one.
    interim, expected = (" ".join(each.pop("partial")) for each in (found, golden))
    assert SequenceMatcher(None, interim, expected, autojunk=False).ratio() > ALIKE or not expected
    assert_close(found, golden)


@pytest.mark.slow
async def test_a_replay_is_the_same_alone_and_with_the_sound_in_other_chunks(
    together: dict[str, list[Output]], models: LoadedModels, settings: Settings
) -> None:
    """Beside others, in batches, and alone with channels of one item: the machine at other speeds.

    Not even the last digit differs, but for how sure the model is of an answer: without VNNI,
    ONNX Runtime multiplies one row by weights in 4 bits in another way than several.
    """
    recording = RECORDINGS[0]
    alone: list[str] = []

    async def collect(output: Output) -> None:
        if not isinstance(output, VideoFrame):
            alone.append(line(output))

    source = replayed(read_items(recording, max_duration=60))
    await run_session(
        prepend(ListeningConfig(detection=turn_detection(settings)), source),
        collect,
        services=models.services,
        clock=ReplayClock(),
        limits=replace(Limits.replay(), audio=1, turns=1, vision=1),
    )
    assert models.services.detector.queue.stats.largest_batch > 1
    assert sorted(alone) == sorted(map(line, together[recording.name]))


def line(output: Output) -> str:
    fields = as_fields(output)
    fields.pop("confidence", None)
    return json.dumps(fields, sort_keys=True)


def main() -> None:
    settings = read_settings()
    with load_models(settings) as models:
        outputs = asyncio.run(replay_all(models, settings))
    for recording in RECORDINGS:
        text = json.dumps(
            events(outputs[recording.name]), indent=1, ensure_ascii=False, sort_keys=True
        )
        (recording / "golden.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
