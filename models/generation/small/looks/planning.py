"""From a prompt to what is drawn of it: its encoding, its motions, the looks of its things."""

from collections.abc import Callable
from dataclasses import dataclass

from models.generation.chunk_request import ChunkRequest, WeightedPrompts
from models.generation.own_look import OwnLooks
from models.generation.prompt_encoder import EncodedPrompt, blend
from models.generation.small.looks.encoder import LookEncoder, PromptLooks
from models.generation.small.planner import MotionPlan, plan_motion
from models.generation.small.prompts.notices import refusal
from models.generation.small.prompts.reader import read_prompt
from models.generation.small.prompts.reading import PromptReading
from models.generation.small.prompts.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True, eq=False)
class PlannedPrompt:
    """An encoded prompt, its motion, and the looks of what it names."""

    parts: WeightedPrompts
    own: OwnLooks
    prompt: EncodedPrompt
    motion_plan: MotionPlan
    looks: PromptLooks | None


class PromptPlanner:
    """Plans prompts for a model that knows `vocabulary`; without `looks` it takes none."""

    def __init__(
        self,
        encode: Callable[[str], EncodedPrompt],
        vocabulary: Vocabulary,
        looks: LookEncoder | None,
    ) -> None:
        self._encode, self._vocabulary, self._looks = encode, vocabulary, looks

    def plan(
        self, previous: PlannedPrompt | None, request: ChunkRequest, seed: int
    ) -> PlannedPrompt:
        """Return how to draw what is asked for in a video of `seed`.

        Raises:
            ValueError: the model knows no thing of a text; `refusal` says so beforehand.
        """
        parts, own = request.prompt, request.looks
        if previous is not None and (previous.parts, previous.own) == (parts, own):
            return previous
        known = self._vocabulary.with_own(own)
        if reason := refusal(parts, known):
            raise ValueError(reason)
        prompt = blend(
            [
                (self._encode(read_prompt(text, known).trained_caption), weight)
                for text, weight in parts
            ]
        )
        reading = read_prompt(max(parts, key=lambda part: part[1])[0], known)
        looks = self.choose(reading, own, seed)
        return PlannedPrompt(parts, own, prompt, plan_motion(reading), looks)

    def choose(self, reading: PromptReading, own: OwnLooks, seed: int) -> PromptLooks | None:
        """Return the looks of what a prompt names, those of `own` first; None without looks."""
        if self._looks is None:
            return None
        encoder, named = self._looks, {look.name: look for look in own}
        things = tuple(
            encoder.own_thing(named[thing.kind], thing.size)
            if thing.kind in reading.vocabulary.own_things
            else encoder.choose(thing.kind, seed, size=thing.size, color=thing.color)
            for thing in reading.things
        )
        ground = reading.ground
        if ground in reading.vocabulary.own_backgrounds:
            return PromptLooks(things, encoder.own_ground(named[ground]))
        return PromptLooks(things, ground)
