"""What answers questions in place of the packaged model, and changes video, by the settings."""

import ssl
from contextlib import ExitStack
from urllib.parse import urlsplit

from media.images.picture_log import PictureLimits
from media.pipeline.models.answerer import Answerer, PackagedAnswerer
from media.pipeline.models.services import OutsideModel
from media.pipeline.outside.answerer import OutsideAnswerer
from media.pipeline.outside.endpoint import EvidenceLimits, ModelEndpoint
from media.pipeline.outside.evidence import EvidenceCollector
from media.pipeline.outside.tool_schemas import DRAW
from media.pipeline.own_code.frame_filter import UserFrameFilter
from media.pipeline.own_code.handler import HandlerAnswerer, HandlerLoop
from media.pipeline.own_code.user_function import UserFunction
from media.worker import Worker
from web.settings.answers import AnswerSettings


def outside_model(
    settings: AnswerSettings, stack: ExitStack, *, draws: bool
) -> OutsideModel | None:
    """Return what answers in place of the packaged model, if anything; `stack` closes it.

    A model may call `draw` only if the service `draws`.

    Raises:
        UserCodeError: the function that the settings name cannot be loaded.
    """
    if settings.handler is not None:
        return handler_model(settings, settings.handler, stack)
    if settings.answers_url is None:
        return None
    endpoint = answer_endpoint(settings, settings.answers_url)
    config = evidence_config(settings)

    tools = [name for name in settings.answers_tools if draws or name != DRAW]

    def make(packaged: PackagedAnswerer, worker: Worker) -> Answerer:
        collector = EvidenceCollector(config, packaged.images, worker)
        fallback = packaged if settings.answers_fallback else None
        return OutsideAnswerer(endpoint, collector, worker, fallback, tools)

    return OutsideModel(make=make, pictures=picture_limits(settings))


def handler_model(settings: AnswerSettings, name: str, stack: ExitStack) -> OutsideModel:
    """Return the function `name` as a model.

    Raises:
        UserCodeError: it cannot be loaded.
    """
    function = UserFunction(name)
    function.load()
    loop = HandlerLoop()
    stack.callback(loop.close)

    def make(packaged: PackagedAnswerer, worker: Worker) -> Answerer:
        collector = EvidenceCollector(evidence_config(settings), packaged.images, worker)
        fallback = packaged if settings.answers_fallback else None
        wait, longest = settings.answers_first_wait, settings.answers_length
        return HandlerAnswerer(function, collector, loop, fallback, max_wait=wait, max_text=longest)

    return OutsideModel(make=make, pictures=picture_limits(settings))


def frame_filter(settings: AnswerSettings, stack: ExitStack) -> UserFrameFilter | None:
    """Return the function that video passes through, if there is one; `stack` ends its thread.

    Raises:
        UserCodeError: it cannot be loaded.
    """
    if settings.frame_filter is None:
        return None
    function = UserFunction(settings.frame_filter)
    function.load()
    loop = HandlerLoop()
    stack.callback(loop.close)
    return UserFrameFilter(function, loop, max_wait=settings.frame_filter_wait)


def picture_limits(settings: AnswerSettings) -> PictureLimits | None:
    """Return the limits of pictures that are kept, None if none are sent."""
    if settings.answers_pictures == "no" or settings.answers_picture_count == 0:
        return None
    space = settings.answers_picture_space << 20
    return PictureLimits(side=settings.answers_picture_size, space=space)


def answer_endpoint(settings: AnswerSettings, url: str) -> ModelEndpoint:
    key = settings.answers_key
    return ModelEndpoint(
        url=url,
        model=settings.answers_model,
        key="" if key is None else key.get_secret_value(),
        max_tokens=settings.answers_tokens,
        max_text=settings.answers_length,
        first_wait=settings.answers_first_wait,
        next_wait=settings.answers_next_wait,
        retry_wait=settings.answers_retry_wait,
        tls=ssl.create_default_context() if urlsplit(url).scheme == "https" else None,
    )


def evidence_config(settings: AnswerSettings) -> EvidenceLimits:
    return EvidenceLimits(
        moments=settings.answers_moments,
        pictures=settings.answers_picture_count,
        looks=settings.answers_looks,
        side=settings.answers_picture_size,
        scoped=settings.answers_by_scope,
        takes_pictures=settings.answers_pictures,
    )
