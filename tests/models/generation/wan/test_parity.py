"""Ours against the implementations in diffusers and transformers, on the same random weights."""

import math
import re
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

from models.generation.dit import Dit, KeysValues
from models.generation.wan.vae import WanVae
from models.generation.wan.vae_statistics import STATISTICS
from tests.models.generation.wan import made as wan_made
from tests.models.generation.wan.made import State

CLOSE = 1e-5  # float32, sums in another order
TOKENS = 4  # of a latent of 4x4

DIT = (
    (r"^text_embedding\.0", "condition_embedder.text_embedder.linear_1"),
    (r"^text_embedding\.2", "condition_embedder.text_embedder.linear_2"),
    (r"^time_embedding\.0", "condition_embedder.time_embedder.linear_1"),
    (r"^time_embedding\.2", "condition_embedder.time_embedder.linear_2"),
    (r"^time_projection\.1", "condition_embedder.time_proj"),
    (r"^head\.modulation", "scale_shift_table"),
    (r"^head\.head", "proj_out"),
    (r"\.modulation", ".scale_shift_table"),
    (r"self_attn", "attn1"),
    (r"cross_attn", "attn2"),
    (r"\.([qkv])\.", r".to_\1."),
    (r"\.o\.", ".to_out.0."),
    (r"\.ffn\.0\.", ".ffn.net.0.proj."),
    (r"\.ffn\.2\.", ".ffn.net.2."),
    (r"\.norm3\.", ".norm2."),
)
VAE = (
    (r"^conv1", "quant_conv"),
    (r"^conv2", "post_quant_conv"),
    (r"coder\.conv1", "coder.conv_in"),
    (r"head\.0", "norm_out"),
    (r"head\.2", "conv_out"),
    (r"middle\.0", "mid_block.resnets.0"),
    (r"middle\.1", "mid_block.attentions.0"),
    (r"middle\.2", "mid_block.resnets.1"),
    (r"downsamples", "down_blocks"),
    (r"residual\.0", "norm1"),
    (r"residual\.2", "conv1"),
    (r"residual\.3", "norm2"),
    (r"residual\.6", "conv2"),
    (r"shortcut", "conv_shortcut"),
)
TEXT = (
    (r"^token_embedding", "shared"),
    (r"^norm\.", "encoder.final_layer_norm."),
    (r"^blocks", "encoder.block"),
    (r"\.norm1", ".layer.0.layer_norm"),
    (r"\.norm2", ".layer.1.layer_norm"),
    (r"\.attn\.", ".layer.0.SelfAttention."),
    (r"\.pos_embedding\.embedding", ".layer.0.SelfAttention.relative_attention_bias"),
    (r"\.ffn\.gate\.0", ".layer.1.DenseReluDense.wi_0"),
    (r"\.ffn\.fc1", ".layer.1.DenseReluDense.wi_1"),
    (r"\.ffn\.fc2", ".layer.1.DenseReluDense.wo"),
)


def theirs(state: State, names: tuple[tuple[str, str], ...]) -> State:
    """Return `state` under the names of the other implementation."""
    out = {}
    for name, tensor in state.items():
        for pattern, other in names:
            name = re.sub(pattern, other, name)  # noqa: PLW2901
        out[name] = tensor
    return out


@pytest.fixture(scope="module")
def diffusers() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it imports
        from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan
        from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
    return AutoencoderKLWan, WanTransformer3DModel


@pytest.fixture(scope="module")
def transformer(diffusers: Any) -> Any:
    config = wan_made.dit().config
    made = diffusers[1](
        num_attention_heads=config.heads,
        attention_head_dim=config.head_dim,
        in_channels=config.channels,
        out_channels=config.channels,
        text_dim=config.text,
        freq_dim=config.frequencies,
        ffn_dim=config.ffn,
        num_layers=config.layers,
        cross_attn_norm=True,
    )
    made.load_state_dict(theirs(wan_made.dit().state_dict(), DIT))
    made.condition_embedder.timesteps_proj = Waves(config.frequencies)
    return made.eval()


