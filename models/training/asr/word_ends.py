"""Word end times of utterances, from another model than the trained one.

The text is known, so the offline base model only aligns it, by cross-attention and dynamic time
warping. Each utterance is aligned once; the result is kept in a file.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from models.asr.whisper.alignment import FRAME, align
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.mel import log_mel
from models.asr.whisper.tokenizer import WhisperTokenizer
from models.training.asr.clips import SpeechClip, SpeechClips

PADDING = 16_000  # samples of silence after the utterance, so that its last word can end


@dataclass(eq=False)
class WordEnds:
    """Word ends of `clips`, aligned when first asked for and kept in `file`."""

    clips: SpeechClips
    aligner: WhisperModel
    file: Path
    known: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file.exists():
            for line in self.file.read_text().splitlines():
                entry = json.loads(line)
                self.known[entry["path"]] = [tuple(pair) for pair in entry["ends"]]

    def of(self, clip: SpeechClip) -> list[tuple[int, int]]:
        """Return (characters of " text" until a word's end, its last frame of 20 ms) pairs."""
        if clip.path not in self.known:
            self.known[clip.path] = self._align(clip)
            with self.file.open("a") as lines:
                lines.write(json.dumps({"path": clip.path, "ends": self.known[clip.path]}) + "\n")
        return self.known[clip.path]

    def tokens(self, clip: SpeechClip, tokenizer: WhisperTokenizer) -> tuple[list[int], list[int]]:
        """Return the tokens of " text", and the frame where the word of each one ends."""
        text = " " + clip.text
        encoding = tokenizer.table.encode(text, add_special_tokens=False)
        ends = self.of(clip)
        frames, word = [], 0
        for _, last in encoding.offsets:
            while word < len(ends) - 1 and last > ends[word][0]:
                word += 1
            frames.append(ends[word][1] if ends else 0)
        return list(encoding.ids), np.maximum.accumulate(frames).tolist() if frames else []

    @torch.inference_mode()
    def _align(self, clip: SpeechClip) -> list[tuple[int, int]]:
        decoder, tokenizer, config = (
            self.aligner.decoder,
            self.aligner.tokenizer,
            self.aligner.config,
        )
        limit = config.audio_context * FRAME
        samples = np.pad(self.clips.samples(clip), (0, PADDING + -clip.count % FRAME))[:limit]
        state = decoder.open(self.aligner.encoder.encode(log_mel(samples, config.mels)))
        words = tokenizer.words(tokenizer.encode(" " + clip.text))
        frames = min(-(-clip.count // FRAME), config.audio_context)
        spans = align(decoder, tokenizer, state, words, frames=frames)
        ends, text = [], ""
        for span in spans:
            text += tokenizer.decode(span.tokens)
            ends.append((len(text), span.end))
        return ends
