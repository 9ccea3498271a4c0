"""The video generator of live sessions, with tiny random weights read from files."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from models.errors import EngineError, WeightsError
from models.generation.chunk_request import ChunkRequest, Pixels
from models.generation.codec.networks import CodecEngines
from models.generation.context import Reach
from models.generation.control import ChunkControl
from models.generation.dit import Dit, KeysValues
from models.generation.generator import FrameGenerator
from models.generation.samplers.registry import create_sampler
from models.generation.small import planner
from models.generation.small.generator import SmallVideoGenerator, SmallVideoState, fit, load
from models.generation.small.info import SmallVideoInfo
from models.generation.small.loading import PromptedDit, save
from models.generation.small.prompts.reader import read_prompt
from tests.models.generation import tiny

SIDE = 8 * tiny.SIZE
NAMES = ("motion-stream", "rolling-forcing", "stream-dit")
DUCK = (("a duck on grass", 1.0),)
CAR = (("a car on stars", 1.0),)


def written(folder: Path) -> Path:
    """Write a tiny model as training does."""
    codec = tiny.codec()
    header = {"config": json.dumps(asdict(codec.config))}
    save_file(codec.state_dict(), folder / "codec.safetensors", metadata=header)
    shows = SmallVideoInfo(SIDE, ("duck", "car"), ("grass", "stars"), Reach(sink=1, window=2))
    save(folder / "drawing.safetensors", PromptedDit(tiny.dit(), tiny.words()), shows, {})
    return folder


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> SmallVideoGenerator:
    torch.set_num_threads(1)
    return load(written(tmp_path_factory.mktemp("drawing")))


def generate(
    generator: SmallVideoGenerator, name: str, requests: Sequence[ChunkRequest], *, seed: int = 7
) -> list[Pixels]:
    state = generator.init_state(name, seed)
    out: list[Pixels] = []
    for request in requests:
        state, pictures = generator.step(state, request)
        out += pictures
    return out


def requests(count: int, name: str = NAMES[0], **changes: Any) -> list[ChunkRequest]:
    steps = {"motion-stream": 2, "rolling-forcing": 5, "stream-dit": 1}[name]
    return [ChunkRequest(**{"prompt": DUCK, "steps": steps, **changes}) for _ in range(count)]


def flat(value: int) -> list[Pixels]:
    return [np.full((48, 64, 3), value, np.uint8) for _ in range(4)]


def test_it_says_what_it_is_and_what_it_can_do(generator: SmallVideoGenerator) -> None:
    assert generator.size == (SIDE, SIDE)
    assert f"{SIDE} x {SIDE}" in generator.about
    assert tuple(generator.samplers) == NAMES
    assert {name: steps.default for name, steps in generator.samplers.items()} == {
        "motion-stream": 2,
        "rolling-forcing": 5,
        "stream-dit": 1,
    }


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_those_of_the_sampler_with_the_planned_track(
    generator: SmallVideoGenerator, name: str
) -> None:
    drawing = generator._model
    made = FrameGenerator(create_sampler(name, drawing.backbone(), seed=7), drawing.codec)
    plan = planner.plan_motion(read_prompt(DUCK[0][0], drawing.info.vocabulary))
    state, expected = made.init_state(), []
    prompt = drawing.prompt_encoder.prompt(DUCK[0][0])
    for chunk in range(7):
        track = torch.full((2, 4, 2), torch.nan)
        track[:1] = plan.chunk(chunk)
        state, pictures = made.step(state, ChunkControl(prompt, track))
        expected += [picture for each in pictures for picture in each]
    got = generate(generator, name, requests(7, name))
    assert (
        len(got) == len(expected) == 4 * (7 - generator.lag(name, generator.samplers[name].default))
    )
    np.testing.assert_array_equal(got, expected)
    assert got[0].shape == (SIDE, SIDE, 3)
    assert got[0].dtype == np.uint8


@pytest.mark.parametrize("name", NAMES)
def test_the_same_requests_give_the_same_frames_and_another_seed_others(
    generator: SmallVideoGenerator, name: str
) -> None:
    asked = requests(7, name)
    one, again = generate(generator, name, asked), generate(generator, name, asked)
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, generate(generator, name, asked, seed=8))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "change",
    [
        {"prompt": CAR},
        {"prompt": (*DUCK, ("a car on stars", 1.0))},
        {"track": np.full((1, 4, 2), 0.9, np.float32)},
        {"start": flat(200), "strength": 0.7},
        {"steps": 1},
    ],
)
def test_a_later_request_keeps_earlier_frames_and_changes_later_ones(
    generator: SmallVideoGenerator, name: str, change: dict[str, Any]
) -> None:
    if change == {"steps": 1} and name != "motion-stream":
        change = {"steps": 3}
    before, after = requests(6, name), requests(8, name, **change)
    plain = generate(generator, name, [*before, *requests(8, name)])
    other = generate(generator, name, [*before, *after])
    done = 4 * (6 - generator.lag(name, generator.samplers[name].default))
    np.testing.assert_array_equal(plain[:done], other[:done])
    assert not np.array_equal(plain[done:], other[done:][: len(plain) - done])


def test_two_sessions_do_not_disturb_each_other(generator: SmallVideoGenerator) -> None:
    alone = generate(generator, NAMES[0], requests(4))
    one, two = generator.init_state(NAMES[0], 7), generator.init_state("rolling-forcing", 1)
    out: list[Pixels] = []
    for first, second in zip(requests(4), requests(4, "rolling-forcing", prompt=CAR), strict=True):
        one, pictures = generator.step(one, first)
        two, _ = generator.step(two, second)
        out += pictures
    np.testing.assert_array_equal(out, alone)


@pytest.mark.parametrize("name", NAMES)
def test_sessions_that_step_together_get_what_each_gets_alone(
    generator: SmallVideoGenerator, name: str
) -> None:
    """Their prompts are of other lengths; one has a camera, one other steps, one starts later."""
    camera = {"start": flat(90), "strength": 0.7, "prompt": CAR}
    fewer = {} if name == "rolling-forcing" else {"steps": 3}
    asked = [requests(7, name), requests(7, name, **camera), requests(6, name, **fewer)]
    alone = [generate(generator, name, each, seed=seed) for seed, each in enumerate(asked)]
    states = [generator.init_state(name, seed) for seed in range(3)]
    together: list[list[Pixels]] = [[], [], []]
    for chunk in range(7):
        present = [0, 1] if chunk < 1 else [0, 1, 2]
        given = [asked[n][chunk - (n == 2)] for n in present]
        made = generator.step_many([states[n] for n in present], given)
        for n, (state, pictures) in zip(present, made, strict=True):
            states[n] = state
            together[n] += pictures
    for one, other in zip(alone, together, strict=True):
        assert len(one) == len(other)
        apart = np.abs(np.stack(one).astype(int) - np.stack(other).astype(int))
        assert apart.max() <= 1  # rounding of float32 sums in another order


@pytest.mark.parametrize("name", NAMES)
def test_states_are_valid_after_a_step_of_several_that_raised(
    generator: SmallVideoGenerator, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One session has its chunk already when the other's decoding fails."""
    states = [generator.init_state(name, seed) for seed in range(2)]
    request = requests(1, name)[0]
    for _ in range(6):
        states = [state for state, _ in generator.step_many(states, [request] * 2)]
    expected = [pictures for _, pictures in generator.step_many(states, [request] * 2)]
    decode, calls = CodecEngines.decode, count()

    def failing(self: CodecEngines, latent: Tensor, before: Any = None) -> Any:
        if next(calls):
            raise EngineError("out of memory")
        return decode(self, latent, before)

    with monkeypatch.context() as patched:
        patched.setattr(CodecEngines, "decode", failing)
        with pytest.raises(EngineError, match="out of memory"):
            generator.step_many(states, [request] * 2)
    again = [pictures for _, pictures in generator.step_many(states, [request] * 2)]
    np.testing.assert_array_equal(again, expected)


