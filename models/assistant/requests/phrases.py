"""The sentences of the service about standing requests.

They are templates instead of generated text, so each says only what was asked for and seen.
"""

from collections.abc import Sequence

from models.assistant.requests.parsing import Request
from models.assistant.requests.targets import with_article
from models.assistant.scene.scene_entry import SceneEntry
from models.assistant.scene.seen_text import says
from models.vision.class_names import NAMES

STOPPED = "I have stopped watching for that."
NOTHING_STANDS = "I am not watching for anything."
CANNOT_READ = "I cannot watch for that: I cannot read text here."


def confirmation(request: Request) -> str:
    """Return the sentence that confirms `request`, followed by its caveats."""
    action = f'say "{request.phrase}"' if request.phrase else "tell you"
    return " ".join([f"I will {action} {condition(request)}.", *request.caveats])


def condition(request: Request) -> str:
    """Return the condition of `request`: `when I see a cup`."""
    target = request.target
    when = "each time" if request.repeat else "when"
    if target.sign is not None:
        return f"{when} I see {target.label}"
    if target.reads:
        return f"{when} I {'no longer read' if request.absent else 'read'} {target.label}"
    if request.absent and target.people == 1:
        return f"{when} nobody is in view{' any more' if request.on_change else ''}"
    if request.absent:
        return f"{when} I {'no longer' if request.on_change else 'do not'} see {target.label}"
    if not request.on_change:
        return f"{when} I see {target.label}"
    return f"{when} {target.label} {'come' if _is_plural(target.label) else 'comes'} into view"


def notice(request: Request, scene: SceneEntry, *, earlier: bool) -> str:
    """Return the sentence for `request` when `scene` meets it.

    `earlier` is whether it was known before if the target was in view.
    """
    word = f"{request.phrase[0].upper()}{request.phrase[1:]}! " if request.phrase else ""
    seen = (
        _absent_sentence(request, earlier=earlier)
        if request.absent
        else _present_sentence(request, scene, earlier=earlier)
    )
    return word + seen


def text_notice(request: Request, texts: Sequence[str]) -> str:
    """Return the sentence for a request about text that is met, which `texts` say."""
    word = f"{request.phrase[0].upper()}{request.phrase[1:]}! " if request.phrase else ""
    if request.absent:
        return f"{word}I no longer read {request.target.label}."
    found = next((text for text in texts if says([text], request.target.phrase)), "")
    return f'{word}I read "{found or " ".join(texts)}".'


def _absent_sentence(request: Request, *, earlier: bool) -> str:
    target = request.target
    if target.people == 1 and not target.name_ids:
        return "Nobody is in view any more." if earlier else "Nobody is in view."
    if not earlier:
        return f"I do not see {target.label}."
    return f"I no longer see {target.definite}."


def _present_sentence(request: Request, scene: SceneEntry, *, earlier: bool) -> str:
    if request.target.sign is not None:
        return f"Somebody is {request.target.sign}."
    label = _seen_as(request, scene)
    be, have = ("are", "have") if _is_plural(label) else ("is", "has")
    begin = label[0].upper() + label[1:]
    if earlier:
        return f"{begin} {have} come into view{_place(request, scene)}."
    return f"{begin} {be} in view{_place(request, scene)}."


def _seen_as(request: Request, scene: SceneEntry) -> str:
    """Return the name of the target as seen: the kind of animal, if the target is any animal."""
    target = request.target
    main = scene.names[0][0] if scene.names else ""
    if len(target.name_ids) > 1 and main in NAMES and NAMES.index(main) in target.name_ids:
        return with_article(main)
    return target.label


def _place(request: Request, scene: SceneEntry) -> str:
    """Return the place of the target if it is the main thing and not in the middle."""
    target = request.target
    main = scene.names[0][0] if scene.names else ""
    its = main in NAMES and NAMES.index(main) in target.name_ids
    its = its or (main == "person" and target.people == 1)
    return f" on the {scene.place}" if its and scene.place in ("left", "right") else ""


def _is_plural(label: str) -> bool:
    return label.endswith("people") or (
        label.endswith("s")
        and not label.startswith(("a ", "an "))
        and not label.endswith(("ss", "us"))
    )
