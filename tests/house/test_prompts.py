"""Prompts that documents and messages give as examples can be drawn, and mean what is written."""

import re

import pytest

from models.generation.chunk_request import WeightedPrompts
from models.generation.small.info import read_info
from models.generation.small.loading import find_files
from models.generation.small.prompts.notices import example, refusal
from models.generation.small.prompts.reader import read_prompt
from tests.paths import ROOT

KNOWN = read_info(find_files().dit).vocabulary
QUOTED = r'"((?:[^"\\]|\\.)+)"'
EXAMPLES = (  # where a prompt is quoted
    rf"eyeline generate {QUOTED}(?! --model)",
    rf"--then {QUOTED}",
    rf"model\.prompt_encoder\.prompt\({QUOTED}\)",
    rf'"text": {QUOTED}, "weight"',
    rf'"eyeline.prompt.set", "text": {QUOTED}',
    rf"such as {QUOTED} *, to the left",
    rf"as in {QUOTED}",
)
FILES = ("README.md", "docs/generation.md", "docs/protocol.md", "web/cli/generation/inputs.py")


def examples() -> list[str]:
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in FILES]
    found = [match for text in texts for form in EXAMPLES for match in re.findall(form, text)]
    return sorted({each.partition("@")[0] for each in found} - {"PROMPT"})


def one(text: str) -> WeightedPrompts:
    return ((text, 1.0),)


@pytest.mark.parametrize("prompt", [*examples(), example(KNOWN)])
def test_an_example_is_drawn_on_its_background(prompt: str) -> None:
    reading = read_prompt(prompt, KNOWN)
    assert refusal(one(prompt), KNOWN) == ""
    assert reading.background
    assert {part.kind for part in reading.unknown} <= {"attribute"}


def test_there_are_examples_in_each_document() -> None:
    assert len(examples()) >= 6


def test_the_table_of_prompts_is_true() -> None:
    document = (ROOT / "docs/generation.md").read_text(encoding="utf-8")
    table = document.split("| prompt | drawn | told |\n|---|---|---|\n")[1].split("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    assert len(rows) >= 5
    for prompt, drawn, told in rows:
        reading = read_prompt(prompt, KNOWN)
        assert (reading.caption if reading.drawable else "nothing") == drawn, prompt
        for part in reading.unknown:
            assert part.text in told or "French" in told, prompt
