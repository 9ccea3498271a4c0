"""What the service says about standing requests: short plain sentences from templates.

They are templates and not the language model's own words: each says what was asked for and what
was seen, and nothing that was not.
"""

from models.assistant.requests.parsing import Request
from models.assistant.requests.targets import article
from models.assistant.scene.scene_entry import SceneEntry
from models.vision.class_names import NAMES

STOPPED = "I have stopped watching for that."
NOTHING_STANDS = "I am not watching for anything."


def confirmation(request: Request) -> str:
    """Return the sentence that confirms `request`, and what about it the eyes cannot tell."""
    says = f'say "{request.word}"' if request.word else "tell you"
    return " ".join([f"I will {says} {awaited(request)}.", *request.caveats])


def awaited(request: Request) -> str:
    """Return what is waited for, as a list of requests shows it: `when I see a cup`."""
    target = request.target
    when = "each time" if request.repeat else "when"
    if request.gone and target.people == 1:
        return f"{when} nobody is in view{' any more' if request.change else ''}"
    if request.gone:
        return f"{when} I {'no longer' if request.change else 'do not'} see {target.label}"
    if not request.change:
        return f"{when} I see {target.label}"
    return f"{when} {target.label} {'come' if _many(target.label) else 'comes'} into view"


def notice(request: Request, moment: SceneEntry, *, earlier: bool) -> str:
    """Return what to say when `request` has come true at `moment`.

    `earlier` tells that its target was known to be there, or not there, before.
    """
    word = f"{request.word[0].upper()}{request.word[1:]}! " if request.word else ""
    seen = (
        _gone(request, earlier=earlier)
        if request.gone
        else _there(request, moment, earlier=earlier)
    )
    return word + seen


def _gone(request: Request, *, earlier: bool) -> str:
    target = request.target
    if target.people == 1 and not target.names:
        return "Nobody is in view any more." if earlier else "Nobody is in view."
    if not earlier:
        return f"I do not see {target.label}."
    return f"I no longer see {target.definite}."


def _there(request: Request, moment: SceneEntry, *, earlier: bool) -> str:
    label = _seen(request, moment)
    be, have = ("are", "have") if _many(label) else ("is", "has")
    begin = label[0].upper() + label[1:]
    if earlier:
        return f"{begin} {have} come into view{_place(request, moment)}."
    return f"{begin} {be} in view{_place(request, moment)}."


def _seen(request: Request, moment: SceneEntry) -> str:
    """Return what came: the kind of animal, if any animal was asked for."""
    target = request.target
    main = moment.names[0][0] if moment.names else ""
    if len(target.names) > 1 and main in NAMES and NAMES.index(main) in target.names:
        return article(main)
    return target.label


def _place(request: Request, moment: SceneEntry) -> str:
    """Return where the target is, if it is the main thing of the picture and not in the middle."""
    target = request.target
    main = moment.names[0][0] if moment.names else ""
    its = main in NAMES and NAMES.index(main) in target.names
    its = its or (main == "person" and target.people == 1)
    return f" on the {moment.place}" if its and moment.place in ("left", "right") else ""


def _many(label: str) -> bool:
    return label.endswith("people") or (
        label.endswith("s")
        and not label.startswith(("a ", "an "))
        and not label.endswith(("ss", "us"))
    )
