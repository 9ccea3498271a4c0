"""Answers that are generated together are those that are generated one by one."""

import random
from collections.abc import Mapping

import pytest
import torch

from models.engine import Engine, EngineState
from models.errors import EngineError
from models.language import smollm2
from models.language.decoder import TokenConfidence, generate
from models.language.engine_cache import EngineCache
from models.language.engine_decoder import EngineDecoder
from models.language.generation import PROMPT_PART, Generation, GenerationBatch
from tests.models.language.quantized import quantized_file

VOCABULARY = len(quantized_file.TOKENS)


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> EngineDecoder:
    folder = tmp_path_factory.mktemp("generation")
    quantized_file.saved(folder)
    made = smollm2.load_quantized(folder, opening="abc").decoder
    assert isinstance(made, EngineDecoder)
    return made


def prompt(decoder: EngineDecoder, number: int, length: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(number)
    return decoder.embed(torch.randint(VOCABULARY, (length,), generator=rng))


@torch.no_grad()
def context(decoder: EngineDecoder, number: int) -> EngineCache:
    """Return the memory of another stream for each number."""
    cache = decoder.new_cache()
    decoder.next_scores(prompt(decoder, 100 + number, 5 + 11 * number), [cache])
    return cache


def started(decoder: EngineDecoder, number: int, confidence: TokenConfidence) -> Generation:
    length = (3, 70, 1, 20, 200, 9)[number]  # some are read in several parts
    return Generation(
        decoder,
        context(decoder, number),
        prompt(decoder, number, length),
        max_tokens=(20, 6, 90, 12, 15, 3)[number],
        stop={4} if number == 3 else (),
        confidence=confidence,
    )


def alone(decoder: EngineDecoder, number: int) -> tuple[list[int], float | None]:
    confidence = TokenConfidence()
    one = started(decoder, number, confidence)
    assert one.cache is not None
    tokens = generate(
        decoder,
        one.waiting,
        [one.cache],
        max_tokens=(20, 6, 90, 12, 15, 3)[number],
        stop={4} if number == 3 else (),
        confidence=confidence,
    )
    return list(tokens), confidence.value


@pytest.mark.parametrize("seed", range(4))
def test_answers_that_come_and_go_are_those_of_one_after_the_other(
    decoder: EngineDecoder, seed: int
) -> None:
    rng = random.Random(seed)
    batch = GenerationBatch(decoder)
    confidences = [TokenConfidence() for _ in range(6)]
    waiting = [(n, started(decoder, n, confidences[n])) for n in rng.sample(range(6), 6)]
    going: list[tuple[int, Generation]] = []
    said: dict[int, list[int]] = {number: [] for number in range(6)}
    while waiting or going:
        if waiting and rng.random() < 0.3:
            going.append(waiting.pop())
        chosen = [each for each in going if rng.random() < 0.8]
        for (number, _), token in zip(chosen, batch.step([g for _, g in chosen]), strict=True):
            if token is not None:
                said[number].append(token)
        going = [each for each in going if not each[1].over]
    for number in range(6):
        tokens, confidence = alone(decoder, number)
        assert said[number] == tokens
        assert confidences[number].value == pytest.approx(confidence, rel=1e-4)
    assert batch.step([]) == []


def test_a_long_prompt_holds_up_no_answer_for_longer_than_a_part(decoder: EngineDecoder) -> None:
    batch = GenerationBatch(decoder)
    talking = started(decoder, 0, TokenConfidence())
    assert batch.step([talking])[0] is not None
    long = started(decoder, 4, TokenConfidence())
    parts = -(-200 // PROMPT_PART)
    for number in range(parts):
        token, first = batch.step([talking, long])
        assert token is not None
        assert (first is not None) == (number == parts - 1)


def test_an_answer_that_nobody_waits_for_leaves_its_row(decoder: EngineDecoder) -> None:
    batch = GenerationBatch(decoder)
    made = [started(decoder, number, TokenConfidence()) for number in (2, 0, 4, 3)]
    said: list[int] = []
    for step in range(12):
        token = batch.step(made)[-1]
        said += [] if token is None else [token]
        if step == 6:
            assert batch.rows == 4
            del made[0]
            del made[0]
    assert batch.rows == 2
    assert said == alone(decoder, 3)[0][: len(said)]
    assert len(said) > 5
    made[0].over = made[1].over = True
    assert batch.step([]) == []
    assert batch.rows == 0


class Unreliable:
    """An engine that fails when it is told to."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.spec, self.backend = engine, engine.spec, engine.backend
        self.left = -1  # runs until the next one fails; none if negative

    def new_state(self, **dimensions: int) -> EngineState:
        return self.engine.new_state(**dimensions)

    def run(
        self, inputs: Mapping[str, torch.Tensor], state: EngineState | None = None
    ) -> dict[str, torch.Tensor]:
        self.left -= 1
        if self.left == -1:
            raise EngineError("no memory")
        return self.engine.run(inputs, state)


def test_after_a_run_that_failed_all_answers_go_on(
    decoder: EngineDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreliable = Unreliable(decoder.engine)
    monkeypatch.setattr(decoder, "engine", unreliable)
    batch = GenerationBatch(decoder)
    made = {number: started(decoder, number, TokenConfidence()) for number in (0, 1, 3, 4)}
    said: dict[int, list[int]] = {number: [] for number in made}
    step = failed = 0
    while not all(each.over for each in made.values()):
        step += 1
        unreliable.left = step % 3 if step % 2 else -1
        try:
            tokens = batch.step(list(made.values()))
        except EngineError:
            failed += 1
            continue
        for number, token in zip(made, tokens, strict=True):
            said[number] += [] if token is None else [token]
    unreliable.left = -1
    assert failed > 3
    assert said == {number: alone(decoder, number)[0] for number in made}
