"""Answers about image files, without a session: nothing is remembered."""

from collections.abc import Sequence

from media.pipeline.models import Services
from models.assistant.interface import AssistantAnswer


async def answer_about_images(
    services: Services, files: Sequence[bytes], text: str
) -> AssistantAnswer:
    """Return the answer to `text` about image files, taken as a stream of one a second.

    It has no moments, as the files are not part of a session. Without a file it says that nothing
    was seen.

    Raises:
        UnreadableMediaError: a file cannot be read.
    """
    assistant, vision = services.assistant, services.vision_worker
    state = await vision.run(assistant.init_state, None)
    time = 0.0
    for number, file in enumerate(files):
        time = float(number)
        pixels = await services.images.read(file)
        state, _ = await vision.run(assistant.analyze_frame, state, pixels, time)
    answer = await services.answer_worker.run(assistant.answer, state, text, time)
    return AssistantAnswer(answer.pieces, (), answer.prompt_tokens)
