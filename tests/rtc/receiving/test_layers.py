from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from media.sizes import SizeLimits
from rtc.receiving.layers import MAX_LAYERS, REQUEST_INTERVAL, STOPPED, LayerSelector, Verdict
from rtc.receiving.picture_size import Size

LIMITS = SizeLimits(longer=1280, shorter=720)
SIZES: list[Size] = [(320, 180), (640, 360), (1280, 720), (1920, 1080)]
SETTLED = 2 * (STOPPED + REQUEST_INTERVAL)  # frames after which the choice has followed


@dataclass
class Sender:
    """Sends layers in turn; a layer that was asked for a keyframe, or begins again, sends one."""

    sizes: dict[int, Size]
    packets: int = 2

    def __post_init__(self) -> None:
        self.due = set(self.sizes)
        self.time = 0

    def frame(self, selector: LayerSelector, active: set[int]) -> list[tuple[int, Verdict]]:
        """Send a frame of each of the `active` layers; return the verdicts on its packets."""
        self.time += 3000
        verdicts = []
        for ssrc in self.sizes:
            if ssrc not in active:
                self.due.add(ssrc)
                continue
            for index in range(self.packets):
                begins = index == 0 and ssrc in self.due
                size = self.sizes[ssrc] if begins else None
                verdict = selector.take(ssrc, self.time, size)
                if begins:
                    self.due.discard(ssrc)
                verdicts.append((ssrc, verdict))
                if verdict is Verdict.WANTED:
                    self.due.add(ssrc)
        return verdicts


def best(sizes: dict[int, Size], active: set[int]) -> Size:
    """Return the size of the layer that should be chosen."""
    found = [sizes[ssrc] for ssrc in active]
    return max((s for s in found if max(s) <= 1280 and min(s) <= 720), default=min(found))


@given(sizes=st.permutations(SIZES), data=st.data())
def test_the_best_of_the_layers_that_go_on_is_chosen(
    sizes: list[Size], data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, len(sizes)))
    layers = {100 + index: size for index, size in enumerate(sizes[:count])}
    selector, sender = LayerSelector(LIMITS), Sender(layers)
    some = st.sets(st.sampled_from(sorted(layers)), min_size=1)
    for active in data.draw(st.lists(some, min_size=1, max_size=4)):
        for _ in range(SETTLED):
            sender.frame(selector, active)
        assert selector.chosen in active
        assert layers[selector.chosen] == best(layers, active)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.none() | st.sampled_from(SIZES))))
def test_a_single_stream_is_taken_whole(packets: list[tuple[int, Size | None]]) -> None:
    selector = LayerSelector(LIMITS)
    verdicts = [selector.take(7, timestamp, size) for timestamp, size in packets]
    assert verdicts == [Verdict.FIRST, *[Verdict.TAKEN] * (len(packets) - 1)][: len(packets)]


def test_the_choice_changes_only_at_a_keyframe() -> None:
    selector, sender = LayerSelector(LIMITS), Sender({1: (320, 180), 2: (1280, 720)})
    sender.due.discard(2)  # its first keyframe was lost
    taken = []
    for _ in range(SETTLED):
        before = selector.chosen
        verdicts = sender.frame(selector, {1, 2})
        if selector.chosen != before and before is not None:
            assert verdicts[2] == (2, Verdict.FIRST)
        taken.append(selector.chosen)
    assert taken[0] == 1
    assert taken[-1] == 2


@given(st.lists(st.tuples(st.integers(0, 50), st.none() | st.sampled_from(SIZES)), max_size=300))
def test_any_number_of_sources_leaves_a_bounded_state(
    packets: list[tuple[int, Size | None]],
) -> None:
    selector = LayerSelector(LIMITS)
    for index, (ssrc, size) in enumerate(packets):
        selector.take(ssrc, index, size)
        assert len(selector._layers) <= MAX_LAYERS
        assert selector.chosen in selector._layers
