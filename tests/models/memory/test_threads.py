"""Storing and answering at the same time, in several sessions that share one model.

What was answered meanwhile is compared with what the finished memory answers about the same
stretch of the stream. Threads are made to change places as often as Python lets them.
"""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from models.assistant.small_memory import SmallModelMemory
from models.assistant.small_model import SmallModel
from models.language import smollm2
from models.language.decoder import Decoder
from models.language.engine_decoder import EngineDecoder
from models.memory.kv_store.tiers import StoreBudget, open_store
from models.memory.prefill import RekvState
from models.memory.rekv import Rekv, RekvConfig
from tests.models.assistant.test_small_model import BALL, CUP, DOG, model, picture
from tests.models.language.quantized import quantized_file
from tests.models.memory.answering import rekv_answer
from tests.models.memory.tiny_memory import OPENING, QUESTION, decoder, frames

SESSIONS, ASKERS = 3, 2
FRAMES, BEFORE = 40, 4  # in a session; of these, before anybody asks


@pytest.fixture(autouse=True)
def restless() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(params=["float64", "4 bits"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Decoder | EngineDecoder:
    if request.param == "float64":
        return decoder(dtype=torch.float64)
    return packed(tmp_path)


def packed(folder: Path) -> EngineDecoder:
    quantized_file.saved(folder)
    opening = "a" * len(OPENING)
    chat = smollm2.load_quantized(folder, opening=opening)
    assert isinstance(chat.decoder, EngineDecoder)
    return chat.decoder


@dataclass(slots=True, eq=False)
class Answered:
    """What was asked of one stream while it grew: until when, by which ids, and the answer."""

    until: list[float] = field(default_factory=list)
    by_ids: list[bool] = field(default_factory=list)
    tokens: list[list[int]] = field(default_factory=list)


def ask(rekv: Rekv, state: RekvState, until: float, *, by_ids: bool) -> list[int]:
    question = QUESTION % rekv.decoder.config.vocabulary
    ids = None
    if by_ids:
        table = state.store.table
        ids = [block.id for block in table.blocks if block.end <= until][::3]
    return list(rekv_answer(rekv, state, question, until=until, ids=ids, max_tokens=3))


def keep_asking(rekv: Rekv, state: RekvState, done: threading.Event, *, by_ids: bool) -> Answered:
    """Ask about all that is stored, again and again, once more when all is."""
    answered = Answered()
    over = False
    while not over:
        over = done.is_set()
        until = state.store.table.blocks[-1].end
        answered.until.append(until)
        answered.by_ids.append(by_ids)
        answered.tokens.append(ask(rekv, state, until, by_ids=by_ids))
    return answered


@pytest.mark.slow
def test_sessions_that_share_a_model_answer_while_they_store_as_they_do_afterwards(
    shared: Decoder | EngineDecoder, tmp_path: Path
) -> None:
    opening = OPENING % shared.config.vocabulary
    internal = isinstance(shared, Decoder)
    rekv = Rekv(shared, opening, RekvConfig(window=40, blocks=5, internal=internal))
    kind = shared.like.dtype
    streams = [
        frames(FRAMES, seed=seed, width=shared.config.width, dtype=kind) for seed in range(SESSIONS)
    ]
    size = rekv.step(rekv.init_state(), streams[0][:1])[0].store.table.blocks[0].size
    states = []
    for number, stream in enumerate(streams):
        # Room for a few blocks in RAM: most answers read some from the disk.
        store = open_store(tmp_path / str(number), rekv.identity, StoreBudget(ram=6 * size))
        states.append(rekv.step(rekv.init_state(store), stream[:BEFORE])[0])
    done = [threading.Event() for _ in states]

    def store_all(number: int) -> None:
        try:
            for frame in streams[number][BEFORE:]:
                rekv.step(states[number], [frame])
            rekv.flush(states[number])
        finally:
            done[number].set()

    with ThreadPoolExecutor(SESSIONS * (1 + ASKERS)) as pool:
        asking = [
            [
                pool.submit(keep_asking, rekv, state, over, by_ids=not internal or bool(asker % 2))
                for asker in range(ASKERS)
            ]
            for state, over in zip(states, done, strict=True)
        ]
        for storing in [pool.submit(store_all, number) for number in range(SESSIONS)]:
            storing.result()
    for number, state in enumerate(states):
        again = rekv.step(rekv.init_state(), streams[number])[0]  # all in RAM, one thread
        for answered in [future.result() for future in asking[number]]:
            assert answered.until[-1] == FRAMES
            for until, by_ids, tokens in zip(
                answered.until, answered.by_ids, answered.tokens, strict=True
            ):
                assert ask(rekv, again, until, by_ids=by_ids) == tokens, until
        assert state.store.lost == ()
        state.store.close()


def test_several_threads_may_run_an_engine_at_once(tmp_path: Path) -> None:
    engine = packed(tmp_path)
    inputs = [torch.randn(n, quantized_file.WIDTH, generator=made(n)) for n in (1, 1, 5, 30) * 8]
    with torch.no_grad():
        expected = [engine.next_scores(x, engine.new_caches()) for x in inputs]
        together = threading.Barrier(4)

        def read(x: torch.Tensor) -> torch.Tensor:
            together.wait()
            with torch.no_grad():
                return engine.next_scores(x, engine.new_caches())

        with ThreadPoolExecutor(4) as pool:
            got: list[Future[torch.Tensor]] = [pool.submit(read, x) for x in inputs]
    assert all(torch.equal(a.result(), b) for a, b in zip(got, expected, strict=True))


def made(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.slow
def test_a_session_is_asked_while_it_stores() -> None:
    small = model(every=3.0)
    shown = [(CUP, DOG, BALL)[second // 4 % 3] for second in range(240)]
    memory, plain = small.init_state(), small.init_state()
    then = {}  # what is answered at each time by one thread that does one thing after the other
    for second, name in enumerate(shown):
        plain, _ = small.step(plain, (picture(name), float(second)))
        then[float(second)] = reply(small, plain, float(second))
    for second in range(20):
        memory, _ = small.step(memory, (picture(shown[second]), float(second)))
    seen = 20
    done = threading.Event()

    def look() -> None:
        nonlocal seen
        try:
            for second in range(20, len(shown)):
                small.step(memory, (picture(shown[second]), float(second)))
                seen = second
        finally:
            done.set()

    def keep_on() -> list[tuple[float, list[str], tuple[float, ...]]]:
        answered, over = [], False
        while not over:
            over = done.is_set()
            now = float(seen - 10)
            answered.append((now, *reply(small, memory, now)))
        return answered

    with ThreadPoolExecutor(2) as pool:
        asked, looking = pool.submit(keep_on), pool.submit(look)
        looking.result()
    for now, text, times in asked.result():
        assert (text, times) == then[now]
    assert asked.result()[-1][0] == len(shown) - 11


def reply(
    small: SmallModel, memory: SmallModelMemory, now: float
) -> tuple[list[str], tuple[float, ...]]:
    answered = small.answer(memory, "When did you last see my mug?", now=now)
    return list(answered.pieces), answered.times


@pytest.mark.parametrize("damaged", [0, 2])
def test_a_block_found_lost_after_it_was_chosen_is_left_out(tmp_path: Path, damaged: int) -> None:
    rekv = Rekv(decoder(), OPENING, RekvConfig(window=40))
    state, _ = rekv.step(rekv.init_state(), frames(4))
    ids = [block.id for block in state.store.table.blocks]
    state.store.table.blocks[damaged].lost = "found by another answer"
    kept = rekv.fetch(state, ids).blocks[0]
    assert [block.id for block in kept] == [i for i in ids if i != damaged]
    with pytest.raises(ValueError, match=r"no blocks \[99\]"):
        rekv.fetch(state, [99])