@pytest.mark.parametrize("name", NAMES)
def test_from_the_camera_strength_0_shows_it_and_more_leaves_less_of_it(
    generator: SmallVideoGenerator, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Dit.denoise

    def noise_and_all(
        self: Dit, noisy: Tensor, *rest: Any, **others: Any
    ) -> tuple[Tensor, KeysValues]:
        """Take the noisy latents for clean ones: a model at random shows nothing of them."""
        return noisy, made(self, noisy, *rest, **others)[1]

    monkeypatch.setattr(Dit, "denoise", noise_and_all)
    starts = [flat(30 * n) for n in range(8)]

    def shown(strength: float) -> np.ndarray[Any, Any]:
        asked = [
            request
            for start in starts
            for request in requests(1, name, start=start, strength=strength, prompt=DUCK)
        ]
        return np.stack(generate(generator, name, asked)).astype(np.float64)

    codec, encoder, decoder, through = tiny.codec(), None, None, []
    for start in starts:  # what the codec alone makes of the camera
        pixels = torch.from_numpy(np.stack([fit(each, generator.size) for each in start]))
        with torch.no_grad():
            latents, encoder = codec.encode(
                pixels.permute(3, 0, 1, 2)[None].float() / 127.5 - 1, encoder
            )
            clip, decoder = codec.decode(latents, decoder)
        through += list(((clip[0].permute(1, 2, 3, 0) + 1) * 127.5).round().clamp(0, 255).numpy())
    as_it_is = shown(0.0)
    count = len(as_it_is)
    np.testing.assert_allclose(as_it_is, through[:count], atol=1)  # latents are summed otherwise
    apart = [np.abs(shown(s) - as_it_is).mean() for s in (0.3, 1.0)]
    assert 0 < apart[0] < apart[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_steps_may_change_from_chunk_to_chunk(generator: SmallVideoGenerator, name: str) -> None:
    most = generator.samplers[name].maximum
    state: SmallVideoState = generator.init_state(name, 0)
    count = 0
    for number in range(30):
        steps = most if number % 10 < 7 else max(1, most - 2)
        state, pictures = generator.step(state, requests(1, name, steps=steps)[0])
        assert all(np.isfinite(picture).all() for picture in pictures)
        count += len(pictures)
    assert count > 0


def test_it_says_what_it_read_and_draws_nothing_that_it_does_not_know(
    generator: SmallVideoGenerator,
) -> None:
    assert generator.prompt_notices(DUCK) == ()
    (motion,) = generator.prompt_notices((("a duck moving on grass to the left", 1.0),))
    assert motion.endswith("from the words: left")
    unknown = (("a cat on grass", 1.0),)
    assert '"cat"' in generator.refusal(unknown)
    with pytest.raises(ValueError, match='"cat"'):
        generate(generator, NAMES[0], requests(1, prompt=unknown))


def test_other_words_for_the_same_draw_the_same(generator: SmallVideoGenerator) -> None:
    one = generate(generator, NAMES[0], requests(2, prompt=(("two mallards on a lawn", 1.0),)))
    np.testing.assert_array_equal(one, generate(generator, NAMES[0], requests(2)))


@pytest.mark.parametrize(("height", "width"), [(64, 48), (48, 64), (720, 1280), (8, 8), (1, 1)])
def test_a_camera_picture_of_any_shape_fits_without_being_squeezed(height: int, width: int) -> None:
    ramp = np.zeros((height, width, 3), np.uint8)
    ramp[:, : width // 2] = 200
    fitted = fit(ramp, (16, 16))
    assert fitted.shape == (16, 16, 3)
    if width > 1:
        assert fitted[:, :7].min() == 200
        assert fitted[:, 9:].max() == 0


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"codec\.safetensors.*drawing\.safetensors"):
        load(tmp_path)
