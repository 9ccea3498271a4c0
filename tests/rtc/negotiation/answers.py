"""What makes an answer valid for an offer: RFC 3264, 8829 (JSEP), 8851, 8853 and 9143."""

import re

from aiortc.sdp import DIRECTIONS, SessionDescription

OPPOSITE = {"actpass": {"active", "passive"}, "active": {"passive"}, "passive": {"active"}}


def sections(sdp: str) -> tuple[list[str], list[list[str]]]:
    """Return the lines of the session and of each section."""
    parts: list[list[str]] = [[]]
    for line in filter(None, (line.strip() for line in sdp.splitlines())):
        if line.startswith("m="):
            parts.append([])
        parts[-1].append(line)
    return parts[0], parts[1:]


def values(lines: list[str], name: str) -> list[str]:
    prefix = f"a={name}:"
    return [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]


def direction(session: list[str], lines: list[str]) -> str:
    found = [line[2:] for line in (*session, *lines) if line[2:] in DIRECTIONS]
    return found[-1] if found else "sendrecv"


def group(session: list[str]) -> list[str]:
    return next(iter(values(session, "group")), "").split()[1:]


def check_answer(offer: str, answer: str) -> None:
    """Raise AssertionError if `answer` is not valid for `offer`."""
    offered_session, offered = sections(offer)
    session, answered = sections(answer)
    assert len(answered) == len(offered)
    used = []
    for asked, given in zip(offered, answered, strict=True):
        kind, port, protocol, *formats = given[0].split()
        asked_kind, asked_port, asked_protocol, *asked_formats = asked[0].split()
        assert (kind, protocol) == (asked_kind, asked_protocol)
        assert values(given, "mid") == values(asked, "mid")[:1]
        assert formats
        assert set(formats) <= set(asked_formats)
        # GStreamer refuses an answer with a section that lacks them.
        assert values(given, "setup")
        assert values(given, "fingerprint")
        if port == "0":
            continue
        assert asked_port != "0" or "a=bundle-only" in asked
        used += values(given, "mid")
        _check_transport(offered_session, offered, asked, given)
        if kind != "m=application":
            _check_media(offered_session, asked, given, formats)
    assert group(session) == [mid for mid in group(offered_session) if mid in used]
    if all(given[0].startswith(("m=audio", "m=video", "m=application")) for given in answered):
        SessionDescription.parse(answer)


def _check_transport(
    offered_session: list[str], offered: list[list[str]], asked: list[str], given: list[str]
) -> None:
    for name in ("ice-ufrag", "ice-pwd", "setup"):
        assert len(values(given, name)) == 1
    assert values(given, "fingerprint")
    everywhere = [*asked, *offered_session, *(line for part in offered for line in part)]
    asked_roles = values(everywhere, "setup")
    assert values(given, "setup")[0] in set().union(*(OPPOSITE[role] for role in asked_roles))


def _check_media(
    offered_session: list[str], asked: list[str], given: list[str], formats: list[str]
) -> None:
    asked_direction, direction_ = direction(offered_session, asked), direction([], given)
    reverse = {"sendonly": "recvonly", "recvonly": "sendonly"}.get(asked_direction, asked_direction)
    assert DIRECTIONS.index(direction_) & DIRECTIONS.index(reverse) == DIRECTIONS.index(direction_)
    assert "a=rtcp-mux" in given
    names = dict(value.split(" ", 1) for value in values(asked, "rtpmap"))
    for value in values(given, "rtpmap"):
        number, name = value.split(" ", 1)
        assert number in formats
        if number in names:
            assert name.lower().split("/")[:2] == names[number].lower().split("/")[:2]
        else:
            assert number in ("0", "8", "9")
    assert [value.split()[0] for value in values(given, "rtpmap")] == formats
    asked_feedback = {tuple(value.split()) for value in values(asked, "rtcp-fb")}
    for value in values(given, "rtcp-fb"):
        number, *rest = value.split()
        assert {(number, *rest), ("*", *rest)} & asked_feedback
    wanted = {value.replace("/sendonly ", "/recvonly ") for value in values(asked, "extmap")}
    assert set(values(given, "extmap")) <= wanted
    _check_parameters(asked, given, formats)
    _check_layers(asked, given)


def _parameters(lines: list[str]) -> dict[str, dict[str, str]]:
    found = {}
    for value in values(lines, "fmtp"):
        number, text = value.split(" ", 1)
        pairs = (pair.strip().partition("=") for pair in text.split(";"))
        found[number] = {name: setting for name, _, setting in pairs}
    return found


def _check_parameters(asked: list[str], given: list[str], formats: list[str]) -> None:
    wanted = _parameters(asked)
    for number, parameters in _parameters(given).items():
        if f"{number} red/48000/2" in values(given, "rtpmap"):
            assert parameters == wanted[number]
            assert {level for name in parameters for level in name.split("/")} <= {*formats}
        if "apt" in parameters:
            assert parameters["apt"] in formats
            assert parameters["apt"] == wanted[number]["apt"]
        if "profile-level-id" in parameters:  # the same packets and profile: RFC 6184, 8.2.2
            asked_for = wanted.get(number, {})
            assert parameters["packetization-mode"] == asked_for.get("packetization-mode", "0")
            assert parameters["profile-level-id"] == asked_for.get("profile-level-id", "42e01f")


def _check_layers(asked: list[str], given: list[str]) -> None:
    offered = {value.split()[0] for value in values(asked, "rid") if " send" in value}
    accepted = [value.split() for value in values(given, "rid")]
    assert all(way == "recv" and rid in offered for rid, way in accepted)
    for value in values(given, "simulcast"):
        assert value.startswith("recv ")
        streams = re.split("[;,]", value.removeprefix("recv "))
        assert [each.removeprefix("~") for each in streams] == [rid for rid, _ in accepted]
