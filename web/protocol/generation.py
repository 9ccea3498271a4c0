"""The drawing half of the protocol: what steers it comes in, how it goes and pictures come out.

What is said here are the service's own events: only a client that wants them gets them. Errors
and pictures, which a client asks for by what it sends, come to any.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

from media.generation_events import (
    ClearTrack,
    GeneratedImage,
    GenerationConfig,
    GenerationStatus,
    PromptChange,
    Sampler,
    TrackPoints,
)
from web.protocol.generation_messages import (
    GenerationUpdate,
    PromptSet,
    TrackAppend,
    TrackClear,
)
from web.protocol.messages import ProtocolError
from web.protocol.session_config import GenerationCapabilities
from web.protocol.state import Dialogue, present, say, show
from web.protocol.vision import data_url


def set_prompt(dialogue: Dialogue, event: PromptSet) -> None:
    """Draw something else from now on.

    Raises:
        ProtocolError: nothing here draws, or a text has no words or too many characters.
    """
    draws = _draws(dialogue)
    if event.blend is None:
        assert event.text is not None
        parts = [("text", event.text, 1.0)]
    else:
        parts = [
            (f"blend[{number}].text", part.text, part.weight)
            for number, part in enumerate(event.blend)
        ]
    for place, text, _ in parts:
        _check_text(place, text, draws.max_prompt_length)
    dialogue.prompt = tuple((text.strip(), weight) for _, text, weight in parts)
    dialogue.inputs.append(PromptChange(dialogue.prompt, present(dialogue)))
    _updated(dialogue)


def append_track(dialogue: Dialogue, event: TrackAppend) -> None:
    """Say where a thing goes next.

    Raises:
        ProtocolError: nothing here draws or follows tracks, there are too many points, or their
            times do not grow.
    """
    draws, points = _draws(dialogue), event.points
    most = draws.max_track_points
    if not draws.tracks:
        raise ProtocolError("the model here follows no tracks, only words", param="points")
    if len(points) > most:
        raise ProtocolError(
            f"points: a message may have {most}, this one has {len(points)}: send fewer, a "
            "straight line needs only its ends",
            param="points",
        )
    times = _times(event, dialogue.paths.get(event.thing))
    if times is None:
        dialogue.paths.pop(event.thing, None)
    else:
        dialogue.paths[event.thing] = times[-1]
    places = tuple((point.x, point.y) for point in points)
    dialogue.inputs.append(TrackPoints(event.thing, places, times, present(dialogue)))


def clear_track(dialogue: Dialogue, event: TrackClear) -> None:
    """Forget where a thing was to go, or all things.

    Raises:
        ProtocolError: nothing here draws.
    """
    _draws(dialogue)
    if event.thing is None:
        dialogue.paths.clear()
    else:
        dialogue.paths.pop(event.thing, None)
    dialogue.inputs.append(ClearTrack(event.thing, present(dialogue)))
    _updated(dialogue)


def update(dialogue: Dialogue, event: GenerationUpdate) -> None:
    """Change how things are drawn.

    Raises:
        ProtocolError: nothing here draws, there is no such sampler, or pictures are asked for where
            there is a track.
    """
    draws = _draws(dialogue)
    if event.sampler is not None and event.sampler not in draws.samplers:
        raise ProtocolError(
            f"sampler: expected one of {', '.join(draws.samplers)}, got {event.sampler[:80]!r}",
            param="sampler",
        )
    if event.pictures and dialogue.on_track:
        raise ProtocolError(
            "pictures: over a call they come on its video track; leave `pictures` out",
            param="pictures",
        )
    changes = {
        name: value
        for name in ("enabled", "sampler", "steps", "seed", "strength", "paused", "pictures")
        if (value := getattr(event, name)) is not None
    }
    if "steps" not in changes and "steps" in event.model_fields_set:
        changes["steps"] = None  # back to the sampler's own
    if event.source is not None:
        changes["camera"] = event.source == "camera"
    dialogue.generation = replace(_generation(dialogue), **changes)
    if event.reset:
        dialogue.paths.clear()
    told = replace(dialogue.generation, time=present(dialogue), again=event.reset, once=event.step)
    dialogue.inputs.append(told)
    _updated(dialogue)


def status(dialogue: Dialogue, drawing: GenerationStatus) -> None:
    """Say how drawing goes."""
    if not dialogue.own_events:
        return
    say(
        dialogue,
        "eyeline.generation.status",
        state=drawing.state,
        sampler=drawing.sampler,
        steps=drawing.steps,
        rate=round(drawing.rate, 2),
        fps=round(drawing.fps, 2),
        queue=drawing.queue,
        delay_ms=None if drawing.delay is None else round(drawing.delay * 1000),
        degraded=drawing.degraded,
        pictures=drawing.pictures,
        notices=list(drawing.notices),
    )


def picture(dialogue: Dialogue, drawn: GeneratedImage) -> None:
    """Send a picture that was drawn, as it was asked for."""
    show(
        dialogue,
        "eyeline.video.delta",
        number=drawn.number,
        time=round(drawn.time, 4),
        image=data_url(drawn.jpeg),
    )


def described(draws: GenerationCapabilities | None) -> Mapping[str, Any] | None:
    """Return what draws here, as `session.eyeline.generation` tells it."""
    if draws is None:
        return None
    return {
        "about": draws.description,
        "stand_in": draws.stand_in,
        "size": list(draws.size),
        "rate": draws.rate,
        "samplers": dict(draws.samplers),
        "tracks": draws.tracks,
        "things": list(draws.things),
        "backgrounds": list(draws.backgrounds),
    }


def _draws(dialogue: Dialogue) -> GenerationCapabilities:
    draws = dialogue.local.generation
    if draws is None:
        raise ProtocolError(
            f"nothing here draws: {dialogue.local.generation_unavailable}",
            code="generation_unavailable",
        )
    return draws


def _generation(dialogue: Dialogue) -> GenerationConfig:
    """Return how the session draws; before anybody said so, with the first sampler."""
    first = cast("Sampler", next(iter(_draws(dialogue).samplers)))
    return dialogue.generation or GenerationConfig(time=0.0, sampler=first)


def _check_text(place: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise ProtocolError(
            f"{place}: a prompt may have {longest} characters, this one has {len(text)}",
            param=place,
        )
    if not any(character.isalnum() for character in text):
        raise ProtocolError(
            f"{place}: expected words for what to draw, got {text.strip()[:20]!r}", param=place
        )


def _times(event: TrackAppend, last: float | None) -> tuple[float, ...] | None:
    """Return the times of the points, None where they have none; `last` is of those before."""
    times = [point.t for point in event.points]
    given = [time for time in times if time is not None]
    if not given:
        return None
    if len(given) < len(times):
        place = f"points[{times.index(None)}].t"
        raise ProtocolError(f"{place}: some points have times: all must have, or none", param=place)
    grown = given if last is None else [last, *given]
    for number, (before, after) in enumerate(pairwise(grown), start=len(given) - len(grown) + 1):
        if after <= before:
            place = f"points[{number}].t"
            raise ProtocolError(
                f"{place}: times grow, and {after} is not after {before}", param=place
            )
    return tuple(given)


def _updated(dialogue: Dialogue) -> None:
    if not dialogue.own_events:
        return
    shown = _generation(dialogue)
    say(
        dialogue,
        "eyeline.generation.updated",
        generation={
            "enabled": shown.enabled,
            "prompt": [{"text": text, "weight": weight} for text, weight in dialogue.prompt],
            "sampler": shown.sampler,
            "steps": shown.steps,
            "seed": shown.seed,
            "source": "camera" if shown.camera else "none",
            "strength": shown.strength,
            "paused": shown.paused,
            "pictures": shown.pictures,
        },
    )