class Waves(torch.nn.Module):
    """Cosines and sines of times in float64, as in Wan's own code.

    Those of diffusers are float32: of 1000 they are 3e-5 off, which alone is more than `CLOSE`.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.rates = torch.exp(-torch.linspace(0, 1, count // 2 + 1)[:-1].double() * math.log(1e4))

    def forward(self, times: Tensor) -> Tensor:
        angle = times.double()[:, None] * self.rates
        return torch.cat([angle.cos(), angle.sin()], 1).float()


@pytest.mark.slow
def test_only_the_precision_of_their_waves_was_changed(diffusers: Any) -> None:
    from diffusers.models.embeddings import Timesteps

    times = torch.tensor([0.0, 1.0, 556.0, 1000.0])
    own = Timesteps(num_channels=32, flip_sin_to_cos=True, downscale_freq_shift=0)(times)
    torch.testing.assert_close(Waves(32)(times), own, rtol=0, atol=2e-4)


def inputs(latents: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(latents)
    noisy = torch.randn(1, 16, latents, 4, 4, generator=rng)
    words = torch.randn(1, 512, 24, generator=rng)
    words[:, 7:] = 0
    return noisy, words


def flow(transformer: Any, noisy: Tensor, levels: Tensor, words: Tensor) -> Tensor:
    """Return what theirs makes of `noisy`, as the clean latents."""
    times = (levels * 1000).repeat_interleave(TOKENS)[None]
    out: Tensor = transformer(noisy, times, words, return_dict=False)[0]
    return noisy - levels[:, None, None] * out


LEVELS = {
    "clean": [0.0],
    "even": [0.7],
    "rolling": [0.556, 0.769, 0.882, 0.952, 1.0],
    "mixed": [0.0, 0.0, 0.0, 0.9375, 0.9375, 0.9375],
}


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("levels", LEVELS.values(), ids=LEVELS)
@pytest.mark.parametrize("window", [1, 3, 7])
def test_the_transformer_is_that_of_diffusers_over_levels_and_windows(
    transformer: Any, levels: list[float], window: int
) -> None:
    noisy, words = inputs(window)
    each = torch.tensor((levels * window)[:window])
    model = wan_made.dit()
    text = model.project_text(words, torch.zeros(1, 512))
    clean, _ = model(noisy, each[None], text)
    torch.testing.assert_close(clean, flow(transformer, noisy, each, words), rtol=0, atol=CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("cache", [1, 2, 5])
@pytest.mark.parametrize("level", [1.0, 0.625, 0.2])
def test_cached_keys_are_a_masked_pass_of_diffusers(
    transformer: Any, cache: int, level: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Theirs has no cache: it reads past and present together, and the past sees no present."""
    noisy, words = inputs(cache + 3)
    levels = torch.tensor([0.0] * cache + [level] * 3)
    frames = torch.ones(cache + 3, cache + 3).tril().bool()
    frames[cache:, cache:] = True
    mask = frames.repeat_interleave(TOKENS, 0).repeat_interleave(TOKENS, 1)
    for block in transformer.blocks:
        ask = block.attn1.forward
        monkeypatch.setattr(
            block.attn1, "forward", lambda x, a, _, turns, ask=ask: ask(x, a, mask, turns)
        )
    expected = flow(transformer, noisy, levels, words)[:, :, cache:]
    model = wan_made.dit()
    text = model.project_text(words, torch.zeros(1, 512))
    past = remembered(model, noisy[:, :, :cache], text)
    clean, _ = model(noisy[:, :, cache:], levels[None, cache:], text, past=past)
    torch.testing.assert_close(clean, expected, rtol=0, atol=CLOSE)


def remembered(model: Dit, latents: Tensor, text: Any) -> KeysValues | None:
    """Return keys and values of clean latents, read one after the other."""
    past: KeysValues | None = None
    for one in latents.split(1, 2):  # type: ignore[no-untyped-call]  # PyTorch's own
        _, own = model(one, torch.zeros(1, 1), text, past=past)
        keys, values = ([part] for part in (own.keys, own.values))
        if past is not None:
            keys, values = [past.keys, *keys], [past.values, *values]
        past = KeysValues(torch.cat(keys, 3), torch.cat(values, 3))
    return past


