"""What meets data from outside, each as a function of the bytes that a fuzzer chooses.

A target fails by raising: its parser raised another error than it promises, or accepted what it
cannot send, record or read again.
"""

import io
import json
import random
from collections.abc import Callable
from contextlib import suppress

from PIL import Image

from media.errors import UnreadableMediaError
from media.frames import AudioChunk, VideoFrame
from media.images.decoding import decode_image
from media.recording.event_lines import format_line, parse_line
from media.sizes import SizeLimits
from rtc.errors import BadOfferError
from rtc.negotiation.fragment import Fragment, read_fragment, write_fragment
from rtc.negotiation.offer import OfferLimits, read_offer
from tests.fuzz.choices import Choices
from tests.fuzz.controllers import incoming_rate, outgoing_rate
from tests.fuzz.packets import feedback, sctp, stun_checks, video_payloads
from tests.fuzz.streams import audio_stream, video_buffer
from tests.models.generation.small.prompts import check_reading, prompt_of
from tests.models.generation.small.worlds import LARGER, SHIPPED
from tests.paths import DATA, ROOT
from tests.rtc.mutations import mutated
from tests.web.openai_sdk import check
from tests.web.protocol.test_generation import CAPABILITIES
from tests.web.protocol.test_protocol import receive
from tests.web.protocol.test_protocol_doc import EXAMPLES
from web.protocol.client_events.messages import ProtocolError
from web.protocol.protocol import RealtimeProtocol


def image_file(format: str) -> bytes:
    file = io.BytesIO()
    ramp = Image.linear_gradient("L").resize((24, 16))
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation
    Image.merge("RGB", (ramp, ramp, ramp)).save(file, format, exif=exif)
    return file.getvalue()


CLIENT_EVENTS = [example for example in EXAMPLES if "event_id" not in example]
FULL_SESSION = {  # what clients send beside the examples of docs/protocol.md
    "type": "realtime",
    "model": "gpt-realtime",
    "instructions": "Be brief.",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "noise_reduction": {"type": "near_field"},
            "transcription": {"model": "whisper-1", "language": "en-US", "prompt": "names"},
            "turn_detection": {
                "type": "semantic_vad",
                "eagerness": "high",
                "create_response": True,
                "interrupt_response": False,
                "idle_timeout_ms": 6000,
            },
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": {"id": "heart"}, "speed": 1.5},
    },
    "tools": [{"type": "function", "name": "f", "parameters": {}}],
    "tool_choice": "auto",
    "tracing": {"workflow_name": "w"},
    "max_output_tokens": 50,
    "eyeline": {"events": True},
}
SESSIONS = [event["session"] for event in CLIENT_EVENTS if "session" in event] + [FULL_SESSION]
LINES = [
    json.loads(line)
    for path in sorted((ROOT / "tests" / "replay" / "recordings").glob("*/events.jsonl"))
    for line in path.read_text(encoding="utf-8").splitlines()
]
CLIENT_EVENTS.append({"type": "session.update", "session": FULL_SESSION})
FILES = [image_file(format) for format in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "AVIF", "BMP")]
OFFERS = [path.read_text(encoding="utf-8") for path in sorted((DATA / "sdp").glob("*.sdp"))]

FRAGMENT = ("a=group:BUNDLE", "m=", "a=mid:", "a=ice-", "a=candidate:", "a=end-of-candidates")
FRAGMENTS = [
    "".join(f"{line}\r\n" for line in offer.splitlines() if line.startswith(FRAGMENT))
    for offer in OFFERS
]


def events(data: bytes) -> None:
    """Send up to six damaged client events to one conversation."""
    choices = Choices(data)
    protocol = RealtimeProtocol("sess_fuzz", CAPABILITIES, eyeline_events=bool(choices.number(2)))
    for _ in range(6):
        event = choices.mutated(choices.one(CLIENT_EVENTS), CLIENT_EVENTS)
        text = json.dumps(event)
        if choices.number(8) == 0:
            text = mutated(text, random.Random(choices.data()))
        receive(protocol, text, now=1.0)
        _check_output(protocol)
        if not (choices.left and protocol.ready):
            break


def sessions(data: bytes) -> None:
    """Open a conversation with a damaged session, as one that comes with an offer or a secret."""
    choices = Choices(data)
    patch = choices.mutated(choices.one(SESSIONS), SESSIONS)
    if not isinstance(patch, dict):
        return
    try:
        protocol = RealtimeProtocol("sess_fuzz", CAPABILITIES, patch=patch)
    except ProtocolError:
        return
    _check_output(protocol)


def _check_output(protocol: RealtimeProtocol) -> None:
    """Check that the SDK reads the events, and that the inputs can be recorded."""
    sent = protocol.events_to_send()
    json.dumps(sent, allow_nan=False)
    check(sent)
    for item in protocol.inputs_to_send():
        if not isinstance(item, AudioChunk | VideoFrame):
            _check_line(format_line(item, audio=1, video=2))


def offers(data: bytes) -> None:
    """Read a damaged SDP offer."""
    choices = Choices(data)
    with suppress(BadOfferError):
        read_offer(mutated(choices.one(OFFERS), random.Random(data)), OfferLimits())


def fragments(data: bytes) -> None:
    """Read a damaged SDP fragment; what is read can be written, and is read as the same again."""
    choices = Choices(data)
    text = mutated(choices.one(FRAGMENTS), random.Random(data))
    with suppress(BadOfferError):
        found = read_fragment(text, OfferLimits())
        assert _lines(read_fragment(_written(found), OfferLimits())) == _lines(found)


def _written(fragment: Fragment) -> str:
    return write_fragment(fragment.frame, fragment.username, fragment.password, fragment.candidates)


def _lines(fragment: Fragment) -> set[str]:
    """Return the lines of a fragment; a candidate that comes twice is one."""
    return set(_written(fragment).splitlines())


def images(data: bytes) -> None:
    """Decode a damaged image file."""
    choices = Choices(data)
    file = bytearray(choices.one(FILES))
    for _ in range(choices.number(5)):
        place = choices.number(len(file))
        part = choices.data()[:8]
        file[place : place + choices.number(12)] = part
        if not file:
            return
    with suppress(UnreadableMediaError):
        decode_image(bytes(file), SizeLimits(longer=64, shorter=64), 100_000)


def recordings(data: bytes) -> None:
    """Read a damaged line of a recording."""
    choices = Choices(data)
    text = json.dumps(choices.mutated(choices.one(LINES), LINES))
    if choices.number(4) == 0:
        text = mutated(text, random.Random(choices.data()))
    with suppress(ValueError):
        _check_line(text)


def _check_line(text: str) -> None:
    """Check that a line of a recording can be written again as it was read.

    Raises:
        ValueError: it cannot be read.
    """
    line = parse_line(text)
    again = parse_line(format_line(line.event, audio=line.audio, video=line.video))
    assert repr(again) == repr(line)


def prompts(data: bytes) -> None:
    """Read a prompt of words that mean something, or any text, as models of two worlds."""
    choices = Choices(data)
    vocabulary = choices.one((SHIPPED, LARGER))
    text = prompt_of(choices.number)
    if choices.number(4) == 0:
        text = choices.data().decode("utf-8", "replace")
    check_reading(text, vocabulary)


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each
    for each in (
        events,
        sessions,
        offers,
        fragments,
        images,
        recordings,
        prompts,
        stun_checks,
        feedback,
        video_payloads,
        sctp,
        outgoing_rate,
        incoming_rate,
        audio_stream,
        video_buffer,
    )
}
