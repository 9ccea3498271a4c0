"""The looks of a stream are those that training gives the transformer, chunk by chunk."""

import numpy as np
import pytest
import torch

from models.generation.calls import run_alone
from models.generation.codec.codec import FRAMES_PER_LATENT
from models.generation.looks import ChunkLooks
from models.generation.small.looks.encoder import LookEncoder, LookState, PromptLooks, ThingLook
from models.generation.small.looks.facing import facing
from models.generation.small.looks.sprites import backdrop, sprite
from models.training.video.latents import PreparedClip, clip_looks
from tests.models.generation import tiny

COUNT = 5  # latents


def streamed(encoder: LookEncoder, looks: PromptLooks, track: torch.Tensor) -> list[ChunkLooks]:
    state, made = LookState(), []
    for index in range(track.shape[1] // FRAMES_PER_LATENT):
        part = track[:, index * FRAMES_PER_LATENT :][:, :FRAMES_PER_LATENT]
        state, chunk = run_alone(encoder.step(state, looks, part))
        made.append(chunk)
    return made


@pytest.fixture(scope="module")
def encoder() -> LookEncoder:
    return LookEncoder(tiny.looks(), tiny.codec_engines(), tiny.SIDE)


def path() -> torch.Tensor:
    """Return a thing that goes round, and one that goes back and forth."""
    turn = torch.arange(COUNT * FRAMES_PER_LATENT) / 8
    one = torch.stack([0.5 + 0.3 * turn.cos(), 0.5 + 0.3 * turn.sin()], 1)
    two = torch.stack([0.5 + 0.2 * (3 * turn).sin(), torch.full_like(turn, 0.4)], 1)
    return torch.stack([one, two])


def prompt(encoder: LookEncoder) -> PromptLooks:
    duck = encoder.choose("duck", 1, size="small")
    return PromptLooks((duck, encoder.choose("car", 0, color="red")), "stars")


def test_chunk_by_chunk_they_are_those_of_the_whole_clip(encoder: LookEncoder) -> None:
    pictures, track, wanted = tiny.looks(), path(), prompt(encoder)
    sprites, ways = [], []
    for thing, points in zip(wanted.things, track.numpy(), strict=True):
        assert isinstance(thing, ThingLook)
        look = pictures.things[thing.kind][thing.look]
        left, right = (
            sprite(look, frame=tiny.SIDE, size=thing.size, color=thing.color, right=way)
            for way in (False, True)
        )
        sprites.append((left, right))
        way = [0]
        for start in range(0, len(points), FRAMES_PER_LATENT):
            way.append(facing(points[start : start + FRAMES_PER_LATENT], way[-1]))
        ways.append(way[1:])
    frames = np.zeros((COUNT * FRAMES_PER_LATENT, tiny.SIDE, tiny.SIDE, 3), np.uint8)
    clip = PreparedClip(
        frames,
        frames[..., 0],
        track.numpy(),
        frames[..., 0],
        sprites,
        np.array(ways, np.int8),
        backdrop(pictures.grounds["stars"], tiny.SIDE),
        (["duck", "car"], ["free", "free"], "stars", ["small", ""], ["", "red"]),
    )
    with torch.no_grad():
        things, ground = clip_looks(tiny.codec(), clip)
    made = streamed(encoder, wanted, track)
    for index, chunk in enumerate(made):
        assert torch.allclose(chunk.things[:, :, 0], things[:, :, index].float(), atol=2e-3)
        assert torch.allclose(chunk.ground, ground.float(), atol=2e-3)
    assert things.abs().max() > 0.1


def test_a_thing_without_a_track_has_no_look(encoder: LookEncoder) -> None:
    track = path()
    track[0, FRAMES_PER_LATENT : 2 * FRAMES_PER_LATENT] = torch.nan
    made = streamed(encoder, prompt(encoder), track)
    assert made[1].things[0].abs().max() == 0
    assert made[1].things[1].abs().max() > 0
    assert made[2].things[0].abs().max() > 0


def test_looks_of_others_are_not_mixed_up(encoder: LookEncoder) -> None:
    track = path()
    one, two = PromptLooks((encoder.choose("duck", 0),), "grass"), prompt(encoder)
    alone = streamed(LookEncoder(tiny.looks(), tiny.codec_engines(), tiny.SIDE), two, track)
    streamed(encoder, one, track)
    for mine, theirs in zip(streamed(encoder, two, track), alone, strict=True):
        assert torch.equal(mine.things, theirs.things)
        assert torch.equal(mine.ground, theirs.ground)


def test_a_seed_chooses_among_the_looks_of_a_kind(encoder: LookEncoder) -> None:
    assert {encoder.choose("duck", seed).look for seed in range(4)} == {0, 1}
    assert {encoder.choose("car", seed).look for seed in range(4)} == {0}
