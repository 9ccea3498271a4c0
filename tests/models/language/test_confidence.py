"""How sure a language model is: the geometric mean of the probabilities of what it says."""

import math

import pytest
import torch

from models.language.decoder import TokenConfidence, generate
from tests.models.assistant.tiny_chat import chat


def test_confidence_is_the_geometric_mean_of_the_tokens_that_were_read() -> None:
    decoder = chat().decoder
    prompt = decoder.embed(torch.tensor([3, 5, 8]))
    confidence = TokenConfidence()
    assert confidence.value is None
    tokens: list[int] = []
    chances: list[float] = []
    caches = decoder.new_caches(16)
    for token in generate(decoder, prompt, caches, max_tokens=4, confidence=confidence):
        plain = decoder.new_caches(16)
        read = torch.cat([prompt, decoder.embed(torch.tensor(tokens, dtype=torch.long))])
        scores = decoder.scores(decoder.read(read, plain)[-1])
        chances.append(float(scores.softmax(-1)[token]))
        tokens.append(token)
        expected = math.exp(sum(map(math.log, chances)) / len(chances))
        assert confidence.value == pytest.approx(expected, rel=1e-4)  # float32
    assert confidence.tokens == 4
