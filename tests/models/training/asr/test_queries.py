import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from models.asr.streaming.causal_encoder import BlockSizes
from models.asr.whisper.decoder import WhisperDecoder
from models.asr.whisper.sound import sound_of
from models.asr.whisper.whisper import Whisper, WhisperConfig
from models.asr.whisper.whisper_networks import SoundProjections, WhisperDecoderNetwork
from models.engine import TorchEngine
from models.training.asr.queries import (
    EARLY,
    IGNORED,
    LATE,
    MAIN,
    Queries,
    build_queries,
    decode_queries,
    pack,
)

END = 99
BLOCKS = BlockSizes(chunk=5, first=10)
OPENING = (90, 91)


def queries(ends: list[int], frames: int = 60, seed: int = 0) -> Queries:
    return build_queries(
        OPENING,
        range(len(ends)),
        ends,
        frames=frames,
        blocks=BLOCKS,
        end_of_text=END,
        rng=np.random.default_rng(seed),
    )


@given(
    ends=st.lists(st.integers(1, 80), max_size=12).map(sorted),
    frames=st.integers(1, 70),
    seed=st.integers(0, 5),
)
def test_nothing_is_asked_for_before_it_was_heard(ends: list[int], frames: int, seed: int) -> None:
    made = queries(ends, frames, seed)
    lead = len(OPENING) - 1
    stops = BLOCKS.ends(frames)
    for place, horizon, wanted, kind in zip(
        made.places, made.horizons, made.answers, made.kinds, strict=True
    ):
        if wanted == IGNORED:
            continue
        index = place - lead
        assert horizon in stops
        if wanted != END:
            assert wanted == index
            assert ends[index] <= horizon
        elif kind == EARLY:
            # the next word is not over yet, or was cut off, or there is none
            assert index >= len(ends) or ends[index] > horizon
        if kind == LATE:
            assert horizon > made.horizons[place]


def test_words_that_the_sound_breaks_off_are_not_asked_for() -> None:
    made = queries([12, 22, 61])
    assert made.tokens[: made.main] == [90, 91, 0, 1]
    assert made.answers[: made.main] == [IGNORED, 0, 1, END]
    assert made.horizons[: made.main] == [10, 15, 25, 60]


def test_silence_is_answered_by_the_end() -> None:
    made = queries([])
    assert set(made.answers) == {IGNORED, END}
    assert {made.horizons[i] for i, kind in enumerate(made.kinds) if kind == EARLY} <= set(
        BLOCKS.ends(60)
    )


def test_without_blocks_every_question_hears_the_whole() -> None:
    made = build_queries(
        OPENING, [1, 2], [5, 9], frames=20, blocks=None, end_of_text=END,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert set(made.horizons) == {20}
    assert set(made.kinds) == {MAIN}


def tiny() -> Whisper:
    sizes = {"audio_heads": 2, "audio_layers": 1, "text_heads": 2, "text_layers": 2}
    config = WhisperConfig(
        mels=8, audio_context=60, audio_width=16, text_context=20, text_width=16,
        vocabulary=51864, **sizes,
    )  # fmt: skip
    model = Whisper(config).eval().requires_grad_(False)
    rng = torch.Generator().manual_seed(2)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3, generator=rng)
    return model


def test_one_packed_pass_equals_a_stream_that_asks_one_by_one() -> None:
    """Each query equals a decoder that read every token at its own horizon before."""
    model = tiny()
    encoded = torch.randn(2, 60, 16, generator=torch.Generator().manual_seed(1))
    batch = [queries([12, 22, 31, 55], seed=3), queries([40], seed=4)]
    scores = model.logits(decode_queries(model, encoded, pack(batch, 60)))
    heads = ((0, 0),)
    decoder = WhisperDecoder(model.config, heads, TorchEngine(WhisperDecoderNetwork(model, heads)))
    hear = SoundProjections(model.decoder)
    compared = set()
    for row, made in enumerate(batch):
        for query in range(len(made.tokens)):
            state, out = decoder.open(sound_of(hear(encoded[row : row + 1]))), torch.zeros(0)
            for index in [*range(made.places[query]), query]:
                sound = sound_of(hear(encoded[row : row + 1, : made.horizons[index]]))
                read = decoder.decode([made.tokens[index]], state.over(sound))
                state, out = read.state, read.logits[0]
            # masked and shorter softmax sums differ in their order
            torch.testing.assert_close(scores[row, query], out, rtol=0, atol=1e-4)
            compared.add(made.kinds[query])
    assert compared == {MAIN, EARLY, LATE}
