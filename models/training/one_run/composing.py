"""Clips that other processes compose while a model is trained."""

from collections import deque
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import torch

from models.generation.small.looks.pictures import LookPictures, load
from models.training.video.clips.composition import compose
from models.training.video.latents import PreparedClip, prepare

AHEAD = 8  # clips that are begun for each process


@cache
def _pictures(source: Path) -> LookPictures:
    """Return the pictures in `source`; each process reads them once."""
    return load(source)


def _composed(source: Path, seed: int, size: int, frames: int) -> PreparedClip:
    return prepare(compose(_pictures(source), seed, size=size, frames=frames))


def processes(count: int) -> ProcessPoolExecutor:
    """Return `count` processes of one thread each, which do not share a GPU with this one."""
    return ProcessPoolExecutor(
        count, get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
    )


class ClipStream:
    """Clips of the seeds from `first` on, in their order, composed by `executor`."""

    def __init__(
        self, executor: Executor, source: Path, *, size: int, frames: int, ahead: int, first: int
    ) -> None:
        self._executor, self._source = executor, source
        self._size, self._frames, self._next = size, frames, first
        self._begun: deque[Future[PreparedClip]] = deque()
        for _ in range(ahead):
            self._begin()

    def finished(self) -> list[PreparedClip]:
        """Return what was finished since the last call; others are begun in its place."""
        done = []
        while self._begun[0].done():
            done.append(self._take())
        return done

    def take(self, count: int) -> list[PreparedClip]:
        """Return the next `count` clips; wait for them."""
        return [self._take() for _ in range(count)]

    def _take(self) -> PreparedClip:
        clip = self._begun.popleft().result()
        self._begin()
        return clip

    def _begin(self) -> None:
        self._begun.append(
            self._executor.submit(_composed, self._source, self._next, self._size, self._frames)
        )
        self._next += 1
