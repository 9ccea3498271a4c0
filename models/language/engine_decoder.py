"""A decoder that runs in an engine: all layers at once, over a cache of slots.

`EngineDecoder` has what `models.language.decoder.Decoder` has for embeddings and generation. Its
one cache serves all layers. A memory uses it in `models.memory.engine_window`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor, nn

from models.engine import Engine, EngineLoader, EngineState, NetworkSource
from models.errors import EngineError
from models.language.decoder import Decoder, DecoderConfig
from models.language.decoder_networks import MAX_COUNT, CacheSizes
from models.language.engine_cache import NEW, EngineCache, Span, visible
from models.language.head_set import HeadSet
from models.language.kv_cache import DecoderCache
from models.language.layer_networks import LayeredEngine, LayerNetwork, layer_spec

WINDOW_CHUNK = 128  # tokens that are read at once through a window
FRAME_CHUNK = 256  # the same of video: a frame at once, so weights are read once for it


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a run returns for one stream.

    `scores` are those of the token after the last, (vocabulary,), or empty. `memory` are the keys
    before rotation and the values that were added, (layers, 2, key heads, count, head width).
    """

    scores: Tensor
    memory: Tensor


class EngineDecoder:
    """Embeddings of tokens, and one engine for all layers and the head.

    `fingerprint` is a checksum of weights that stored keys and values depend on. `layered` is the
    engine if its layers can be run one by one.
    """

    def __init__(
        self,
        config: DecoderConfig,
        embedding: nn.Module,
        engine: Engine,
        sizes: CacheSizes,
        *,
        fingerprint: int,
        chunk: int = WINDOW_CHUNK,
    ) -> None:
        """Read `chunk` tokens at once through a window."""
        self.chunk = chunk
        self.config, self.sinks, self.fingerprint = config, sizes.sinks, fingerprint
        self.engine = engine
        self.layered = engine if isinstance(engine, LayeredEngine) else None
        self.dtype = engine.spec.state[0].dtype  # of keys and values
        self._embedding = embedding
        self._fixed = sizes.slots
        self._none = torch.zeros(2, config.head_width // 2)

    @cached_property
    def device(self) -> torch.device:
        """Where the engine has its caches."""
        state = self.engine.new_state(batch=1, slots=self.sinks + 1)
        return next(iter(state.buffers.values())).device

    @cached_property
    def like(self) -> Tensor:
        """A tensor with the device and precision of the caches."""
        return torch.zeros((), dtype=self.dtype, device=self.device)

    def embed(self, tokens: Tensor) -> Tensor:
        """Return the embeddings of int64 `tokens`, (count, width)."""
        embedded: Tensor = self._embedding(tokens)
        return embedded

    def new_caches(self, spare: int = 0) -> list[EngineCache]:
        """Return an empty cache, which serves all layers; it grows, so `spare` is not needed."""
        del spare
        return [self.new_cache()]

    def new_cache(self, *, window: int | None = None) -> EngineCache:
        """Return an empty cache; with a `window`, it holds that many tokens and those of a run.

        Raises:
            EngineError: the engine has caches of a fixed size, and they are too small; or it runs
                on another device than the weights that are its inputs.
        """
        if self.layered is not None:
            self.layered.check_device(self.device)
        limit = None if window is None else self.sinks + window + 2 * self.chunk
        if limit is not None and self._fixed is not None and limit > self._fixed:
            raise EngineError(f"a window of {window} tokens needs {limit} slots, not {self._fixed}")
        return EngineCache(
            self.config,
            sinks=self.sinks,
            limit=limit,
            fixed=self._fixed,
            like=self.like,
        )

    def next_scores(self, x: Tensor, caches: Sequence[DecoderCache]) -> Tensor:
        """Read embeddings `x`, (count, width), after the cache; return the next token's scores."""
        (cache,) = caches
        assert isinstance(cache, EngineCache)
        positions = torch.arange(cache.position, cache.position + len(x))
        cache.position += len(x)
        return self.read(x, cache, positions).scores

    def read(
        self,
        x: Tensor,
        cache: EngineCache,
        positions: Tensor,
        *,
        window: Span | None = None,
        recent: Span | None = None,
        scored: bool = True,
        deep: Tensor | None = None,
    ) -> Reading:
        """Read embeddings `x`, (count, width), and append them to `cache`.

        `positions` is int64, (count,) or (axes, count). With a `window`, each token sees the last
        tokens of that span; streaming heads, if there are any, see those of the span `recent`. The
        scores may be left out if they are not wanted, `scored`. `deep`, (layers, count, width), is
        added to the outputs of the first layers, which must be run one by one.
        """
        assert deep is None or self.layered is not None
        parts = []
        chunk = MAX_COUNT if window is None else self.chunk
        for low in range(0, len(x), chunk):
            part = x[low : low + chunk]
            inputs = self.inputs(part, cache, positions[..., low : low + chunk], window, recent)
            if self.layered is not None and not scored:
                del inputs["last"]
            if deep is not None:
                inputs["deep"] = deep[:, low : low + chunk]
            made = self.engine.run(inputs, cache.state)
            parts.append(Reading(made["scores"][0], self._memory(made, len(part))))
        memory = parts[0].memory if len(parts) == 1 else torch.cat([p.memory for p in parts], 3)
        return Reading(parts[-1].scores, memory)

    def inputs(
        self,
        x: Tensor,
        cache: EngineCache,
        positions: Tensor,
        window: Span | None = None,
        recent: Span | None = None,
    ) -> dict[str, Tensor]:
        """Return the inputs of a run over `x`, see `read`, whose tokens get slots of `cache`."""
        count = len(x)
        asked = torch.arange(cache.length, cache.length + count)[:, None]
        cosines, sines = self._rotation(positions)
        start = cache.claim(count)
        inputs = {
            "x": x[None],
            "cosines": cosines[None],
            "sines": sines[None],
            "far": self._far(window),
            "start": torch.tensor([start]),
            "mask": visible(cache, asked, window)[None, None],
            "last": torch.tensor([[[count - 1]]]),
        }
        if recent is not None:
            inputs["recent_mask"] = visible(cache, asked, recent)[None, None]
            inputs["recent_far"] = self._far(recent)
        if cache.hidden is not None:
            inputs["hidden"] = cache.hidden
        return {name: each.to(self.device) for name, each in inputs.items()}

    def _far(self, span: Span | None) -> Tensor:
        """Return the rotation to the distance of the sinks, (2, width / 2)."""
        if span is None:
            return self._none
        return torch.stack(self._rotation(torch.tensor([span.distance])))[:, 0]

    def _memory(self, made: dict[str, Tensor], count: int) -> Tensor:
        """Return the keys and values of a run as in `Reading`."""
        config = self.config
        return torch.stack(
            [made[part].view(config.layers, config.key_heads, count, -1) for part in NEW], 1
        )

    def run_rows(
        self, x: Tensor, state: EngineState, positions: Tensor, start: Tensor, seen: Tensor
    ) -> Tensor:
        """Read one token of each stream; return the scores of the next, (rows, vocabulary).

        `x` is (rows, width); it goes to the slots `start`, int64 (rows,), and sees the slots that
        `seen` says, bool (rows, slots), which must contain its own.
        """
        cosines, sines = self._rotation(positions)
        made = self._made(
            state,
            {
                "x": x[:, None],
                "cosines": cosines[:, None],
                "sines": sines[:, None],
                "far": self._none,
                "start": start,
                "mask": seen[:, None, None],
                "last": torch.zeros(len(x), 1, 1, dtype=torch.int64),
            },
        )
        return made["scores"]

    def _made(self, state: EngineState, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        given = {name: each.to(self.device) for name, each in inputs.items()}
        return self.engine.run(given, state)

    def _rotation(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosines and sines, float32 (count, width / 2)."""
        half = self.config.head_width // 2
        cosines, sines = self.config.rotary.cos_sin(positions)
        return cosines[:, :half].float(), sines[:, :half].float()


def layered_decoder(
    decoder: Decoder,
    load_engine: EngineLoader,
    sizes: CacheSizes,
    *,
    name: str,
    heads: HeadSet | None = None,
) -> EngineDecoder:
    """Return `decoder`, which has dense layers, with its layers in the engine `name`.

    Raises:
        EngineError: the engine cannot be made or loaded.
    """
    config, dtype = decoder.config, decoder.dtype
    spec = layer_spec(config, sizes, dtype, name=name, by_head=heads is not None)
    source = NetworkSource(
        spec=spec,
        weights="inputs",  # so the file does not depend on them
        build=partial(LayerNetwork, spec, config, sinks=sizes.sinks),
    )
    engine = LayeredEngine(decoder, load_engine(source), heads)
    return EngineDecoder(
        config,
        decoder.embedding,
        engine,
        sizes,
        fingerprint=decoder.fingerprint,
        chunk=FRAME_CHUNK,
    )
