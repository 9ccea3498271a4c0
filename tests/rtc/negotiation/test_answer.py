"""Answers to real offers and to every reshaping of them are valid."""

import random
import re

import pytest

from media.clock import LiveClock
from rtc.congestion.feedback import URI
from rtc.errors import BadOfferError
from rtc.negotiation.offer import OfferLimits, read_offer
from rtc.negotiation.signaling import accept_offer, create_answer, create_connection
from rtc.receiving.link import Link
from tests.paths import DATA
from tests.rtc.client import Camera, Microphone
from tests.rtc.negotiation.answers import check_answer, sections, values
from tests.rtc.negotiation.reshaping import reshaped

OFFERS = {path.stem: path.read_text() for path in sorted((DATA / "sdp").glob("*.sdp"))}
CHROMIUM = OFFERS["chromium"]
ROUNDS = 100
H264 = "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"


async def answer_to(text: str) -> str:
    offer = read_offer(text, OfferLimits())
    connection = create_connection([], Link(LiveClock()))
    try:
        await accept_offer(connection, offer)
        return await create_answer(connection, offer, [Camera(), Microphone()])
    finally:
        await connection.close()


def ports(answer: str) -> list[bool]:
    """Return of each section whether it is used."""
    return [part[0].split()[1] != "0" for part in sections(answer)[1]]


def only_video(*lines: str) -> str:
    """Return Chromium's offer with the codecs of these lines alone in the video section."""
    audio, video, data = CHROMIUM.split("m=")[1:]
    numbers = [found[1] for line in lines if (found := re.match(r"a=rtpmap:(\d+)", line))]
    kept = [line for line in video.splitlines() if not re.match("a=(rtpmap|fmtp|rtcp-fb)", line)]
    kept[0] = f"video 9 UDP/TLS/RTP/SAVPF {' '.join(numbers)}"
    changed = "\n".join([*kept, *lines, ""])
    return "m=".join([CHROMIUM.split("m=")[0], audio, changed, data])


@pytest.mark.parametrize("name", OFFERS)
async def test_the_answer_to_a_real_offer_is_valid(name: str) -> None:
    answer = await answer_to(OFFERS[name])
    check_answer(OFFERS[name], answer)
    assert any(ports(answer))


@pytest.mark.parametrize("name", ["chromium", "chromium_simulcast", "firefox"])
async def test_packets_are_numbered_and_reported_or_neither(name: str) -> None:
    media = [part for part in sections(await answer_to(OFFERS[name]))[1] if values(part, "rtpmap")]
    for part in media:
        assert any(URI in value for value in values(part, "extmap"))
        assert any("transport-cc" in value for value in values(part, "rtcp-fb"))
    for left_out in (URI, "transport-cc"):
        kept = [line for line in OFFERS[name].splitlines() if left_out not in line]
        answer = await answer_to("\r\n".join(kept))
        assert URI not in answer
        assert "transport-cc" not in answer


@pytest.mark.slow
async def test_the_answer_to_every_reshaped_offer_is_valid() -> None:
    rng, answered = random.Random(3), 0
    for round_ in range(ROUNDS):
        text = reshaped(list(OFFERS.values())[round_ % len(OFFERS)], rng)
        try:
            answer = await answer_to(text)
        except BadOfferError:
            continue
        answered += 1
        check_answer(text, answer)
    assert answered > ROUNDS * 2 // 3


@pytest.mark.parametrize("codec", ["VP9", "AV1", "H265"])
async def test_only_the_section_that_cannot_be_met_is_refused(codec: str) -> None:
    text = only_video(f"a=rtpmap:98 {codec}/90000", "a=rtpmap:99 rtx/90000", "a=fmtp:99 apt=98")
    answer = await answer_to(text)
    check_answer(text, answer)
    assert ports(answer) == [True, False, True]
    assert read_offer(text, OfferLimits()).refusals == (
        "the video section has no supported codec: expected VP8 or H.264",
    )


async def test_a_stopped_section_is_answered_with_port_0_and_is_no_complaint() -> None:
    text = CHROMIUM.replace("m=audio 33698", "m=audio 0")
    assert ports(await answer_to(text)) == [False, True, True]
    assert read_offer(text, OfferLimits()).refusals == ()


async def test_a_bundle_may_describe_its_transport_once() -> None:
    head, *parts = CHROMIUM.split("m=")
    bare = [re.sub("a=(ice|fingerprint|setup|candidate|rtcp-mux).*\n", "", each) for each in parts]
    bare = [re.sub(r"^(\w+) \d+", r"\1 0", each) + "a=bundle-only\n" for each in bare]
    text = "m=".join([head, parts[0], *bare[1:]])
    answer = await answer_to(text)
    check_answer(text, answer)
    assert ports(answer) == [True, True, True]


