"""A question about picture files, asked aside of every stream: nothing of it is remembered."""

from collections.abc import Sequence

from media.images import read_image
from media.pipeline.models import Services
from models.assistant.interface import AssistantAnswer


async def answer_about_images(
    services: Services, files: Sequence[bytes], text: str
) -> AssistantAnswer:
    """Return the answer to `text` about picture files, taken to be a second apart.

    It has no moments, as the files are not part of a stream. Without a file it says that nothing
    was seen.

    Raises:
        UnreadableMediaError: one of them cannot be read.
    """
    watcher, eyes, mind = services.assistant, services.vision_worker, services.answer_worker
    state = await eyes.run(watcher.init_state, None)
    time = 0.0
    for number, file in enumerate(files):
        time = float(number)
        pixels = await eyes.run(read_image, file)
        state, _ = await eyes.run(watcher.analyze_frame, state, pixels, time)
    said = await mind.run(watcher.answer, state, text, time)
    return AssistantAnswer(said.pieces, (), said.read)
