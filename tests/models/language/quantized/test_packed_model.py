"""Weights kept in 4 bits against the same weights unpacked to float32."""

from pathlib import Path

import pytest
import torch

from models.errors import WeightsError
from models.language import smollm2
from models.language.decoder import generate
from models.language.smollm2 import FILE, ChatModel, question_prompt, system_prompt
from models.memory.prefill import Frame
from models.memory.rekv import Rekv, RekvConfig
from tests.models.language.quantized import quantized_file
from tests.models.packaged import folder

SEEN = ("cup", "dog", "guitar", "banana", "clock", "umbrella")
END = "<|im_end|>\n"
OPENING = "<|im_start|>ac"  # three tokens, as those of PROMPT
BY_IDS = RekvConfig(window=20, internal=False)
PROMPT = torch.tensor([1, 3, 5, 4, 6, 7, 2, 3, 3, 8])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("quantized")
    quantized_file.saved(made)
    return made


@pytest.fixture
def both(place: Path) -> tuple[ChatModel, ChatModel]:
    """The model in float32 and in 4 bits."""
    return smollm2.load(place), smollm2.load_quantized(place, opening=OPENING)


def scores(chat: ChatModel, tokens: torch.Tensor) -> torch.Tensor:
    """Return the scores after each of `tokens`, (count, vocabulary), read one by one."""
    decoder = chat.decoder
    caches = decoder.new_caches(4)
    with torch.no_grad():
        return torch.stack(
            [decoder.next_scores(decoder.embed(one[None]), caches) for one in tokens]
        )


def test_scores_are_those_of_the_unpacked_weights(both: tuple[ChatModel, ChatModel]) -> None:
    plain, packed = both
    expected = scores(plain, PROMPT)
    # float32 in another order of sums
    torch.testing.assert_close(scores(packed, PROMPT), expected, rtol=1e-4, atol=1e-4)
    assert float(expected.std()) > 1


def test_embeddings_are_the_same_to_the_bit(both: tuple[ChatModel, ChatModel]) -> None:
    plain, packed = both
    tokens = torch.arange(len(quantized_file.TOKENS))
    assert torch.equal(packed.decoder.embed(tokens), plain.decoder.embed(tokens))


def test_greedy_tokens_are_the_same_one_by_one(both: tuple[ChatModel, ChatModel]) -> None:
    generated = [
        list(
            generate(
                chat.decoder, chat.decoder.embed(PROMPT), chat.decoder.new_caches(9), max_tokens=20
            )
        )
        for chat in both
    ]
    assert generated[0] == generated[1]
    assert len(set(generated[0])) > 1


def test_one_token_at_a_time_gives_what_all_at_once_give(both: tuple[ChatModel, ChatModel]) -> None:
    _, packed = both
    decoder = packed.decoder
    with torch.no_grad():
        whole = decoder.next_scores(decoder.embed(PROMPT), decoder.new_caches(4))
    torch.testing.assert_close(scores(packed, PROMPT)[-1], whole, rtol=1e-4, atol=1e-4)


def test_a_memory_of_packed_weights_equals_one_of_unpacked_weights(
    both: tuple[ChatModel, ChatModel],
) -> None:
    rng = torch.Generator().manual_seed(1)
    frames = [
        Frame(torch.randn(5, quantized_file.WIDTH, generator=rng), float(t), t + 1.0)
        for t in range(12)
    ]
    kept, answers = [], []
    for chat in both:
        rekv = Rekv(chat.decoder, PROMPT[:3], BY_IDS)
        state = rekv.init_state()
        for frame in frames:
            state, _ = rekv.step(state, [frame])
        blocks = state.store.table.blocks
        kept.append(torch.stack([block.all_layers() for block in blocks]))
        seen = rekv.fetch(state, [block.id for block in blocks[1::2]])
        answers.append(list(rekv.reply(seen, PROMPT, max_tokens=8)))
        assert answers[-1] == list(rekv.reply(seen, PROMPT, max_tokens=8))  # nothing is left in it
    torch.testing.assert_close(kept[1], kept[0], rtol=1e-4, atol=1e-4)
    assert answers[0] == answers[1]


def test_a_memory_tells_other_weights_from_its_own(place: Path, tmp_path: Path) -> None:
    quantized_file.saved(tmp_path, seed=1)
    mine, again, other = (
        Rekv(smollm2.load_quantized(each).decoder, PROMPT, BY_IDS).identity
        for each in (place, place, tmp_path)
    )
    assert mine == again
    assert mine != other


def test_a_file_in_full_precision_cannot_be_packed_and_says_so(tmp_path: Path) -> None:
    quantized_file.saved(tmp_path, matrices=quantized_file.Kind.F32)
    with pytest.raises(WeightsError, match="type 0 cannot be kept in 4 bits"):
        smollm2.load_quantized(tmp_path)
    assert smollm2.load(tmp_path).decoder.config.layers == quantized_file.LAYERS
    (tmp_path / FILE).write_bytes(b"GGUF")
    with pytest.raises(WeightsError, match="not a whole GGUF file"):
        smollm2.load_quantized(tmp_path)


@pytest.mark.slow
@torch.no_grad()
def test_the_real_model_has_the_same_greedy_tokens() -> None:
    plain, packed = (
        read(folder("smollm2-135m")) for read in (smollm2.load, smollm2.load_quantized)
    )
    lines = "".join(f"0:{12 + at} red {name}, left.\n" for at, name in enumerate(SEEN))
    said = [plain.encode(system_prompt("Each line is a moment of a video.") + lines)]
    said += [
        plain.encode(question_prompt(f"Where is the {name}?") + f"On the left.{END}")
        for name in SEEN
    ]
    caches = [chat.decoder.new_caches(512) for chat in (plain, packed)]
    for tokens in said:
        expected, got = (
            chat.decoder.next_scores(chat.decoder.embed(tokens), held)
            for chat, held in zip((plain, packed), caches, strict=True)
        )
        assert got.argmax() == expected.argmax()
        # float32 over 30 layers; scores of up to 40
        torch.testing.assert_close(got, expected, rtol=0, atol=2e-3)
