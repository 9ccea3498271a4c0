"""No message of a client keeps the event loop busy, whatever it holds."""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.images.decoder import ImageDecoder
from media.worker import Worker
from tests.event_loop import slow_callbacks
from tests.media.images.files import image_file
from tests.web.realtime.test_bridge import opened
from web.realtime.text_messages import LONG_MESSAGE, MANY_VALUES

LIMIT = 0.01  # seconds of CPU time of one callback
TRIES = 4  # in one of which nothing else slows the processor down
SIZES = st.sampled_from([1_000, LONG_MESSAGE - 200, LONG_MESSAGE + 200, 2_000_000])
NOISE = np.random.default_rng(1).bytes(1_500_000)
IMAGE = base64.b64encode(
    image_file(np.frombuffer(NOISE[: 300 * 400 * 3], np.uint8).reshape(300, 400, 3))
).decode()


def padded(size: int, unit: str) -> str:
    return unit * (size // len(unit))


def item(*content: dict[str, Any]) -> str:
    message = {"type": "message", "role": "user", "content": list(content)}
    return json.dumps({"type": "conversation.item.create", "item": message})


def audio(size: int) -> str:
    coded = base64.b64encode(NOISE[: size * 3 // 4]).decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": coded})


def format_of(kind: str) -> str:
    rate = {"rate": 24_000} if kind == "audio/pcm" else {}
    session = {"type": "realtime", "audio": {"input": {"format": {"type": kind, **rate}}}}
    return json.dumps({"type": "session.update", "session": session})


TEXTS = st.one_of(
    st.builds(
        padded, SIZES, st.sampled_from(["[", '{"a":', "[1,", "9", " ", '"', "\\u00e9", "é,"])
    ),
    SIZES.map(lambda size: "[" + padded(size, "1,") + "1]"),
    SIZES.map(lambda size: f'{{"type":"response.create","response":[{padded(size, "[],")}0]}}'),
    SIZES.map(lambda size: f'{{"type":"{padded(size, "x")}"}}'),
    SIZES.map(audio),
    st.builds(
        lambda size, unit: item({"type": "input_text", "text": padded(size, unit)}),
        SIZES,
        st.sampled_from(["a", "é", '"', "😀"]),
    ),
    st.builds(
        lambda size: json.dumps(
            {"type": "session.update", "session": {"instructions": padded(size, "a, ")}}
        ),
        SIZES,
    ),
    SIZES.map(lambda size: item(*({"type": "input_text", "text": ""},) * (size // 40))),
    st.one_of(st.just(MANY_VALUES // 2 - 20), SIZES.map(lambda size: size // 20)).map(
        lambda count: json.dumps(
            {"type": "eyeline.track.append", "points": [{"x": 2, "y": 2}] * count}
        )
    ),
    st.integers(1, 8).map(
        lambda count: item(
            *[{"type": "input_image", "image_url": f"data:image/png;base64,{IMAGE}"}] * count
        )
    ),
    st.just(json.dumps({"type": "eyeline.video.append", "image": IMAGE})),
    st.just(json.dumps({"type": "eyeline.video.append", "image": IMAGE[:5_000]})),
)


@pytest.fixture(scope="module")
def decoder() -> Iterator[ImageDecoder]:
    decoder = ImageDecoder()
    yield decoder
    decoder.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=60)
@given(
    texts=st.lists(TEXTS, min_size=1, max_size=3),
    format=st.sampled_from(["audio/pcm", "audio/pcmu", "audio/pcma"]),
)
def test_no_message_keeps_the_event_loop_busy(
    decoder: ImageDecoder, texts: list[str], format: str
) -> None:
    slow = slow_when_received(decoder, [format_of(format), *texts])
    for _ in range(TRIES - 1):
        slow = slow and slow_when_received(decoder, [format_of(format), *texts])
    assert not slow, (slow, [(text[:80], len(text)) for text in texts])


def slow_when_received(decoder: ImageDecoder, texts: list[str]) -> list[str]:
    with slow_callbacks(LIMIT) as slow:
        asyncio.run(converse(decoder, texts))
    return slow


async def converse(decoder: ImageDecoder, texts: list[str]) -> None:
    """Send `texts`, and read all events as a client does, in tasks of the product's coroutines."""
    worker = Worker("test")
    async with opened(worker, decoder) as bridge, asyncio.TaskGroup() as tasks:

        async def drain() -> None:
            async for _ in bridge.source:
                pass

        async def write() -> None:
            async for event in bridge.outgoing:
                await tasks.create_task(bridge.text_of(event))

        async def send() -> None:
            for text in texts:
                await tasks.create_task(bridge.receive_message(text))
            await bridge.source.close()
            await bridge.outgoing.close()

        for work in (drain(), write(), send()):
            tasks.create_task(work)
    worker.close()
