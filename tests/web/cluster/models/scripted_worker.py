"""What a worker has in tests: the scripted recognizer of `tests.web.served`."""

from collections.abc import Iterator
from contextlib import contextmanager

from media.pipeline.models.hearing import TurnRecognizer
from media.servers.device import Device, JobQueue
from media.servers.server import ModelServer
from media.servers.urgency import Urgency
from tests.web.served import CountingRecognizer
from web.cluster.models.worker import Servers


@contextmanager
def counting_servers() -> Iterator[Servers]:
    device = Device("cpu", slots=1)
    queue = JobQueue(device, "recognition")
    recognizer = TurnRecognizer(CountingRecognizer())
    try:
        yield {"recognition": ModelServer(recognizer, queue, Urgency.INTERIM_CAPTION)}
    finally:
        device.close()
