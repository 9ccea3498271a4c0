"""A real Video-LLM as a session's watcher: frames to ReKV blocks, retrieved layer by layer.

For LLaVA-OneVision and Qwen2.5-VL. They describe nothing until they are asked, so a moment has
no words of its own, and standing requests are watched for with the small model's eyes.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from models.assistant.interface import AssistantAnswer, FrameAnalysis, Moment
from models.assistant.requests import session_requests as wishes
from models.assistant.requests.session_requests import Wished
from models.assistant.requests.standing_requests import RequestTracker
from models.assistant.scene.perception import Observation, Perception, Pixels
from models.errors import EmptyMemoryError, WeightsError
from models.language.decoder import Decoder
from models.language.huggingface import read_config
from models.language.tokenizer import Language
from models.memory.kv_store.tiers import Budget, Store, open_store
from models.memory.positions import Places
from models.memory.prefill import State
from models.memory.rekv import Frame, Rekv, RekvConfig
from models.vision.video_llm.llava_onevision import read_llava_onevision
from models.vision.video_llm.qwen25_vl import read_qwen25_vl

BLOCKS = "blocks"
NOTHING_YET = "I have not seen anything yet."
NO_BLOCK = -1  # number of what was seen and not remembered


class VideoLlm(Protocol):
    """What the models have in common, see `llava_onevision` and `qwen25_vl`."""

    @property
    def decoder(self) -> Decoder: ...

    @property
    def language(self) -> Language: ...

    @property
    def opening(self) -> Tensor: ...

    def see(self, pixels: Tensor) -> Tensor: ...

    def prompt(self, question: str) -> Tensor: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoLlmConfig:
    """`interval` seconds between frames that are remembered; tokens an answer has at most.

    `evidence` is how many of the retrieved moments an answer names: those that most layers took.
    """

    interval: float = 2.0  # ReKV's 0.5 frames a second
    longest: int = 128
    evidence: int = 8
    rekv: RekvConfig = field(default_factory=RekvConfig)


@dataclass(slots=True, eq=False)
class VideoLlmState:
    """The state of one stream."""

    rekv: State
    wished: Wished = field(default_factory=Wished)
    last: float | None = None  # time of the last frame that was remembered


class VideoLlmAssistant:
    """The model behind a session; one serves every session."""

    stand_in = False

    def __init__(
        self,
        model: VideoLlm,
        eyes: Perception,
        config: VideoLlmConfig | None = None,
        *,
        places: Places | None = None,
        budget: Budget | None = None,
        watching: RequestTracker | None = None,
        name: str = "a Video-LLM",
    ) -> None:
        self.model = model
        self.about = f"answers come from {name}; it can be wrong"
        self.eyes = eyes
        self.config = config or VideoLlmConfig()
        self.budget = budget or Budget()
        self.watching = watching or RequestTracker()
        self.rekv = Rekv(model.decoder, model.opening, self.config.rekv, places=places)

    def init_state(self, folder: Path | None) -> VideoLlmState:
        """Return the memory that `folder` holds, or a new one; without a folder, it is in RAM.

        Raises:
            StoreError: the folder cannot be used, or is another model's.
        """
        if folder is None:
            return VideoLlmState(self.rekv.init_state(Store(self.budget)))
        store = open_store(folder / BLOCKS, self.rekv.identity, self.budget)
        state = VideoLlmState(self.rekv.init_state(store))
        blocks = store.table.blocks
        state.last = blocks[-1].end if blocks else None
        return state

    def analyze_frame(
        self, state: VideoLlmState, pixels: Pixels, time: float
    ) -> tuple[VideoLlmState, FrameAnalysis]:
        """Look at a picture, uint8 (height, width, 3) RGB, at `time` in seconds.

        Raises:
            StoreFullError, StoreError: there is no room to remember it; the rest is kept.
        """
        look: Observation | None = None
        if state.wished.standing:
            look = self.eyes.look(pixels, time)
        remembered: tuple[Moment, ...] = ()
        if state.last is None or time - state.last >= self.config.interval:
            tokens = self.model.see(torch.from_numpy(pixels.copy())[None])[0]
            state.rekv, _ = self.rekv.step(state.rekv, [Frame(tokens, time, time)])
            state.last = time
            remembered = (Moment(_newest(state), time, ""),)
        noticed = wishes.look(self.watching, state.wished, look, _newest(state)) if look else ()
        return state, FrameAnalysis(remembered, noticed, look.relevance.numpy() if look else None)

    def note_request(
        self, state: VideoLlmState, text: str, time: float
    ) -> tuple[VideoLlmState, AssistantAnswer | None]:
        """Return what answers a standing request; None where `text` is an ordinary question."""
        return state, wishes.heed(self.watching, state.wished, text, time)

    def standing_requests(self, state: VideoLlmState) -> tuple[str, ...]:
        """Return the requests that stand."""
        return state.wished.standing

    def answer(self, state: VideoLlmState, text: str, time: float) -> AssistantAnswer:
        """Answer from what was seen up to `time`; changes nothing."""
        language = self.model.language
        try:
            retrieved = self.rekv.retrieve(state.rekv, language.question(text), until=time)
        except EmptyMemoryError:
            return AssistantAnswer(iter([NOTHING_YET]))
        prompt = self.model.prompt(text)
        read = retrieved.caches[0].length + len(prompt)
        tokens = self.rekv.reply(
            retrieved, prompt, longest=self.config.longest, stop={language.end}
        )
        most = [block for block, _ in retrieved.voted()[: self.config.evidence]]
        most.sort(key=lambda block: block.start)
        moments = tuple(Moment(block.id, block.start, "") for block in most)
        return AssistantAnswer(language.text(tokens), moments, read)

    def seen_until(self, state: VideoLlmState) -> float:
        """Return the time of the last moment that is remembered; less than 0 if none is."""
        return -1.0 if state.last is None else state.last

    def close(self, state: VideoLlmState) -> None:
        """Write what is only in RAM to the folder, and give it back.

        Raises:
            StoreFullError, StoreError: not all could be written.
        """
        try:
            self.rekv.flush(state.rekv)
        finally:
            state.rekv.store.close()


def load(
    folder: Path,
    eyes: Perception,
    config: VideoLlmConfig | None = None,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    budget: Budget | None = None,
) -> VideoLlmAssistant:
    """Return the model in `folder`, as it comes from the hub, told apart by its config.json.

    Raises:
        WeightsError: a file is missing, cut short, or of a model that is not known here.
    """
    config = config or VideoLlmConfig()
    kind = read_config(folder).get("model_type")
    if kind == "llava_onevision":
        llava = read_llava_onevision(folder, device=device, dtype=dtype)
        return VideoLlmAssistant(llava, eyes, config, budget=budget, name=folder.name)
    if kind == "qwen2_5_vl":
        qwen = read_qwen25_vl(folder, device=device, dtype=dtype)
        places = qwen.places(config.interval)
        return VideoLlmAssistant(qwen, eyes, config, places=places, budget=budget, name=folder.name)
    raise WeightsError(
        f"{folder}: a model of type {kind!r}; give one of llava_onevision or qwen2_5_vl"
    )


def _newest(state: VideoLlmState) -> int:
    last = state.rekv.last
    return NO_BLOCK if last is None else last.id
