"""What becomes of old blocks: kept, thinned out by salience, or merged by k-means.

A policy is asked to tidy a store before each step. It works in batches, so that a step costs
the same on average whatever the length of the stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from models.errors import DamagedBlockError
from models.memory.blocks import Block
from models.memory.kv_store.tiers import BlockStore


class EvictionPolicy(Protocol):
    """`measures` tells whether blocks need their salience measured as they are made."""

    @property
    def measures(self) -> bool: ...

    def tidy(self, store: BlockStore) -> None: ...


@dataclass(frozen=True, slots=True)
class KeepAll:
    """Everything is kept whole: memory grows with the stream."""

    measures = False

    def tidy(self, store: BlockStore) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Salient:
    """Of blocks older than the `recent` newest, keep the `share` of tokens most looked at.

    In the manner of LiveVLM (Ning et al. 2025): old keys and values are thinned out by
    vision-to-vision attention without knowing a question, recent ones are kept whole. Here
    the attention is that of the next block, and each key head of each layer keeps its own
    tokens; LiveVLM's buckets and its merging of pages are not rebuilt, so that its figures are
    not ours. Blocks keep their representative. The stream's length still counts, `share` of it.
    """

    recent: int = 128
    share: float = 0.5
    batch: int = 8
    measures = True

    def __post_init__(self) -> None:
        if self.recent < 1 or not 0 < self.share <= 1:
            raise ValueError("keep at least one recent block, and a share between 0 and 1")

    def tidy(self, store: BlockStore) -> None:
        """Thin out what has become old since, once it is `batch` blocks.

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
            block.thinned = True  # nothing to choose by: it stays as it is
            return None
        try:
            memory = block.all_layers()
        except DamagedBlockError:
            return None  # the block has marked itself as lost
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

    In the manner of Flash-VStream's temporal memory (Zhang et al. 2024): what is alike becomes
    one, weighted by how often it was seen, and of the heaviest clusters the frame nearest to
    the middle is kept whole (`key_frames`). Here stored keys and values are averaged, place by
    place in the frame, where Flash-VStream averages visual features, so that its figures are
    not ours. A merged block lasts from its first frame to its last, and can be asked about only
    after its last. Memory is bounded, whatever the length of the stream.
    """

    recent: int = 64
    capacity: int = 256
    key_frames: int = 32
    batch: int = 32
    rounds: int = 10
    measures = False

    def __post_init__(self) -> None:
        if self.recent < 1 or not 0 <= self.key_frames < self.capacity:
            raise ValueError("keep at least one recent block, and fewer key frames than blocks")

    def tidy(self, store: BlockStore) -> None:
        """Merge, once `batch` blocks more than the capacity are old.

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
        clusters, middles = k_means(
            vectors, weights, self.capacity - self.key_frames, rounds=self.rounds
        )
        distances = (vectors - middles[clusters]).square().sum(1)
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
    """Return the cluster of each vector, int64 (n,), and the middles, (count, width).

    `vectors` is (n, width), `weights` (n,). Starts from vectors at even distances, so that the
    same stream always gives the same clusters. A cluster may become empty.
    """
    middles = vectors[torch.linspace(0, len(vectors) - 1, count).round().long()].clone()
    clusters = torch.cdist(vectors, middles).argmin(1)
    for _ in range(rounds):
        sums = torch.zeros_like(middles).index_add_(0, clusters, vectors * weights[:, None])
        totals = torch.zeros(count).index_add_(0, clusters, weights)
        full = totals > 0
        middles[full] = sums[full] / totals[full, None]
        before, clusters = clusters, torch.cdist(vectors, middles).argmin(1)
        if torch.equal(before, clusters):
            break
    return clusters, middles


def _key_frames(clusters: Tensor, weights: Tensor, distances: Tensor, count: int) -> set[int]:
    """Return the single frames nearest to the middles of the `count` heaviest clusters."""
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
        return None  # the block has marked itself as lost; the others wait for the next time
    assert isinstance(memory, Tensor)
    merged = store.new_block(
        memory.to(members[0].dtype),
        start=min(block.start for block in members),
        end=max(block.end for block in members),
        replaces=tuple(block.id for block in members),
    )
    merged.weight = total
    return merged
