import pytest
import torch
from torch import Tensor

from models.generation.chunk_request import MAX_THINGS
from models.generation.control import MAP_CHANNELS
from models.generation.dit import Dit, KeysValues
from models.generation.dit_layers import per_latent
from models.rotary import apply_rotary_pairs, grid_rotation
from tests.models.generation import tiny

CLOSE = 2e-6  # float32: sums over tokens in another order


def inputs(latents: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    noisy = torch.randn(1, 4, latents, tiny.SIZE, tiny.SIZE, generator=rng)
    condition = torch.rand(
        1, MAX_THINGS * MAP_CHANNELS, latents, tiny.SIZE, tiny.SIZE, generator=rng
    )
    return noisy, condition


@pytest.fixture(scope="module")
def model() -> Dit:
    return tiny.dit()


@torch.no_grad()
def test_latents_read_one_by_one_are_a_masked_pass_over_all(model: Dit) -> None:
    noisy, condition = inputs(5)
    prompt = tiny.words().prompt("a duck on grass")
    text = model.project_text(prompt.features[None], prompt.bias[None])
    levels = torch.tensor([[0.0, 0.3, 0.9, 0.5, 1.0]])
    causal = torch.ones(5, 5).tril().bool()
    whole, _ = model(noisy, levels, text, condition=condition, mask=causal)
    seen: KeysValues | None = None
    for n in range(5):
        part = slice(n, n + 1)
        one, own = model(
            noisy[:, :, part], levels[:, part], text, condition=condition[:, :, part], past=seen
        )
        torch.testing.assert_close(one, whole[:, :, part], rtol=0, atol=10 * CLOSE)
        seen = (
            KeysValues(torch.cat([seen.keys, own.keys], 3), torch.cat([seen.values, own.values], 3))
            if seen
            else own
        )


@torch.no_grad()
@pytest.mark.parametrize("shift", [1_000, 100_000])
def test_only_the_distance_between_positions_counts(model: Dit, shift: int) -> None:
    noisy, condition = inputs(3)
    prompt = tiny.words().prompt("a car")
    text = model.project_text(prompt.features[None], prompt.bias[None])
    levels = torch.full((1, 3), 0.5)
    near, _ = model(noisy, levels, text, condition=condition)
    far, _ = model(noisy, levels, text, condition=condition, positions=torch.arange(3) + shift)
    other, _ = model(noisy, levels, text, condition=condition, positions=torch.tensor([0, 2, 5]))
    torch.testing.assert_close(near, far, rtol=0, atol=2e-5)  # float32 keys turned further
    assert not torch.allclose(near, other, atol=1e-3)


@torch.no_grad()
def test_words_that_pad_a_batch_are_not_read(model: Dit) -> None:
    noisy, condition = inputs(2)
    words = tiny.words()
    levels = torch.full((1, 2), 0.7)
    features, bias = words(["a duck", "a car on grass and stars"])
    alone = words.prompt("a duck")
    padded = model.project_text(features[:1], bias[:1])
    text = model.project_text(alone.features[None], alone.bias[None])
    one, _ = model(noisy, levels, text, condition=condition)
    two, _ = model(noisy, levels, padded, condition=condition)
    torch.testing.assert_close(one, two, rtol=0, atol=10 * CLOSE)


@torch.no_grad()
def test_text_level_and_condition_each_make_a_difference(model: Dit) -> None:
    noisy, condition = inputs(2)
    duck, car = (tiny.words().prompt(text) for text in ("a duck", "a car"))
    texts = [model.project_text(p.features[None], p.bias[None]) for p in (duck, car)]
    base, _ = model(noisy, torch.full((1, 2), 0.5), texts[0], condition=condition)
    other_text, _ = model(noisy, torch.full((1, 2), 0.5), texts[1], condition=condition)
    level, _ = model(noisy, torch.tensor([[0.5, 0.9]]), texts[0], condition=condition)
    placed, _ = model(noisy, torch.full((1, 2), 0.5), texts[0], condition=condition * 0)
    none, _ = model(noisy, torch.full((1, 2), 0.5), texts[0])
    for other in (other_text, level, placed):
        assert not torch.allclose(base, other, atol=1e-3)
    assert torch.equal(none, placed)


@torch.no_grad()
def test_a_flow_is_taken_off_the_noisy_latent() -> None:
    torch.manual_seed(0)
    clean = tiny.dit()
    flow = Dit(
        type(clean.config)(
            **{**{k: getattr(clean.config, k) for k in clean.config.__slots__}, "predicts": "flow"}
        )
    )
    flow.load_state_dict(clean.state_dict())
    noisy, condition = inputs(2)
    prompt = tiny.words().prompt("a duck")
    text = clean.project_text(prompt.features[None], prompt.bias[None])
    levels = torch.tensor([[0.0, 0.5]])
    out, _ = clean(noisy, levels, text, condition=condition)
    aim, _ = flow(noisy, levels, text, condition=condition)
    torch.testing.assert_close(aim, noisy - levels[:, None, :, None, None] * out)


def test_a_turn_keeps_lengths_and_depends_on_the_distance_only() -> None:
    rng = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 1, 1, 1, 48, generator=rng)

    def turned(x: Tensor, place: float) -> Tensor:
        return apply_rotary_pairs(x, grid_rotation(torch.tensor([place]), 1, 1, 48)[:, None])

    def score(first: float, second: float) -> Tensor:
        return (turned(a, first) * turned(b, second)).sum()

    torch.testing.assert_close(score(0, 3), score(7, 10))
    assert not torch.allclose(score(0, 3), score(0, 4))
    torch.testing.assert_close(turned(a, 5).norm(), a.norm())


def test_tensors_have_the_names_that_wan_gives_them(model: Dit) -> None:
    names = set(model.state_dict())
    parts = ["q", "k", "v", "o"]
    expected = {f"blocks.1.{kind}_attn.{p}.weight" for kind in ("self", "cross") for p in parts}
    expected |= {f"blocks.0.self_attn.norm_{p}.weight" for p in "qk"}
    expected |= {"blocks.0.norm3.weight", "blocks.0.ffn.0.weight", "blocks.0.ffn.2.bias"}
    expected |= {"blocks.0.modulation", "head.head.weight", "head.modulation"}
    expected |= {"patch_embedding.weight", "time_embedding.0.weight", "time_embedding.2.bias"}
    expected |= {"time_projection.1.weight", "text_embedding.0.weight", "text_embedding.2.weight"}
    assert expected <= names


def test_refining_reaches_over_the_edges_of_patches_and_stays_within_a_latent() -> None:
    model = tiny.dit()
    x = torch.zeros(1, 16, 3, 8, 8)
    far = x.clone()
    far[:, :, 1, 3, 3] = 1.0
    change = (per_latent(model.refine, far) - per_latent(model.refine, x)).abs().amax(1)[0]
    assert change[0].max() == change[2].max() == 0
    assert (change[1, :7, :7] > 0).all()  # three convolutions of three cells
    assert change[1, 7].max() == 0
