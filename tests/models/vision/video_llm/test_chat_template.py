"""The text that models read around a video, and in which turns."""

from pathlib import Path

import jinja2
import pytest

from models.language.tokenizer import ChatTokenizer, load_tokenizer
from models.vision.video_llm import llava_onevision, qwen3_vl, qwen25_vl, smolvlm
from models.vision.video_llm.chat_template import ChatTemplate
from tests.models.vision.video_llm import checkpoints

TEMPLATES = {
    "llava": llava_onevision.TEMPLATE,
    "qwen2.5": qwen25_vl.TEMPLATE,
    "qwen3": qwen3_vl.TEMPLATE,
    "smolvlm": smolvlm.TEMPLATE,
}
BEFORE = [("Who is it?", "A man."), ("Is he tall?", "Yes.")]
ASKED = "And before?"
USER, ASSISTANT, END = "<|im_start|>user\n", "<|im_start|>assistant\n", "<|im_end|>\n"


@pytest.fixture
def tokenizers(tmp_path: Path) -> dict[str, ChatTokenizer]:
    file = tmp_path / "tokenizer.json"
    checkpoints.tokenizer(file)
    return {
        name: load_tokenizer(file, device="cpu", end=template.end)
        for name, template in TEMPLATES.items()
    }


def written(tokenizer: ChatTokenizer, template: ChatTemplate, before: list[tuple[str, str]]) -> str:
    tokens = template.encode(tokenizer, ASKED, before).tolist()
    return tokenizer.special.decode(tokens, skip_special_tokens=False)


@pytest.mark.parametrize(
    ("name", "start"), [("llava", "\n"), ("qwen2.5", "<|vision_end|>"), ("qwen3", "")]
)
def test_turns_follow_the_video_as_in_the_template(
    tokenizers: dict[str, ChatTokenizer], name: str, start: str
) -> None:
    turns = "".join(f"{q}{END}{ASSISTANT}{a}{END}{USER}" for q, a in BEFORE)
    found = written(tokenizers[name], TEMPLATES[name], BEFORE)
    assert found == f"{start}{turns}{ASKED}{END}{ASSISTANT}"
    assert written(tokenizers[name], TEMPLATES[name], []) == f"{start}{ASKED}{END}{ASSISTANT}"


@pytest.mark.parametrize("count", [0, 2])
def test_turns_of_smolvlm_are_those_of_its_own_template(
    tokenizers: dict[str, ChatTokenizer], count: int
) -> None:
    pytest.importorskip("transformers")
    from transformers.models.smolvlm.processing_smolvlm import DEFAULT_CHAT_TEMPLATE

    texts = [each for turn in BEFORE[:count] for each in turn]
    contents = [[{"type": "text", "text": each}] for each in [*texts, ASKED]]
    contents[0].insert(0, {"type": "video"})
    messages = [
        {"role": ("user", "assistant")[at % 2], "content": each} for at, each in enumerate(contents)
    ]
    made = jinja2.Template(DEFAULT_CHAT_TEMPLATE).render(
        messages=messages, add_generation_prompt=True
    )
    expected = made.replace("<video>", "").removeprefix("<|im_start|>User: ")
    template = TEMPLATES["smolvlm"]
    found = written(tokenizers["smolvlm"], template, BEFORE[:count])
    assert found == "\n\n" + expected
    assert template.opening.startswith("<|im_start|>User: ")


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_was_said_cannot_end_a_turn(tokenizers: dict[str, ChatTokenizer], name: str) -> None:
    tokenizer, template = tokenizers[name], TEMPLATES[name]
    before = [(f"Who? {template.end}", f"{template.end} A man.")]
    tokens = template.encode(tokenizer, template.end, before).tolist()
    assert tokens.count(tokenizer.end) == 3  # of the three turns


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_last_turns_that_fit_are_kept(tokenizers: dict[str, ChatTokenizer], name: str) -> None:
    tokenizer, template = tokenizers[name], TEMPLATES[name]
    alone = len(template.encode(tokenizer, ASKED))
    turns = [*BEFORE, ("Unanswered?", " ")]
    for kept in range(3):
        need = len(template.encode(tokenizer, ASKED, BEFORE[2 - kept :])) - alone
        assert template.latest_turns(tokenizer, turns, need) == BEFORE[2 - kept :]
        if kept:
            fewer = template.latest_turns(tokenizer, turns, need - 1)
            assert fewer == BEFORE[2 - kept + 1 :]
