"""Which decoders, positions, policies and sets of heads work together in a memory."""

from models.language.decoder import Decoder
from models.language.engine_decoder import EngineDecoder
from models.language.head_set import HeadSet
from models.memory.eviction import EvictionPolicy, KeepAll
from models.memory.positions import LinearPositions, VideoPositions


def check_opening(opening: int, window: int) -> None:
    """Check that an opening of so many tokens fits into the window.

    Raises:
        ValueError: it is empty, or does not.
    """
    if not 0 < opening < window:
        raise ValueError(
            f"the opening has {opening} tokens; give at least one, and fewer than the "
            f"window's {window}"
        )


def check_policy(
    policy: EvictionPolicy, positions: VideoPositions, heads: HeadSet | None, *, internal: bool
) -> None:
    """Check that `policy` can work on such blocks.

    Raises:
        ValueError: it would remove tokens of blocks on a grid, or of some heads only; or it needs
            representatives, and there are none.
    """
    if policy.measure is not None and not isinstance(positions, LinearPositions):
        raise ValueError("blocks on a grid cannot be thinned out; sample another policy")
    if not internal and not isinstance(policy, KeepAll):
        raise ValueError("this policy works on representatives; set internal=True")
    if heads is not None and not isinstance(policy, KeepAll):
        raise ValueError("this policy works on all heads; leave out the set of heads")


def check_engine(
    decoder: Decoder | EngineDecoder,
    policy: EvictionPolicy,
    heads: HeadSet | None,
    *,
    internal: bool,
) -> None:
    """Check that a decoder which runs in an engine gives what the memory needs.

    Raises:
        ValueError: it does not.
    """
    if not isinstance(decoder, EngineDecoder):
        return
    layered = decoder.layered
    if layered is None and internal:
        raise ValueError("this engine has no queries to select blocks by; set internal=False")
    if policy.measure is not None:
        raise ValueError("an engine does not measure attention; take another policy")
    if heads != (layered.heads if layered else None):
        raise ValueError("the engine was made for another set of heads")
