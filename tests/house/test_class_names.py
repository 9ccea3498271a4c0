"""A class name means one thing: it occurs once in the product.

`./eyeline lint` runs this first, and the default test run too.
"""

import ast
from collections import defaultdict

import pytest

from tests.paths import ROOT

FOLDERS = ("media", "models", "rtc", "trt_engines", "web")
# Names of layers as the literature has them: each network has its own, which nothing else imports.
LAYERS = {"Attention", "Block", "Decoder", "DecoderLayer", "Encoder"}


@pytest.mark.slow
def test_a_class_name_occurs_once_in_the_product() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert {name: twice[name] for name in twice.keys() - LAYERS} == {}
    assert not LAYERS - twice.keys(), "no exception any more: take it out of LAYERS"
