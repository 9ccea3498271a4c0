"""Eviction policies of research: old blocks are thinned by salience, or merged by k-means.

A policy works in batches, so that a step costs the same on average for any length of the stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.errors import DamagedBlockError
from models.memory.eviction import MeasureSalience
from models.memory.kv_store.blocks import Block
from models.memory.kv_store.tiers import BlockStore
from tests.bench.research.salience import salience


@dataclass(frozen=True, slots=True, kw_only=True)
class Salient:
    """Keep the `share` of tokens with the most attention in blocks older than the `recent` newest.

    Similar to LiveVLM (Ning et al. 2025): old keys and values are thinned by vision-to-vision
    attention, without a question, and recent ones are kept whole. Here the attention is that of
    the next block, and each key head of each layer keeps its own tokens. LiveVLM's buckets and
    merging of pages are not implemented, so its figures do not apply. Blocks keep their
    representative. Memory grows with the stream, by `share`.
    """

    recent: int = 128
    share: float = 0.5
    batch: int = 8

    def __post_init__(self) -> None:
        if self.recent < 1 or not 0 < self.share <= 1:
            raise ValueError("keep at least one recent block, and a share between 0 and 1")

    @property
    def measure(self) -> MeasureSalience:
        """The measure of salience."""
        return salience

    def tidy(self, store: BlockStore) -> None:
        """Thin the blocks that have become old, once there are `batch` of them.

        Raises:
            StoreFullError, StoreError: as `Store.replace`; then nothing is changed.
        """
        table = store.table
        old = [
            (row, block)
            for row, block in enumerate(table.blocks[: max(0, table.count - self.recent)])
            if not block.thinned and not block.lost
        ]
        if len(old) < self.batch:
            return
        made, representatives = [], []
        for row, block in old:
            thin = self._thin(store, block)
            if thin is not None:
                made.append(thin)
                representatives.append(table.representatives[:, row].clone())
        store.replace(made, representatives)

    def _thin(self, store: BlockStore, block: Block) -> Block | None:
        measured = block.load_salience()
        if measured is None:
            block.thinned = True  # without a measure it stays as it is
            return None
        try:
            memory = block.all_layers()
        except DamagedBlockError:
            return None  # the block is marked as lost
        kept = max(1, round(self.share * block.tokens))
        order = measured.topk(kept, dim=-1).indices.sort(-1).values.to(memory.device)
        index = order[:, None, :, :, None].expand(-1, 2, -1, -1, memory.shape[-1])
        thin = store.new_block(
            memory.gather(3, index), start=block.start, end=block.end, replaces=(block.id,)
        )
        thin.thinned = True
        return thin


@dataclass(frozen=True, slots=True, kw_only=True)
class KMeans:
    """Merge blocks older than the `recent` newest into at most `capacity`, by weighted k-means.

    Similar to Flash-VStream's temporal memory (Zhang et al. 2024): similar frames are merged,
    weighted by their number, and the frames nearest to the centers of the heaviest clusters are
    kept whole (`key_frames`). Here stored keys and values are averaged, token by token, while
    Flash-VStream averages visual features, so its figures do not apply. A merged block lasts from
    its first frame to its last, and is visible only after its last. Memory is bounded.
    """

    recent: int = 64
    capacity: int = 256
    key_frames: int = 32
    batch: int = 32
    rounds: int = 10
    measure = None

    def __post_init__(self) -> None:
        if self.recent < 1 or not 0 <= self.key_frames < self.capacity:
            raise ValueError("keep at least one recent block, and fewer key frames than blocks")

    def tidy(self, store: BlockStore) -> None:
        """Merge the old blocks once they exceed the capacity by `batch`.

        Raises:
            StoreFullError, StoreError: as `Store.replace`; then nothing is changed.
        """
        table = store.table
        rows = [
            row
            for row, block in enumerate(table.blocks[: max(0, table.count - self.recent)])
            if not block.lost and block.tokens == table.rows[0].tokens
        ]
        if len(rows) < self.capacity + self.batch:
            return
        vectors = table.representatives[:, rows].transpose(0, 1).flatten(1)
        weights = torch.tensor([table.rows[row].weight for row in rows], dtype=torch.float32)
        clusters, centers = k_means(
            vectors, weights, self.capacity - self.key_frames, rounds=self.rounds
        )
        distances = (vectors - centers[clusters]).square().sum(1)
        keys = _key_frames(clusters, weights, distances, self.key_frames)
        made, representatives = [], []
        for cluster in sorted(set(clusters.tolist())):
            members = [i for i in (clusters == cluster).nonzero()[:, 0].tolist() if i not in keys]
            merged = _merge(store, [table.rows[rows[i]] for i in members])
            if merged is not None:
                made.append(merged)
                share = weights[members] / weights[members].sum()
                held = table.representatives[:, [rows[i] for i in members]]
                representatives.append((held * share[:, None]).sum(1))
        store.replace(made, representatives)


def k_means(vectors: Tensor, weights: Tensor, count: int, *, rounds: int) -> tuple[Tensor, Tensor]:
    """Return the cluster of each vector, int64 (n,), and the centers, (count, width).

    `vectors` is (n, width), `weights` (n,). The initial centers are vectors at even distances, so
    the result is deterministic. A cluster may become empty.
    """
    centers = vectors[torch.linspace(0, len(vectors) - 1, count).round().long()].clone()
    clusters = torch.cdist(vectors, centers).argmin(1)
    for _ in range(rounds):
        sums = torch.zeros_like(centers).index_add_(0, clusters, vectors * weights[:, None])
        totals = torch.zeros(count).index_add_(0, clusters, weights)
        full = totals > 0
        centers[full] = sums[full] / totals[full, None]
        before, clusters = clusters, torch.cdist(vectors, centers).argmin(1)
        if torch.equal(before, clusters):
            break
    return clusters, centers


def _key_frames(clusters: Tensor, weights: Tensor, distances: Tensor, count: int) -> set[int]:
    """Return the single frames nearest to the centers of the `count` heaviest clusters."""
    totals = torch.zeros(int(clusters.max()) + 1).index_add_(0, clusters, weights)
    keys = set()
    for cluster in totals.argsort(descending=True, stable=True)[:count].tolist():
        single = ((clusters == cluster) & (weights == 1)).nonzero()[:, 0]
        if len(single):
            keys.add(int(single[distances[single].argmin()]))
    return keys


def _merge(store: BlockStore, members: Sequence[Block]) -> Block | None:
    """Return the weighted mean of two or more blocks as one block."""
    if len(members) < 2:
        return None
    total = sum(block.weight for block in members)
    try:
        memory = sum(
            block.all_layers().cpu().float() * (block.weight / total) for block in members
        )  # some may still be on the device
    except DamagedBlockError:
        return None  # the block is marked as lost; the others are merged next time
    assert isinstance(memory, Tensor)
    merged = store.new_block(
        memory.to(members[0].dtype),
        start=min(block.start for block in members),
        end=max(block.end for block in members),
        replaces=tuple(block.id for block in members),
    )
    merged.weight = total
    return merged
