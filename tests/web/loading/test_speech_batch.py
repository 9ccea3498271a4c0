"""Recognition that gathers runs of its networks: on a GPU, or as a setting says."""

from contextlib import ExitStack

import torch

from media.images.decoder import ImageDecoder
from media.pipeline.models.hearing import SpeechChunk
from media.pipeline.models.services import make_services
from media.servers.gathering_server import GatheringServer
from media.servers.queued_engine import queued
from media.worker import Worker
from models.engine import ExportableNetwork, NetworkSource, TorchEngine
from tests.media.pipeline.scripted import scripted, tone
from tests.trt_engines.tiny_network import TinyAttention
from web.config import Settings
from web.loading.devices import GPU_SPEECH_BATCH, speech_batch, start_devices


def test_runs_are_gathered_on_a_gpu_or_if_the_setting_says_so() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda:0")
    assert speech_batch(Settings(), cpu) == 1
    assert speech_batch(Settings(), gpu) == GPU_SPEECH_BATCH
    assert speech_batch(Settings(speech_batch=4), cpu) == 4
    assert speech_batch(Settings(speech_batch=1), gpu) == 1


def test_networks_of_gathered_runs_have_no_matrices_of_8_bits() -> None:
    asked: list[bool] = []

    def load(source: NetworkSource) -> TorchEngine:
        asked.append(source.int8)
        return TorchEngine(source.build())

    def build() -> ExportableNetwork:
        return TinyAttention()

    source = NetworkSource(spec=TinyAttention().spec, weights="", build=build, int8=True)
    queued(load)(source)
    queued(load, together=2)(source)
    assert asked == [True, False]


async def test_sessions_are_recognized_on_threads_that_wait_for_runs() -> None:
    with ExitStack() as stack:
        media, images = Worker("media"), ImageDecoder()
        stack.callback(media.close)
        stack.callback(images.close)
        devices = start_devices(Settings(), stack, gathering=True)
        services = make_services(scripted(), devices, media_worker=media, images=images)
        assert isinstance(services.recognizer, GatheringServer)
        handle = await services.recognizer.open()
        updates = await handle.step(SpeechChunk(tone(1.0)))
        updates = [*updates, *await handle.step(SpeechChunk(None, last=True))]
        assert [word.text for each in updates for word in each.committed] == [
            " w0", " w1", " w2", " w3", " w4",
        ]  # fmt: skip
