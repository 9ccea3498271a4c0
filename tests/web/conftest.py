"""What tests of the web layer share: the frame of the page, rendered once."""

import pytest

from web.page.frame import GradioFrame, rendering


@pytest.fixture(scope="session")
def frame() -> GradioFrame:
    """Gradio's frame: it takes seconds."""
    with rendering() as rendered:
        return rendered()
