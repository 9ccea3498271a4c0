import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtc.receiving.audio.red import MAX_BLOCKS, RedBlock, parse_red

BLOCKS = st.lists(
    st.builds(RedBlock, st.integers(0, 127), st.integers(0, 2**14 - 1), st.binary(max_size=1023)),
    max_size=MAX_BLOCKS - 1,
)


def packed(blocks: list[RedBlock], last: RedBlock) -> bytes:
    headers = b"".join(
        (1 << 31 | b.payload_type << 24 | b.age << 10 | len(b.payload)).to_bytes(4) for b in blocks
    )
    return b"".join(
        [headers, bytes([last.payload_type]), *(b.payload for b in blocks), last.payload]
    )


@given(BLOCKS, st.builds(RedBlock, st.integers(0, 127), st.just(0), st.binary()))
def test_what_was_packed_is_parsed(blocks: list[RedBlock], last: RedBlock) -> None:
    assert parse_red(packed(blocks, last)) == [*blocks, last]


@given(BLOCKS.filter(bool), st.data())
def test_a_packet_that_is_cut_short_in_its_blocks_is_refused(
    blocks: list[RedBlock], data: st.DataObject
) -> None:
    whole = packed(blocks, RedBlock(111, 0, b""))
    length = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError, match="expected"):
        parse_red(whole[:length])


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(payload: bytes) -> None:
    try:
        blocks = parse_red(payload)
    except ValueError:
        return
    assert sum(len(block.payload) for block in blocks) == len(payload) - 4 * len(blocks) + 3


def test_more_blocks_than_any_sender_needs_are_refused() -> None:
    with pytest.raises(ValueError, match="headers"):
        parse_red(packed([RedBlock(111, 960, b"")] * MAX_BLOCKS, RedBlock(111, 0, b"")))
