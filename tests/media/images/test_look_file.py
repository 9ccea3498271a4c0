"""Pictures of users become looks in the processes that decode images."""

import pytest
from PIL import Image

from media.errors import UnreadableMediaError
from media.images.decoder import ImageDecoder
from media.images.formats import ImageLimits
from media.images.look_cutting import read_look
from media.images.look_file import LookPlan
from tests.media.images.files import image_file
from tests.patience import PATIENCE

PLANS = [
    LookPlan(),
    LookPlan(role="background"),
    LookPlan(whole=True, mirrored=True),
    LookPlan(mirrored=True),
]


@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_fits_into_a_byte_that_is_not_0(plan: LookPlan) -> None:
    assert 0 < plan.packed < 256
    assert LookPlan.unpacked(plan.packed) == plan


@pytest.mark.slow
async def test_looks_and_errors_are_those_of_the_process() -> None:
    picture = Image.new("RGBA", (300, 200))
    picture.paste((200, 40, 30, 255), (50, 50, 150, 150))
    file = image_file(picture)
    decoder = ImageDecoder(ImageLimits(processes=1, timeout=PATIENCE))
    for plan in PLANS:
        assert await decoder.read_look(file, plan) == read_look(file, plan, 10**6)
    with pytest.raises(UnreadableMediaError, match="nothing of the picture is opaque"):
        await decoder.read_look(image_file(Image.new("RGBA", (30, 20))), LookPlan())
    with pytest.raises(UnreadableMediaError, match="SVG"):
        await decoder.read_look(b"<svg/>", LookPlan())
    assert (await decoder.read(file)).shape == (200, 300, 3)
    assert len(decoder._idle) == 1
    decoder.close()