@pytest.mark.parametrize("mode", ["0", "1", None])
@pytest.mark.parametrize(
    "profile", ["42e01f", "42001f", "4d0032", "64001f", "640c34", "f4001f", None]
)
async def test_every_profile_level_and_mode_of_h264_is_answered_as_offered(
    profile: str | None, mode: str | None
) -> None:
    settings = [
        f"{name}={value}"
        for name, value in (("packetization-mode", mode), ("profile-level-id", profile))
        if value
    ]
    text = only_video("a=rtpmap:39 H264/90000", f"a=fmtp:39 {'; '.join(settings) or 'x=1'}")
    answer = await answer_to(text)
    check_answer(text, answer)
    assert ports(answer) == [True, True, True]
    video = sections(answer)[1][1]
    assert values(video, "rtpmap") == ["39 H264/90000"]
    # What is sent is always fragmented, as mode 1 allows.
    assert ("a=sendrecv" in video) == (mode == "1")


async def test_interleaved_h264_is_refused() -> None:
    text = only_video("a=rtpmap:39 H264/90000", "a=fmtp:39 packetization-mode=2")
    assert ports(await answer_to(text)) == [True, False, True]


async def test_static_payload_types_need_no_description() -> None:
    text = re.sub(r"m=audio .*", "m=audio 9 UDP/TLS/RTP/SAVPF 8 0", CHROMIUM)
    text = re.sub(r"a=rtpmap:(0|8) .*\n", "", text)
    answer = await answer_to(text)
    assert values(sections(answer)[1][0], "rtpmap") == ["8 PCMA/8000", "0 PCMU/8000"]


async def test_sections_without_identifiers_get_none() -> None:
    text = re.sub(r"a=(mid|group):.*\n", "", CHROMIUM)
    answer = await answer_to(text)
    check_answer(text, answer)
    assert "a=mid" not in answer
    assert "BUNDLE" not in answer
    assert ports(answer) == [True, True, True]


@pytest.mark.parametrize("port", ["", "a=sctp-port:0\n", "a=sctp-port:70000\n"])
async def test_data_channels_without_a_port_are_refused(port: str) -> None:
    text = CHROMIUM.replace("a=sctp-port:5000\n", port)
    assert ports(await answer_to(text)) == [True, True, False]


async def test_the_second_section_for_data_channels_is_refused() -> None:
    text = CHROMIUM + CHROMIUM[CHROMIUM.index("m=application") :].replace("a=mid:2", "a=mid:3")
    answer = await answer_to(text)
    check_answer(text, answer)
    assert ports(answer) == [True, True, True, False]


async def test_a_client_that_can_is_asked_for_redundant_opus_and_fec() -> None:
    answer = await answer_to(CHROMIUM)
    check_answer(CHROMIUM, answer)
    audio = sections(answer)[1][0]
    assert audio[0].split()[3:5] == ["63", "111"]
    assert [value for value in values(audio, "fmtp") if value.startswith(("63", "111"))] == [
        "63 111/111",
        "111 useinbandfec=1",
    ]


@pytest.mark.parametrize("levels", ["99/99", "111/99", "", "111/", "minptime=10", "9" * 1000])
async def test_redundant_audio_of_anything_but_agreed_opus_is_not_answered(levels: str) -> None:
    text = CHROMIUM.replace("a=fmtp:63 111/111", f"a=fmtp:63 {levels}" if levels else "a=x")
    answer = await answer_to(text)
    check_answer(text, answer)
    assert sections(answer)[1][0][0].split()[3] == "111"


@pytest.mark.parametrize("offered", [True, False])
async def test_audio_is_asked_for_again_if_the_client_offers_to_retransmit_it(
    offered: bool,
) -> None:
    line = "a=rtpmap:111 opus/48000/2"
    text = CHROMIUM.replace(line, f"{line}\na=rtcp-fb:111 nack") if offered else CHROMIUM
    answer = await answer_to(text)
    check_answer(text, answer)
    assert ("111 nack" in values(sections(answer)[1][0], "rtcp-fb")) == offered


async def test_fec_is_asked_for_only_if_it_was_offered() -> None:
    text = CHROMIUM.replace("minptime=10;useinbandfec=1", "minptime=10")
    answer = await answer_to(text)
    check_answer(text, answer)
    assert not any(value.startswith("111") for value in values(sections(answer)[1][0], "fmtp"))
