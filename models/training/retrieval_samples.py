"""Texts whose last answers are far back: what heads that retrieve are found with."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from models.assistant.scene.scene_entry import SYSTEM, SceneEntry, describe
from models.language import smollm2
from models.language.decoder import Decoder
from models.vision.class_names import NAMES
from models.vision.colors import COLORS
from models.vision.video_llm.assembly import ModelFolder
from models.vision.video_llm.families import read_video_llm

CODES = 4  # in a text, and asked for at its end
CODE_WORDS = 5
PLACES = ("left", "middle", "right")


@dataclass(frozen=True, slots=True, eq=False)
class RetrievalSample:
    """Embeddings `x`, (tokens, width), and their positions, int64.

    `full` and `streaming`, bool (tokens, tokens), say what each token sees in either kind of head;
    `answers`, bool (tokens,), which tokens are to stay as they are.
    """

    x: Tensor
    positions: Tensor
    full: Tensor
    streaming: Tensor
    answers: Tensor


MakeSample = Callable[[int], RetrievalSample]


def streaming_mask(full: Tensor, opening: int, recent: int) -> Tensor:
    """Return what of `full` streaming heads see: `opening` tokens, and the last `recent`."""
    order = torch.arange(len(full), device=full.device)
    return full & ((order < opening) | (order > order[:, None] - recent))


def code_text(number: int, lines: int) -> list[tuple[str, bool]]:
    """Return pieces of text and whether they are answers: codes among `lines` lines of a log.

    Source: passkey retrieval, as in DuoAttention, section 2.2.
    """
    rng = random.Random(f"codes {number}")
    owners = rng.sample(NAMES, CODES)
    codes = {owner: " ".join(rng.choices(NAMES, k=CODE_WORDS)) for owner in owners}
    story = [_line(rng) for _ in range(lines)]
    for owner, place in zip(owners, sorted(rng.sample(range(lines), CODES)), strict=True):
        story[place] = f"The code of the {owner} is: {codes[owner]}."
    pieces = [("\n".join(story) + "\n", False)]
    for owner in rng.sample(owners, CODES):
        pieces += [(f"The code of the {owner} is:", False), (f" {codes[owner]}.", True)]
    return pieces


def _line(rng: random.Random) -> str:
    """Return a line of a scene log, about anything."""
    main, other = rng.sample(NAMES, 2)
    return describe(
        SceneEntry(
            time=0.0,
            names=((main, 1.0),),
            colour=rng.choice(COLORS),
            place=rng.choice(PLACES),
            others=(other,),
            people=rng.randrange(4),
        )
    )


def code_sample(
    decoder: Decoder,
    encode: Callable[[str], Tensor],
    opening: Tensor,
    number: int,
    *,
    recent: int,
    length: int,
) -> RetrievalSample:
    """Return text `number` after `opening`: as many lines as fit into `length` tokens."""
    per_line = len(encode(code_text(number, 64)[0][0])) / 64
    pieces = code_text(number, max(CODES, int(length / per_line)))
    tokens = [encode(text).to(opening.device) for text, _ in pieces]
    told = [torch.zeros(len(opening), dtype=torch.bool)]
    told += [
        torch.full((len(part),), answer) for part, (_, answer) in zip(tokens, pieces, strict=True)
    ]
    with torch.no_grad():
        x = decoder.embed(torch.cat([opening, *tokens]))
    full = torch.ones(len(x), len(x), dtype=torch.bool, device=x.device).tril()
    return RetrievalSample(
        x,
        torch.arange(len(x), device=x.device),
        full,
        streaming_mask(full, len(opening), recent),
        torch.cat(told).to(x.device),
    )


def load_samples(
    folder: Path, *, recent: int, length: int, device: str
) -> tuple[Decoder, MakeSample]:
    """Return the decoder of the Video-LLM in `folder`, and samples of `length` tokens.

    Raises:
        WeightsError: its files are missing, or of another model.
    """
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    model = read_video_llm(ModelFolder(folder, device, dtype))

    def sample(number: int) -> RetrievalSample:
        return code_sample(
            model.decoder,
            model.tokenizer.encode_user_text,
            model.opening,
            number,
            recent=recent,
            length=length,
        )

    return model.decoder, sample


def packaged_samples(weights: Path, *, recent: int, length: int) -> tuple[Decoder, MakeSample]:
    """Return the packaged language model in dense matrices, and samples of `length` tokens.

    Raises:
        WeightsError: its file is missing or damaged.
    """
    chat = smollm2.load(weights / "smollm2-135m")
    opening = chat.encode(smollm2.system_prompt(SYSTEM))

    def sample(number: int) -> RetrievalSample:
        return code_sample(chat.decoder, chat.encode, opening, number, recent=recent, length=length)

    return chat.decoder, sample
