import pytest
import torch

from models.generation.generator import FrameGenerator, Sampler, to_frames
from models.generation.samplers.motion_stream import MotionStream
from models.generation.samplers.rolling_forcing import RollingForcing
from models.generation.samplers.stream_dit import StreamDiT
from models.streaming import run
from tests.models.generation import tiny


@pytest.mark.parametrize("kind", [MotionStream, RollingForcing, StreamDiT])
def test_pictures_of_a_stream_are_its_latents_decoded_whole(
    kind: type[MotionStream] | type[RollingForcing] | type[StreamDiT],
) -> None:
    sampler: Sampler[object] = kind(tiny.backbone(sink=0))  # type: ignore[assignment]  # each has its own state
    codec, controls = tiny.codec(), tiny.controls(8)
    shown = torch.cat(
        [torch.from_numpy(p) for p in run(FrameGenerator(sampler, tiny.codec_engines()), controls)]
    )
    latents = torch.cat(list(run(sampler, controls)), 1)
    with torch.no_grad():
        whole = to_frames(codec.decode(latents[None])[0])
    assert shown.shape == (32, 32, 32, 3)
    assert shown.dtype == torch.uint8
    assert (shown.int() - torch.from_numpy(whole).int()).abs().max() <= 1  # rounding at an edge


def test_black_and_white_stay_in_range() -> None:
    shown = torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0]).expand(1, 3, 1, 1, 5)
    assert to_frames(shown)[0, 0, :, 0].tolist() == [0, 0, 128, 255, 255]
