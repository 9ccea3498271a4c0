"""Changes that turn one valid offer into another: what clients may write differently."""

import random
import re
from collections.abc import Callable

from tests.rtc.negotiation.answers import group, sections, values

Parts = list[list[str]]  # the session's lines, then those of each section
TRANSPORT = ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:", "a=candidate:")
PROFILES = ["42e01f", "42001f", "4d0032", "640c1f", "64001f", "58a01e", "f4001f", "42E034"]


def _regroup(parts: Parts, mids: list[str]) -> None:
    parts[0] = [line for line in parts[0] if not line.startswith("a=group:BUNDLE")]
    if mids:
        parts[0].append(f"a=group:BUNDLE {' '.join(mids)}")


def shuffle_sections(parts: Parts, rng: random.Random) -> None:
    rest = parts[1:]
    rng.shuffle(rest)
    parts[1:] = rest


def drop_section(parts: Parts, rng: random.Random) -> None:
    if len(parts) > 2:
        gone = parts.pop(rng.randrange(1, len(parts)))
        _regroup(parts, [mid for mid in group(parts[0]) if mid not in values(gone, "mid")])


def repeat_section(parts: Parts, rng: random.Random) -> None:
    """Add another section of the same kind, which sends nothing yet."""
    if len(parts) > 7:
        return
    extra = [line for line in rng.choice(parts[1:]) if not line.startswith(("a=ssrc", "a=msid"))]
    mid = f"extra{rng.randrange(1000)}"
    if not values(extra, "mid") or any(mid in values(part, "mid") for part in parts[1:]):
        return
    parts.append([f"a=mid:{mid}" if line.startswith("a=mid:") else line for line in extra])
    if group(parts[0]):
        _regroup(parts, [*group(parts[0]), mid])


def stop_section(parts: Parts, rng: random.Random) -> None:
    part = rng.choice(parts[1:])
    part[0] = re.sub(r"^(m=\w+) \d+", r"\1 0", part[0])
    _regroup(parts, [mid for mid in group(parts[0]) if mid not in values(part, "mid")])


def unbundle(parts: Parts, _rng: random.Random) -> None:
    _regroup(parts, [])


def reorder_bundle(parts: Parts, rng: random.Random) -> None:
    mids = group(parts[0])
    rng.shuffle(mids)
    _regroup(parts, mids)


def share_transport(parts: Parts, _rng: random.Random) -> None:
    """Keep the transport in the first section of the bundle alone: RFC 9143, section 7.1.3."""
    for part in parts[1:]:
        mids = values(part, "mid")
        if mids and mids[0] in group(parts[0])[1:]:
            part[1:] = [line for line in part[1:] if not line.startswith(TRANSPORT)]
            part[0] = re.sub(r"^(m=\w+) \d+", r"\1 0", part[0])
            part.append("a=bundle-only")


def lift_transport(parts: Parts, rng: random.Random) -> None:
    """Write the DTLS attributes in the session."""
    source = rng.choice(parts[1:])
    names = ("a=fingerprint:", "a=setup:")
    lifted = [line for line in source if line.startswith(names)]
    if lifted:
        for part in parts[1:]:
            part[1:] = [line for line in part[1:] if not line.startswith(names)]
        parts[0] += lifted


def demultiplex(parts: Parts, rng: random.Random) -> None:
    part = rng.choice(parts[1:])
    part[1:] = [line for line in part[1:] if line != "a=rtcp-mux"]


def change_role(parts: Parts, rng: random.Random) -> None:
    role = rng.choice(["actpass", "active", "passive"])
    for part in parts:
        part[:] = [re.sub(r"^a=setup:.*", f"a=setup:{role}", line) for line in part]


def forget_mids(parts: Parts, _rng: random.Random) -> None:
    _regroup(parts, [])
    for part in parts[1:]:
        part[1:] = [line for line in part[1:] if not line.startswith("a=mid:")]


def thin_codecs(parts: Parts, rng: random.Random) -> None:
    """Offer some of the payload types in another order."""
    part = rng.choice(parts[1:])
    head = part[0].split()
    if head[0] != "m=application":
        formats = rng.sample(head[3:], rng.randrange(1, len(head) - 2))
        part[0] = " ".join([*head[:3], *formats])


def change_direction(parts: Parts, rng: random.Random) -> None:
    part = rng.choice(parts)
    ways = ("a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive")
    part[:] = [line for line in part if line not in ways]
    if rng.random() < 0.7:
        part.append(rng.choice(ways))


def be_lite(parts: Parts, _rng: random.Random) -> None:
    parts[0].append("a=ice-lite")


def drop_lines(parts: Parts, rng: random.Random) -> None:
    """Leave out what is optional."""
    prefix = rng.choice(["a=extmap:", "a=rtcp-fb:", "a=ssrc", "a=msid", "a=rtcp:", "a=ice-options"])
    for part in parts:
        part[:] = [line for line in part if not line.startswith(prefix) or rng.random() < 0.3]


def wildcard_feedback(parts: Parts, rng: random.Random) -> None:
    part = rng.choice(parts[1:])
    part[:] = [re.sub(r"^a=rtcp-fb:\d+", "a=rtcp-fb:*", line) for line in part]


def change_profiles(parts: Parts, rng: random.Random) -> None:
    for part in parts[1:]:
        part[:] = [
            re.sub(r"profile-level-id=\w+", f"profile-level-id={rng.choice(PROFILES)}", line)
            for line in part
        ]


def change_protocol(parts: Parts, rng: random.Random) -> None:
    protocol = rng.choice(["RTP/SAVPF", "UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "RTP/AVP"])
    part = rng.choice(parts[1:])
    part[0] = re.sub(r"(\S*RTP/\S+)", protocol, part[0])


def be_of_another_kind(parts: Parts, rng: random.Random) -> None:
    part = rng.choice(parts[1:])
    part[0] = re.sub(r"^m=\w+", "m=text", part[0])


RESHAPINGS: list[Callable[[Parts, random.Random], None]] = [
    shuffle_sections,
    drop_section,
    repeat_section,
    stop_section,
    unbundle,
    reorder_bundle,
    share_transport,
    lift_transport,
    demultiplex,
    change_role,
    forget_mids,
    thin_codecs,
    change_direction,
    be_lite,
    drop_lines,
    wildcard_feedback,
    change_profiles,
    change_protocol,
    be_of_another_kind,
]


def reshaped(text: str, rng: random.Random) -> str:
    """Return `text` after up to five changes."""
    session, parts = sections(text)
    whole = [session, *parts]
    for change in rng.choices(RESHAPINGS, k=rng.randint(0, 5)):
        change(whole, rng)
    ending = rng.choice(["\n", "\r\n"])
    return "".join(f"{line}{ending}" for part in whole for line in part)
