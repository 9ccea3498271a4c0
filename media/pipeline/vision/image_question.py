"""Answers about image files, without a session: nothing is remembered."""

from collections.abc import Sequence

from media.pipeline.models.answering import AnswerHandle
from media.pipeline.models.services import Services
from media.servers.urgency import Urgency


async def answer_about_images(
    services: Services, files: Sequence[bytes], text: str
) -> AnswerHandle:
    """Return the answer to `text` about image files, taken as a stream of one a second.

    It has no moments, as the files are not part of a session. Without a file it says that nothing
    was seen.

    Raises:
        UnreadableMediaError: a file cannot be read.
    """
    memory = await services.assistant.open(None)
    time = 0.0
    for number, file in enumerate(files):
        time = float(number)
        pixels = await services.images.read(file)
        await memory.analyze_frame(pixels, time, Urgency.ANSWER)
    answer = await memory.answer(text, time)
    answer.moments = ()
    return answer
