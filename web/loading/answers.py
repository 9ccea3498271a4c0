"""The outside model that answers questions, if the settings name one."""

import ssl
from urllib.parse import urlsplit

from media.images.picture_log import PictureLimits
from media.pipeline.models.answerer import Answerer, PackagedAnswerer
from media.pipeline.models.services import OutsideModel
from media.pipeline.outside.answerer import OutsideAnswerer
from media.pipeline.outside.endpoint import Endpoint, EvidenceConfig
from media.pipeline.outside.evidence import EvidenceCollector
from media.pipeline.outside.memory_tools import DRAW
from media.worker import Worker
from web.answer_settings import AnswerSettings


def outside_model(settings: AnswerSettings, *, draws: bool) -> OutsideModel | None:
    """Return the model at `answers_url`, None if the packaged one answers.

    It may call `draw` only if the service `draws`.
    """
    if settings.answers_url is None:
        return None
    endpoint = answer_endpoint(settings, settings.answers_url)
    config = evidence_config(settings)

    tools = [name for name in settings.answers_tools if draws or name != DRAW]

    def make(packaged: PackagedAnswerer, worker: Worker) -> Answerer:
        collector = EvidenceCollector(config, packaged.images, worker)
        fallback = packaged if settings.answers_fallback else None
        return OutsideAnswerer(endpoint, collector, worker, fallback, tools)

    space = settings.answers_picture_space << 20
    looks = settings.answers_pictures != "no" and settings.answers_picture_count > 0
    pictures = PictureLimits(side=config.side, space=space) if looks else None
    return OutsideModel(make=make, pictures=pictures)


def answer_endpoint(settings: AnswerSettings, url: str) -> Endpoint:
    key = settings.answers_key
    return Endpoint(
        url=url,
        model=settings.answers_model,
        key="" if key is None else key.get_secret_value(),
        max_tokens=settings.answers_tokens,
        first_wait=settings.answers_first_wait,
        next_wait=settings.answers_next_wait,
        retry_wait=settings.answers_retry_wait,
        tls=ssl.create_default_context() if urlsplit(url).scheme == "https" else None,
    )


def evidence_config(settings: AnswerSettings) -> EvidenceConfig:
    return EvidenceConfig(
        moments=settings.answers_moments,
        pictures=settings.answers_picture_count,
        looks=settings.answers_looks,
        side=settings.answers_picture_size,
        takes_pictures=settings.answers_pictures,
    )
