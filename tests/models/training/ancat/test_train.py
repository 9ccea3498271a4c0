import argparse
import json
import os
import signal
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from models.asr.ancat.letters import to_text, to_units
from models.asr.ancat.loading import load_ancat, trained_tensors
from models.asr.ancat.network import FRAME, AncatConfig
from models.asr.words import RATE
from models.training.ancat.batch import TrainingUtterance, make_batch
from models.training.ancat.run import (
    WEIGHTS,
    AncatRun,
    AncatTrainingConfig,
    averaged,
    open_run,
    save_run,
)
from models.training.ancat.score import score_clips
from models.training.ancat.train import advance, settings, temperature, train, validate
from models.training.asr import clips
from models.weights.fetch import fetch_weights
from tests import paths
from tests.models.asr.tiny import CONFIG, tiny_whisper, write_ctranslate2

Begin = Callable[..., AncatRun]
TEXTS = ("a tone", "two tones", "one more tone", "still a tone", "7 tones", "the tone that is held")


@pytest.fixture(scope="module")
def begin_run(tmp_path_factory: pytest.TempPathFactory) -> Begin:
    """Return a function that begins or resumes a run of a given name on tones of known text."""
    folder = tmp_path_factory.mktemp("training")
    corpus = folder / "corpus"
    corpus.mkdir()
    lines = []
    for index, text in enumerate(TEXTS):
        places = np.arange(RATE + index * 2000) / RATE
        soundfile.write(corpus / f"{index}.flac", 0.2 * np.sin(2000 * (index + 1) * places), RATE)
        engine = "held" if index == 5 else "hum"
        lines.append({"path": f"{index}.flac", "text": text, "engine": engine, "voice": "v"})
    (corpus / "manifest.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    clips.pack_clips([corpus], folder / "packed", print)
    whisper = folder / "random"
    write_ctranslate2(tiny_whisper(CONFIG), whisper)
    table = fetch_weights("tiny.en", paths.WEIGHTS) / "tokenizer.json"
    (whisper / "tokenizer.json").write_bytes(table.read_bytes())
    model = AncatConfig(whisper=str(whisper), layers=1, joint=8, scheduler=4, ahead=3)
    config = AncatTrainingConfig(
        model=model, warmup=1, end=100, batch_seconds=6, engines=(("hum", 1.0),),
        held_out=("held",), validation=1, average=0.9,
    )  # fmt: skip
    torch.set_num_threads(1)

    def started(name: str, start: str | None = None, **changed: object) -> AncatRun:
        (folder / name).mkdir(exist_ok=True)
        own = replace(config, **changed)  # type: ignore[arg-type]  # names are checked when called
        from_folder = folder / start if start else None
        return open_run(own, folder / "packed", folder / name, folder, start=from_folder)

    return started


def skip(run: AncatRun) -> None:
    assert run.step


@pytest.mark.slow
def test_a_resumed_run_is_the_run_that_was_never_stopped(begin_run: Begin) -> None:
    whole = begin_run("whole")
    train(whole, 4, skip, every=100)
    train(begin_run("halved"), 2, skip, every=100)
    halved = begin_run("halved")
    assert halved.step == 2
    train(halved, 4, skip, every=100)
    assert halved.sound == whole.sound > 0
    for name, tensor in trained_tensors(whole.model).items():
        torch.testing.assert_close(trained_tensors(halved.model)[name], tensor, rtol=0, atol=0)
        torch.testing.assert_close(halved.average[name], whole.average[name], rtol=0, atol=0)
    steps = (halved.folder / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in steps] == [1, 2, 3, 4]


@pytest.mark.slow
def test_a_signal_to_end_writes_the_run_down(begin_run: Begin) -> None:
    run = begin_run("stopped")
    train(run, 50, lambda _: os.kill(os.getpid(), signal.SIGTERM), every=2)
    assert run.step == 2
    assert begin_run("stopped").step == 2
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_steps_change_everything_but_the_frozen_front(begin_run: Begin) -> None:
    run = begin_run("changing")
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    train(run, 2, skip, every=100)
    changed = {
        name
        for name, value in run.model.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert changed == set(trained_tensors(run.model))


@pytest.mark.slow
def test_the_same_items_again_and_again_are_learnt(begin_run: Begin) -> None:
    run = begin_run("learning", rate=3e-3, fresh=1e-2, warmup=2)
    losses = []
    for _ in range(15):
        run.step = 3  # the step's number draws its data
        losses.append(advance(run)["transducer"])
    assert float(str(losses[-1])) < 0.7 * float(str(losses[0]))


@pytest.mark.slow
def test_a_look_ahead_cost_makes_the_look_ahead_shorter(begin_run: Begin) -> None:
    delays = []
    for late in (0.0, 5.0):
        run = begin_run(f"late {late}", fresh=0.1, late=late, cooling=10)
        train(run, 8, skip, every=100)
        last = (run.folder / "log.jsonl").read_text().splitlines()[-1]
        delays.append(json.loads(last)["delay"])
    assert delays[1] < 0.6 * delays[0]


@pytest.mark.slow
def test_a_run_begins_with_the_smoothed_weights_of_another(begin_run: Begin) -> None:
    shared = begin_run("shared", shared=True)
    train(shared, 5, skip, every=100)
    lines = (shared.folder / "log.jsonl").read_text().splitlines()
    modes = {json.loads(line)["mode"] for line in lines}
    assert len(modes) > 1
    assert modes <= {"causal", "fixed", "full"}
    causal = replace(shared.config.model, mode="causal")
    run = begin_run("row", start="shared", model=causal)
    assert run.step == 0
    assert not any(name.startswith("schedulers") for name in trained_tensors(run.model))
    for name, tensor in trained_tensors(run.model).items():
        torch.testing.assert_close(tensor, shared.average[name], rtol=0, atol=0)


def test_the_kept_weights_are_the_average_and_say_what_they_are(begin_run: Begin) -> None:
    run = begin_run("kept", late=0.01)
    train(run, 3, skip, every=100)
    save_run(run)
    model, about = load_ancat(run.folder / WEIGHTS, run.folder)
    assert (about["step"], about["late"]) == (3, 0.01)
    assert model.config == run.config.model
    for name, tensor in trained_tensors(model).items():
        torch.testing.assert_close(tensor, run.average[name].half().float(), rtol=0, atol=0)
    torch.testing.assert_close(
        averaged(run).pool.weight, run.average["pool.weight"], rtol=0, atol=0
    )


def test_validation_records_errors_and_look_ahead_of_the_held_out_engines(begin_run: Begin) -> None:
    run = begin_run("validated", shared=True)
    validate(run)
    lines_read = (run.folder / "validation.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in lines_read]
    assert [line["mode"] for line in lines] == ["causal", "fixed", "full"]
    assert all(line["words"] == 5 for line in lines)
    assert 0 == lines[0]["mean"] < lines[1]["mean"] < lines[2]["mean"]
    assert lines[1]["p95"] == pytest.approx(2 * FRAME / RATE)  # three of half a frame


def test_the_score_counts_words_and_the_look_ahead_in_seconds(begin_run: Begin) -> None:
    run = begin_run("score_clips")
    pairs = [(run.clips.samples(spell.clip), spell.clip.text) for spell in run.pools["hum"]]
    result = score_clips(averaged(run), pairs, mode="full")
    assert result.total.words == sum(len(text.split()) for text in TEXTS[:4])
    # To the end of a clip of n seconds and 0.8 s of silence after it, from each of its frames.
    seconds = [len(sound) / RATE for sound, _ in pairs]
    assert result.delays.max() == pytest.approx(max(seconds) + 0.8, abs=2 * FRAME / RATE)
    assert len(result.delays) == sum(int(s * RATE) // FRAME for s in seconds)


def test_texts_that_cannot_be_spelt_are_left_out(begin_run: Begin) -> None:
    run = begin_run("spell")
    assert sorted(spell.clip.text for spell in run.pools["hum"]) == sorted(TEXTS[:4])
    with pytest.raises(ValueError, match="no clips to learn from of whistle"):
        begin_run("whistled", engines=(("whistle", 1.0),))


def test_a_resumed_run_keeps_the_settings_that_it_began_with(tmp_path: Path) -> None:
    given = argparse.Namespace(
        run=tmp_path, mode="fixed", ahead=2, late=0.5, shared=False, start=Path("shared"), end=None
    )
    config = settings(given)
    assert (config.model.mode, config.model.ahead, config.late) == ("fixed", 2, 0.5)
    (tmp_path / "config.json").write_text(json.dumps(asdict(config)))
    given.mode, given.late = "causal", 0.0
    assert settings(given) == config


def test_a_short_run_warms_up_and_cools_in_its_share_of_the_steps(tmp_path: Path) -> None:
    given = argparse.Namespace(
        run=tmp_path, mode="adaptive", ahead=8, late=0.0, shared=True, start=None, end=400
    )
    config = settings(given)
    assert (config.end, config.warmup, config.cooling, config.guided) == (400, 40, 200, 200)


def test_gates_cool_from_one_and_stay_cold() -> None:
    config = AncatTrainingConfig(model=AncatConfig(), cold=0.1, cooling=100)
    assert temperature(config, 0) == 1.0
    assert temperature(config, 50) == pytest.approx(0.1**0.5)
    assert temperature(config, 100) == temperature(config, 900) == pytest.approx(0.1)


def spoken() -> TrainingUtterance:
    units = tuple(to_units("a tone"))
    return TrainingUtterance(
        np.full(RATE, 0.1, np.float32), units, np.linspace(0.3, 0.9, len(units))
    )


def test_a_batch_has_whole_utterances_one_or_more_and_silence_after_them() -> None:
    tones = set()
    for seed in range(12):
        heard = make_batch(spoken, 12, 6.0, np.random.default_rng(seed))
        assert heard.mel.shape[0] == len(heard.counts) >= 1
        assert heard.mel.shape[2] % 4 == 0
        assert heard.mel.shape[2] <= 100 * (2 * 6.0 + 2)
        for row, count in zip(heard.labels.tolist(), heard.counts.tolist(), strict=True):
            text = to_text(row[:count])
            assert text == " a tone" * (count // 7)
            tones.add(count // 7)
        for lines_read, row in zip(heard.guide.tolist(), heard.labels.tolist(), strict=True):
            assert len(lines_read) * 4 == heard.mel.shape[2]
            assert [unit for unit in lines_read if unit] == [unit for unit in row if unit]
    assert {1, 2, 3} <= tones
    assert max(tones) <= 6


def test_a_batch_is_drawn_from_its_numbers_alone() -> None:
    one, two = (make_batch(spoken, 8, 16.0, np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(one.mel, two.mel)
    assert torch.equal(one.labels, two.labels)
