"""The text around a video and the turns of a conversation, in the form that a model was trained on.

The video belongs to the first turn of the user:

    opening, video, question, [to assistant, answer, to user, question, ...] to assistant
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.language.tokenizer import ChatTokenizer

Turns = Sequence[tuple[str, str]]  # questions and their answers, oldest first


def unlabelled(time: float) -> str:
    """Return the text before a frame of a model that is not told its time: none."""
    del time
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTemplate:
    """The parts of a template. `end` is the special token at the end of a turn.

    `label` is the text before a frame at a time in seconds, `frame_end` that after it. `video_end`
    comes before the first question, and `gap`, ordinary text, before it or any later text.
    """

    opening: str
    to_assistant: str
    to_user: str
    end: str
    label: Callable[[float], str] = unlabelled
    frame_end: str = ""
    video_end: str = ""
    first_gap: str = ""
    gap: str = ""

    def encode(self, tokenizer: ChatTokenizer, question: str, before: Turns = ()) -> Tensor:
        """Return the tokens of everything after the video, int64 (count,)."""
        parts = [tokenizer.encode_template(self.video_end)]
        gap = self.first_gap
        for asked, answered in before:
            parts += [
                tokenizer.encode_user_text(asked, gap),
                tokenizer.encode_template(self.to_assistant),
                tokenizer.encode_user_text(answered, self.gap),
                tokenizer.encode_template(self.to_user),
            ]
            gap = self.gap
        parts += [
            tokenizer.encode_user_text(question, gap),
            tokenizer.encode_template(self.to_assistant),
        ]
        return torch.cat(parts)

    def latest_turns(self, tokenizer: ChatTokenizer, turns: Turns, most: int) -> Turns:
        """Return the last of `turns` that have an answer, as many as `most` tokens hold."""
        kept: list[tuple[str, str]] = []
        alone = len(self.encode(tokenizer, ""))
        for turn in reversed([each for each in turns if each[1].strip()]):
            if len(self.encode(tokenizer, "", [turn, *kept])) - alone > most:
                break
            kept.insert(0, turn)
        return kept
