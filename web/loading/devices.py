"""The devices that run the models of the service."""

from contextlib import ExitStack
from math import inf

import torch

from media.pipeline.models.services import Devices
from media.servers.device import Device
from media.worker import Worker
from trt_engines.choice import choose_device
from web.config import Settings
from web.settings.checks import SMALL, WAN_MODELS

GPU_SLOTS = 3  # computations at once on a GPU: a look, an answer, generated frames
GPU_SPEECH_BATCH = 16  # streams of speech in one run on a GPU


def speech_batch(settings: Settings, device: torch.device) -> int:
    """Return of how many streams of speech a network on `device` takes runs at once.

    On a CPU it is no quicker: docs/benchmarks.md.
    """
    return settings.speech_batch or (1 if device.type == "cpu" else GPU_SPEECH_BATCH)


def start_devices(settings: Settings, stack: ExitStack, *, gathering: bool = False) -> Devices:
    """Return what runs the models; `stack` closes them.

    A model that runs on a GPU does not take a place among the computations of the CPU. With
    `gathering`, recognition runs its networks for several streams at once: one such run at a time,
    so that the next ones wait and are gathered.
    """

    def device(name: str, slots: int, urgent: int = 0) -> Device:
        longest = settings.hang_timeout or inf
        started = Device(name, slots=slots, urgent=urgent, max_run=longest)
        stack.callback(started.close)
        return started

    slots = settings.computations_in_use
    cpu = device("cpu", slots, urgent=1)
    on_gpu = choose_device(settings.device).type == "cuda"
    gpu = device("gpu", GPU_SLOTS) if on_gpu else cpu
    threads = Worker("recognition", threads=settings.sessions) if gathering else None
    if threads is not None:
        stack.callback(threads.close)
    return Devices(
        detection=device("detection", 1),
        synthesis=device("synthesis", 1),
        recognition=gpu if gathering else cpu,
        assistant=cpu if settings.video_model == SMALL else gpu,
        generation=gpu if settings.drawing_model in WAN_MODELS else cpu,
        recognitions=1 if gathering and on_gpu else slots,
        recognition_threads=threads,
    )
