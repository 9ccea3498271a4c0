"""What the settings give to the loaders of models that are not here."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

import models.generation.wan.generator
import models.generation.wan.model
import web.loading.models
from web.config import Settings
from web.loading.models import load_wan_generator
from web.settings.checks import WAN_MODELS


@pytest.mark.parametrize(("wish", "dtype"), [("auto", torch.bfloat16), ("float16", torch.float16)])
def test_the_type_and_the_device_of_the_settings_reach_wan(
    wish: Any, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(web.loading.models, "choose_device", lambda _: torch.device("cuda:0"))
    monkeypatch.setattr(web.loading.models, "fetch", lambda *_: None)
    monkeypatch.setattr(models.generation.wan.generator, "WanVideoGenerator", lambda *_: None)
    wan = SimpleNamespace(codec=SimpleNamespace(rows=None))

    def load(*_: object, **named: Any) -> SimpleNamespace:
        given.update(named)
        return wan

    monkeypatch.setattr(models.generation.wan.model, "load", load)
    load_wan_generator(Settings(drawing_model=min(WAN_MODELS), dtype=wish, drawing_rows=60))
    assert given == {"device": "cuda:0", "dtype": dtype}
    assert wan.codec.rows == 60