def reference_of(ours: WanVae, diffusers: Any) -> Any:
    config, nested = ours.config, ours.config.patch > 1
    sizes = {}
    if nested:
        sizes = {
            "decoder_base_dim": config.decoder_dim,
            "is_residual": True,
            "in_channels": 12,
            "out_channels": 12,
            "patch_size": config.patch,
        }
    made = diffusers[0](
        base_dim=config.dim,
        z_dim=config.channels,
        dim_mult=list(config.multiples),
        num_res_blocks=config.blocks,
        temperal_downsample=list(config.temporal),
        **sizes,
    )
    a_level = config.blocks + 2  # layers: one block more than the encoder's, and what makes larger

    def flat(name: str) -> str:
        found = re.match(r"(decoder\.)upsamples\.(\d+)\.(.*)", name)
        if not found:
            return name
        level, place = divmod(int(found[2]), a_level)
        kind = f"resnets.{place}" if place < a_level - 1 else "upsamplers.0"
        return f"{found[1]}up_blocks.{level}.{kind}.{found[3]}"

    def in_levels(name: str) -> str:
        name = re.sub(r"downsamples\.(\d+)\.downsamples\.", r"down_blocks.\1.resnets.", name)
        name = re.sub(r"upsamples\.(\d+)\.upsamples\.", r"up_blocks.\1.resnets.", name)
        return re.sub(
            r"(down|up)(_blocks\.\d+)\.resnets\.\d+\.(resample|time_conv)\.",
            r"\1\2.\1sampler.\3.",
            name,
        )

    state = wan_made.renamed(ours.state_dict(), in_levels if nested else flat)
    made.load_state_dict(theirs(state, VAE))
    return made.eval()


@torch.no_grad()
@pytest.mark.parametrize("latents", [1, 2, 4])
@pytest.mark.parametrize("kind", ["vae", "vae_48"])
def test_pictures_and_latents_are_those_of_diffusers_autoencoder(
    diffusers: Any, kind: str, latents: int
) -> None:
    ours = getattr(wan_made, kind)()
    reference, channels = reference_of(ours, diffusers), ours.config.channels
    rng = torch.Generator().manual_seed(latents)
    mean, scale = (torch.tensor(part)[:, None, None, None] for part in STATISTICS[channels])
    z = torch.randn(1, channels, latents, 3, 4, generator=rng)
    pictures, _ = ours.decode(z)
    expected = reference.decode(z * scale + mean, return_dict=False)[0]  # it clamps
    assert pictures.abs().max() > 0.3
    torch.testing.assert_close(pictures.clamp(-1, 1), expected, rtol=0, atol=CLOSE)
    shown = torch.rand(1, 3, 4 * latents - 3, 16, 24, generator=rng) * 2 - 1
    found, _ = ours.encode(shown)
    raw = reference.encode(shown).latent_dist.mode()
    torch.testing.assert_close(found, (raw - mean) / scale, rtol=0, atol=CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("count", [1, 3, 40])
def test_features_are_those_of_transformers_encoder_with_padding(count: int) -> None:
    from transformers import UMT5Config, UMT5EncoderModel

    ours = wan_made.text()
    sizes = ours.config
    config = UMT5Config(
        vocab_size=sizes.vocabulary,
        d_model=sizes.dim,
        d_kv=sizes.attention // sizes.heads,
        d_ff=sizes.ffn,
        num_layers=sizes.layers,
        num_heads=sizes.heads,
        relative_attention_num_buckets=sizes.buckets,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
    )
    reference = UMT5EncoderModel(config).eval()  # type: ignore[no-untyped-call]  # PyTorch's own
    missing = reference.load_state_dict(theirs(ours.state_dict(), TEXT), strict=False)
    assert set(missing.missing_keys) <= {"encoder.embed_tokens.weight"}
    assert not missing.unexpected_keys
    numbers = torch.randint(3, sizes.vocabulary, (count,), generator=torch.Generator())
    padded = torch.nn.functional.pad(numbers, (0, 160 - count))[None]
    mask = (torch.arange(160) < count)[None].long()
    expected = reference(padded, attention_mask=mask).last_hidden_state[0, :count]
    torch.testing.assert_close(ours(numbers), expected, rtol=0, atol=CLOSE)
