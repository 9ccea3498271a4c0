"""Simulcast in SDP (RFC 8853): a client offers the same video in several sizes.

All are accepted, because SDP does not say which is the largest; `rtc.receiving.layers` picks one as
they arrive.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from aiortc.rtcrtpparameters import RTCRtpCodecParameters

RID = re.compile(r"a=rid:([A-Za-z0-9_-]{1,255}) send\b.*")  # RFC 8851, section 10
STREAMS = re.compile(r"a=simulcast:(?:.* )?send (\S+)(?: .*)?")
MAX_LAYERS = 8
START_BITRATE = 1500  # kbit/s, from which Chromium sends three layers up to 1280 x 720


def offered_layers(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the identifiers of the layers that a section sends; `~` marks a paused one.

    Of alternatives for one layer, the first is taken. Without simulcast there are none.
    """
    known = {found[1] for line in lines if (found := RID.fullmatch(line))}
    sent = next((found[1] for line in lines if (found := STREAMS.fullmatch(line))), "")
    firsts = dict.fromkeys(alternatives.split(",")[0] for alternatives in sent.split(";"))
    return tuple(each for each in firsts if each.removeprefix("~") in known)[:MAX_LAYERS]


def for_layers(codecs: Sequence[RTCRtpCodecParameters]) -> tuple[RTCRtpCodecParameters, ...]:
    """Return `codecs` so that Chromium starts its larger layers: at the bitrate that it is told."""
    start = {"x-google-start-bitrate": str(START_BITRATE)}
    return tuple(
        codec if codec.name == "rtx" else replace(codec, parameters={**codec.parameters, **start})
        for codec in codecs
    )


def answer_lines(layers: Sequence[str]) -> list[str]:
    """Return the attributes that accept `layers`."""
    if not layers:
        return []
    identifiers = [f"a=rid:{layer.removeprefix('~')} recv" for layer in layers]
    return [*identifiers, f"a=simulcast:recv {';'.join(layers)}"]
