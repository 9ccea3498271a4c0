"""What workers load, and services whose models they compute."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from media.pipeline.models.generation import (
    ChunkOrder,
    GeneratedChunk,
    GenerationServer,
    GenerationSlots,
)
from media.pipeline.models.hearing import TurnRecognizer
from media.pipeline.models.languages import Hearing
from media.pipeline.models.services import Services
from media.servers.device import JobQueue
from media.servers.server import ModelServer
from media.servers.urgency import Urgency
from models.streaming import Stateless
from web.cluster.models.actors import fetch
from web.cluster.models.pool import WorkerPool
from web.cluster.models.remote_server import RemoteServer
from web.cluster.models.worker import LoadServers, Servers
from web.config import Settings
from web.loading.asr import load_asr
from web.loading.devices import start_devices
from web.loading.engines import stored_engines
from web.loading.models import load_generator

RECOGNITION, FINAL_PASS, GENERATION = "recognition", "final_pass", "generation"


@contextmanager
def worker_servers(settings: Settings) -> Iterator[Servers]:
    """Load the models that `settings.cluster_models` names, and yield their servers.

    Raises:
        ModelError: weights cannot be downloaded or are damaged.
    """
    servers: dict[str, ModelServer[Any, Any, Any]] = {}
    with ExitStack() as stack:
        devices = start_devices(settings, stack)
        with stored_engines(settings) as load_engine:
            if RECOGNITION in settings.cluster_models:
                asr = load_asr(settings, load_engine)
                queue = JobQueue(devices.recognition, RECOGNITION, parallel=devices.recognitions)
                servers[RECOGNITION] = ModelServer(
                    TurnRecognizer(asr.recognizer), queue, Urgency.INTERIM_CAPTION
                )
                if asr.final_pass is not None:
                    final = Stateless(asr.final_pass.transcribe)
                    servers[FINAL_PASS] = ModelServer(final, queue, Urgency.FINAL_CAPTION)
            if GENERATION in settings.cluster_models:
                generator, _ = load_generator(settings, load_engine)
                if generator is not None:
                    queue = JobQueue(devices.generation, GENERATION)
                    slots = GenerationSlots(settings.drawings)
                    servers[GENERATION] = GenerationServer(generator, queue, slots)
        yield servers


def loader(settings: Settings) -> LoadServers:
    """Return what loads the models of a worker, with settings as those of this service."""
    return partial(worker_servers, settings)


class RemoteGeneration(RemoteServer[ChunkOrder, GeneratedChunk], GenerationServer):
    """Videos whose chunks workers generate."""

    def __init__(self, local: GenerationServer, pool: WorkerPool) -> None:
        RemoteServer.__init__(self, GENERATION, local, pool, fetch)
        self.generator = local.generator
        self.slots = local.slots


def with_workers(services: Services, settings: Settings, pool: WorkerPool) -> Services:
    """Return `services` with the models that the workers in `pool` compute."""
    if RECOGNITION in settings.cluster_models:
        recognizer = RemoteServer(RECOGNITION, services.recognizer, pool, fetch)
        final = services.final_pass
        if final is not None:
            final = RemoteServer(FINAL_PASS, final, pool, fetch)
        services = replace(
            services,
            recognizer=recognizer,
            final_pass=final,
            languages=services.languages.with_english(Hearing(recognizer, final)),
        )
    if GENERATION in settings.cluster_models and services.generation is not None:
        services = replace(services, generation=RemoteGeneration(services.generation, pool))
    return services
