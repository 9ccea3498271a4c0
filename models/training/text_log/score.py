"""The score of a model on logs whose things are not in its training data."""

import torch

from models.assistant.scene.embedding import embed
from models.assistant.scene.scene_entry import SYSTEM
from models.language.decoder import generate
from models.language.smollm2 import ChatModel, system_prompt
from models.training.text_log.logs import SyntheticLog, make, prompt
from models.training.text_log.world import QuestionAnswer


@torch.no_grad()
def answers(chat: ChatModel, log: SyntheticLog) -> list[str]:
    decoder = chat.decoder
    caches = decoder.new_caches(256)
    lines = [embed(chat, moment) for moment in log.moments]
    first = decoder.embed(chat.encode(system_prompt(SYSTEM)))
    decoder.next_scores(torch.cat([first, *lines]), caches)
    length = caches[0].length
    given = []
    for turn in log.turns:
        read = decoder.embed(chat.encode(prompt(log, turn)))
        tokens = list(generate(decoder, read, caches, max_tokens=40, stop={chat.end}))
        given.append(chat.decode(tokens))
        for cache in caches:
            cache.drop_last(cache.length - length)
    return given


def validate(chat: ChatModel, count: int) -> dict[str, tuple[int, int]]:
    """Return the number of right answers about held-out logs, and of all, by kind."""
    tally: dict[str, tuple[int, int]] = {}
    for number in range(count):
        log = make(number, validation=True)
        for turn, given in zip(log.turns, answers(chat, log), strict=True):
            right, all_ = tally.get(turn.kind, (0, 0))
            tally[turn.kind] = (right + same_answer(turn, given), all_ + 1)
    return tally


def same_answer(turn: QuestionAnswer, given: str) -> bool:
    """Compare without letter case and outer spaces."""
    return given.strip().lower() == turn.answer.strip().lower()
