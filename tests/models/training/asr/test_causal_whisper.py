import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from models import lora
from models.asr.whisper.loading import read_checkpoint
from models.asr.words import RATE
from models.training.asr import clips
from models.training.asr.adapter_run import AdapterRun, AdapterTrainingConfig, open_run, save_run
from models.training.asr.causal_whisper import train, validate
from models.weights.fetch import fetch_weights
from tests.models.asr.tiny import CONFIG, tiny_whisper, write_ctranslate2
from tests.paths import WEIGHTS

Begin = Callable[[str], AdapterRun]


@pytest.fixture(scope="module")
def begin_run(tmp_path_factory: pytest.TempPathFactory) -> Begin:
    """Return a function that begins or resumes a run of a given name on hums of known text."""
    folder = tmp_path_factory.mktemp("training")
    corpus = folder / "corpus"
    corpus.mkdir()
    rng = np.random.default_rng(1)
    lines = []
    for index in range(6):
        sound = rng.standard_normal(RATE + index * 2000) * 0.1
        soundfile.write(corpus / f"{index}.flac", sound, RATE)
        engine = "held" if index == 5 else "hum"
        text = f"This hum has the number {index}."
        lines.append({"path": f"{index}.flac", "text": text, "engine": engine, "voice": "v"})
    (corpus / "manifest.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    clips.pack_clips([corpus], folder / "packed", print)
    model = folder / "random"
    write_ctranslate2(tiny_whisper(CONFIG), model)
    table = fetch_weights("tiny.en", WEIGHTS) / "tokenizer.json"
    (model / "tokenizer.json").write_bytes(table.read_bytes())
    config = AdapterTrainingConfig(
        model=str(model), aligner=str(model), rank=2, warmup=1, seconds=(1, 2), batch_seconds=3,
        engines=(("hum", 1.0),), held_out=("held",), validation=1,
    )  # fmt: skip
    torch.set_num_threads(1)

    def started(name: str) -> AdapterRun:
        (folder / name).mkdir(exist_ok=True)
        return open_run(config, folder / "packed", folder / name, folder)

    return started


def skip(run: AdapterRun) -> None:
    assert run.step


@pytest.mark.slow
def test_a_resumed_run_is_the_run_that_was_never_stopped(begin_run: Begin) -> None:
    whole = begin_run("whole")
    train(whole, 4, skip, every=100)
    train(begin_run("halved"), 2, skip, every=100)
    halved = begin_run("halved")
    assert halved.step == 2
    train(halved, 4, skip, every=100)
    for one, two in zip(whole.trained, halved.trained, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
    for mean, other in zip(whole.average, halved.average, strict=True):
        torch.testing.assert_close(mean, other, rtol=0, atol=0)
    steps = (halved.folder / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in steps] == [1, 2, 3, 4]


@pytest.mark.slow
def test_steps_change_the_adapters_and_nothing_else(begin_run: Begin) -> None:
    run = begin_run("changing")
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    train(run, 2, skip, every=100)
    changed = {
        name
        for name, value in run.network.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert changed
    assert all(name.endswith((".a", ".b")) for name in changed)


@pytest.mark.slow
def test_the_same_items_again_and_again_are_learnt(begin_run: Begin) -> None:
    run = begin_run("learning")
    run.config = replace(run.config, rate=1e-2, seconds=(1,))
    losses: list[float] = []
    for _ in range(16):
        run.step = 0  # the step's number draws its data
        before = len((run.folder / "log.jsonl").read_text()) if losses else 0
        train(run, 1, skip, every=100)
        losses.append(json.loads((run.folder / "log.jsonl").read_text()[before:])["loss"])
    assert losses[-1] < 0.9 * losses[0]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.slow
def test_the_kept_adapter_is_the_average_and_loads(begin_run: Begin) -> None:
    run = begin_run("kept")
    train(run, 3, skip, every=100)
    own = [parameter.detach().clone() for parameter in run.trained]
    save_run(run)
    for parameter, value in zip(run.trained, own, strict=True):
        torch.testing.assert_close(parameter.data, value, rtol=0, atol=0)
    plain = read_checkpoint(Path(run.config.model)).build()
    adapter = lora.read(run.folder / "adapter.safetensors")
    assert adapter.notes["step"] == 3
    lora.merge(plain.projections(feed_forward=run.config.feed_forward), adapter)
    for mean, name in zip(run.average, run.names, strict=True):
        torch.testing.assert_close(adapter.tensors[name], mean.half(), rtol=0, atol=0)


def test_validation_streams_the_engines_that_are_held_out(begin_run: Begin) -> None:
    run = begin_run("validated")
    validate(run)
    (line,) = (run.folder / "validation.jsonl").read_text().splitlines()
    noted = json.loads(line)
    assert noted["chunk 15"]["words"] == noted["chunk 50"]["words"] == 6
