import random
import re

import pytest

from rtc.errors import BadOfferError
from rtc.negotiation.offer import Offer, OfferLimits, read_offer
from tests.paths import DATA
from tests.rtc.client import Camera, Microphone, create_client, create_offer
from tests.rtc.mutations import mutated

FOLDER = DATA / "sdp"
CHROMIUM = (FOLDER / "chromium.sdp").read_text()
UNGATHERED = (FOLDER / "chromium_ungathered.sdp").read_text()
FUZZ_ROUNDS = 3_000


def read(text: str, limits: OfferLimits | None = None) -> Offer:
    return read_offer(text, limits or OfferLimits())


@pytest.mark.parametrize("text", [CHROMIUM, UNGATHERED])
def test_a_browsers_offer_is_read(text: str) -> None:
    offer = read(text)
    assert [section.kind for section in offer.sections] == ["audio", "video", "application"]
    assert [section.mid for section in offer.sections] == ["0", "1", "2"]
    assert offer.has_messages
    assert offer.sending("video") == offer.receiving("video") == offer.sections[1]


def test_retransmissions_are_known_by_their_originals() -> None:
    assert read(CHROMIUM).sections[1].retransmissions == {1113024703: 2904143571}


@pytest.mark.parametrize("direction", ["sendonly", "recvonly", "inactive"])
def test_the_direction_of_the_session_applies_to_its_sections(direction: str) -> None:
    bare = re.sub(r"a=(sendrecv|sendonly|recvonly|inactive)\n", "", CHROMIUM)
    text = bare.replace("t=0 0\n", f"t=0 0\na={direction}\n")
    section = read(text).sections[0]
    assert section.direction == direction
    assert section.sends == (direction == "sendonly")
    assert section.receives == (direction == "recvonly")
    assert read(bare).sections[0].direction == "sendrecv"


def test_unusable_candidates_and_the_end_of_candidates_are_removed() -> None:
    host = "a=candidate:1 1 udp 2122194687 192.0.2.2 33698 typ host\n"
    mdns = "a=candidate:2 1 udp 2122194687 0b7e-44aa.local 33698 typ host\n"
    rtcp = "a=candidate:3 2 udp 2122194687 192.0.2.2 33699 typ host\n"
    bare = re.sub(r"a=candidate:.*\n", "", CHROMIUM)
    text = bare.replace("a=mid:0\n", f"a=mid:0\n{host}{mdns}{rtcp}a=end-of-candidates\n")
    kept = re.findall(r"a=candidate:.*", read(text).text)
    assert {line.strip() for line in kept} == {host.strip()}
    assert "end-of-candidates" not in read(text).text


def without(pattern: str) -> str:
    return re.sub(pattern, "", CHROMIUM)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected its first line to be v=0"),
        ("hello", "expected its first line to be v=0"),
        ('{"type": "offer"}', "expected its first line to be v=0"),
        ("v=0\r\n", "no media section"),
        (without(r"a=fingerprint.*\n"), "no a=fingerprint"),
        (CHROMIUM.replace("sha-256", "md5"), "no a=fingerprint"),
        (without(r"a=setup.*\n"), "no a=setup"),
        (CHROMIUM.replace("actpass", "holdconn"), "no a=setup: expected actpass"),
        (without(r"a=ice-ufrag.*\n"), "no valid a=ice-ufrag"),
        (without(r"a=ice-pwd.*\n"), "no valid a=ice-pwd"),
        (without(r"a=mid.*\n"), "lacks: 0 1 2"),
        (CHROMIUM.replace("a=mid:1", "a=mid:0"), "an a=mid that is not unique"),
        (CHROMIUM.replace("BUNDLE 0 1 2", "BUNDLE 7 8"), "lacks: 7 8"),
        (CHROMIUM.replace("m=audio 3", "m=audio three"), "not valid SDP"),
        (CHROMIUM.replace(" 33698 typ", " 99999 typ"), "port or priority too large"),
        (CHROMIUM + CHROMIUM[CHROMIUM.index("m=application") :], "an a=mid that is not unique"),
        (re.sub(r"(?m)^m=(\w+) \d+", r"m=\1 0", CHROMIUM), "the audio section is stopped"),
        (re.sub(r"(?m)^m=\w+", "m=text", CHROMIUM), "of an unknown kind"),
    ],
)
def test_a_bad_offer_is_refused_with_a_reason(text: str, complaint: str) -> None:
    with pytest.raises(BadOfferError, match=re.escape(complaint)):
        read(text)


def test_an_offer_over_the_limits_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(BadOfferError, match="at most 1000 are read"):
        read(CHROMIUM, OfferLimits(size=1_000))
    with pytest.raises(BadOfferError, match="lines; at most 50"):
        read(CHROMIUM, OfferLimits(lines=50))
    with pytest.raises(BadOfferError, match="3 media sections; at most 2"):
        read(CHROMIUM, OfferLimits(sections=2))
    with pytest.raises(BadOfferError, match="12 ICE candidates; at most 11"):
        read(CHROMIUM, OfferLimits(candidates=11))


@pytest.mark.slow
async def test_every_damaged_offer_raises_the_same_error() -> None:
    client = create_client(Camera(), Microphone(), label="oai-events")
    sources = [CHROMIUM, UNGATHERED, (await create_offer(client)).replace("\r", "")]
    await client.connection.close()
    rng = random.Random(11)
    refusals: list[str] = []
    for round_ in range(FUZZ_ROUNDS):
        text = mutated(sources[round_ % len(sources)], rng)
        try:
            read(text)
        except BadOfferError as error:
            refusals.append(str(error))
    assert FUZZ_ROUNDS // 4 < len(refusals) < FUZZ_ROUNDS  # the mutations bite, and not always
    assert max(map(len, refusals)) < 400
