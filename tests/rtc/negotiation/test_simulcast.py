import pytest

from rtc.negotiation.simulcast import answer_lines, offered_layers
from tests.rtc.negotiation.answers import sections, values
from tests.rtc.negotiation.test_answer import OFFERS, answer_to

RIDS = ["a=rid:q send", "a=rid:h send pt=96;max-width=640", "a=rid:f send", "a=rid:r recv"]


@pytest.mark.parametrize(
    ("line", "layers"),
    [
        ("a=simulcast:send q;h;f", ("q", "h", "f")),
        ("a=simulcast:send q;~h;f recv r", ("q", "~h", "f")),
        ("a=simulcast:recv r send f,h;q", ("f", "q")),
        ("a=simulcast:send q;unknown;r", ("q",)),
        ("a=simulcast:recv r", ()),
        ("a=simulcast: send", ()),
        ("a=mid:1", ()),
    ],
)
def test_the_layers_that_a_section_sends_are_read(line: str, layers: tuple[str, ...]) -> None:
    assert offered_layers([*RIDS, line]) == layers


def test_layers_are_accepted_in_their_order_and_paused_ones_stay_paused() -> None:
    assert answer_lines(()) == []
    assert answer_lines(("q", "~h")) == ["a=rid:q recv", "a=rid:h recv", "a=simulcast:recv q;~h"]


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
async def test_all_layers_are_accepted_with_the_extensions_that_name_them(browser: str) -> None:
    video = sections(await answer_to(OFFERS[f"{browser}_simulcast"]))[1][1]
    assert values(video, "simulcast") == ["recv q;h;f"]
    names = [value.rsplit(":", 1)[-1] for value in values(video, "extmap")]
    assert {"rtp-stream-id", "repaired-rtp-stream-id"} <= set(names)
    assert any("transport-cc" in value for value in values(video, "rtcp-fb"))
