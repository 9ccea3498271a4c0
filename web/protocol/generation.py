"""Video generation in a conversation: controls from the client, status and pictures to it.

The service's own events go only to clients that ask for them. Errors and pictures, which a client
asks for by what it sends, go to any.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

from media.events.generation import (
    ClearTrack,
    DrawRequest,
    GeneratedImage,
    GenerationConfig,
    GenerationStatus,
    PromptChange,
    Sampler,
    TrackPoints,
)
from models.generation.small.prompts.notices import refusal
from models.generation.small.prompts.reader import read_prompt
from models.generation.small.prompts.reading import PromptReading
from web.protocol.client_events.generation_messages import (
    GenerationUpdate,
    PromptSet,
    TrackAppend,
    TrackClear,
)
from web.protocol.client_events.messages import ProtocolError
from web.protocol.session_config import GenerationCapabilities
from web.protocol.state import ConversationState
from web.protocol.vision import data_url


def set_prompt(state: ConversationState, event: PromptSet) -> None:
    """Change the prompt.

    A prompt that the model cannot draw takes the place of the last one, too: nothing is drawn.

    Raises:
        ProtocolError: no generation model is loaded, a text has no words or too many characters,
            or the model knows no thing of it.
    """
    capabilities = offered(state)
    if event.blend is None:
        assert event.text is not None
        prompts = [("text", event.text, 1.0)]
    else:
        prompts = [
            (f"blend[{number}].text", prompt.text, prompt.weight)
            for number, prompt in enumerate(event.blend)
        ]
    for param, text, _ in prompts:
        _check_prompt(param, text, capabilities.max_prompt_length)
    state.prompt = tuple((text.strip(), weight) for _, text, weight in prompts)
    state.inputs.append(PromptChange(state.prompt, state.media_time))
    send_updated(state)
    vocabulary = capabilities.vocabulary
    reason = "" if vocabulary is None else refusal(state.prompt, vocabulary.with_own(state.looks))
    if reason:
        raise ProtocolError(reason, code="prompt_not_drawable", param=prompts[0][0].split("[")[0])


def append_track(state: ConversationState, event: TrackAppend) -> None:
    """Add points to the track of a thing.

    Raises:
        ProtocolError: no generation model is loaded or it follows no tracks, there are too many
            points, or their times do not grow.
    """
    capabilities, points = offered(state), event.points
    limit = capabilities.max_track_points
    if not capabilities.tracks:
        raise ProtocolError("the model here follows prompts, not tracks", param="points")
    if len(points) > limit:
        raise ProtocolError(
            f"points: a message may have {limit}, this one has {len(points)}: send fewer, a "
            "straight line needs only its ends",
            param="points",
        )
    times = _point_times(event, state.path_times.get(event.thing))
    if times is None:
        state.path_times.pop(event.thing, None)
    else:
        state.path_times[event.thing] = times[-1]
    positions = tuple((point.x, point.y) for point in points)
    state.inputs.append(TrackPoints(event.thing, positions, times, state.media_time))


def clear_track(state: ConversationState, event: TrackClear) -> None:
    """Clear the track of a thing, or all tracks.

    Raises:
        ProtocolError: no generation model is loaded.
    """
    offered(state)
    if event.thing is None:
        state.path_times.clear()
    else:
        state.path_times.pop(event.thing, None)
    state.inputs.append(ClearTrack(event.thing, state.media_time))
    send_updated(state)


def update(state: ConversationState, event: GenerationUpdate) -> None:
    """Change the generation settings.

    Raises:
        ProtocolError: no generation model is loaded, it has no such sampler, or pictures are
            asked for over a call, which has a video track.
    """
    samplers = offered(state).samplers
    if event.sampler is not None and event.sampler not in samplers:
        raise ProtocolError(
            f"sampler: expected one of {', '.join(samplers)}, got {event.sampler[:80]!r}",
            param="sampler",
        )
    if event.pictures and state.on_track:
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
        changes["steps"] = None  # the sampler's own number
    if event.source is not None:
        changes["camera"] = event.source == "camera"
    state.generation = replace(_config(state), **changes)
    if event.reset:
        state.path_times.clear()
    config = replace(state.generation, time=state.media_time, again=event.reset, once=event.step)
    state.inputs.append(config)
    send_updated(state)


def draw(state: ConversationState, output: DrawRequest) -> None:
    """Draw what the model that answers wants, as if the client had set it; say if that is wrong."""
    try:
        set_prompt(state, PromptSet(type="eyeline.prompt.set", text=output.text))
        if not _config(state).enabled:
            pictures = state.eyeline_events and not state.on_track
            update(
                state,
                GenerationUpdate(
                    type="eyeline.generation.update", enabled=True, pictures=pictures or None
                ),
            )
    except ProtocolError as error:
        state.send_notice(f"the model wanted to draw: {error.message}", "warning")


def send_status(state: ConversationState, status: GenerationStatus) -> None:
    if not state.eyeline_events:
        return
    state.send_event(
        "eyeline.generation.status",
        state=status.state,
        sampler=status.sampler,
        steps=status.steps,
        rate=round(status.rate, 2),
        fps=round(status.fps, 2),
        queue=status.queue,
        delay_ms=None if status.delay is None else round(status.delay * 1000),
        degraded=status.degraded,
        pictures=status.pictures,
        notices=list(status.notices),
    )


def send_picture(state: ConversationState, picture: GeneratedImage) -> None:
    state.send_picture(
        "eyeline.video.delta",
        number=picture.number,
        time=round(picture.time, 4),
        image=data_url(picture.jpeg),
    )


def offered(state: ConversationState) -> GenerationCapabilities:
    """Return what the generation model can do.

    Raises:
        ProtocolError: there is none.
    """
    capabilities = state.capabilities.generation
    if capabilities is None:
        raise ProtocolError(
            f"video generation is unavailable: {state.capabilities.generation_unavailable}",
            code="generation_unavailable",
        )
    return capabilities


def _config(state: ConversationState) -> GenerationConfig:
    """Return the session's generation settings; at first they name the first sampler."""
    first = cast("Sampler", next(iter(offered(state).samplers)))
    return state.generation or GenerationConfig(time=0.0, sampler=first)


def _check_prompt(param: str, text: str, max_length: int) -> None:
    if len(text) > max_length:
        raise ProtocolError(
            f"{param}: a prompt may have {max_length} characters, this one has {len(text)}",
            param=param,
        )
    if not any(character.isalnum() for character in text):
        raise ProtocolError(
            f"{param}: expected words for what to draw, got {text.strip()[:20]!r}", param=param
        )


def _point_times(event: TrackAppend, last: float | None) -> tuple[float, ...] | None:
    """Return the times of the points, None if they have none; all must be after `last`."""
    optional = [point.t for point in event.points]
    times = [time for time in optional if time is not None]
    if not times:
        return None
    if len(times) < len(optional):
        param = f"points[{optional.index(None)}].t"
        raise ProtocolError(f"{param}: some points have times: all must have, or none", param=param)
    all_times = times if last is None else [last, *times]
    first = len(times) - len(all_times) + 1
    for number, (before, after) in enumerate(pairwise(all_times), start=first):
        if after <= before:
            param = f"points[{number}].t"
            raise ProtocolError(
                f"{param}: times grow, and {after} is not after {before}", param=param
            )
    return tuple(times)


def send_updated(state: ConversationState) -> None:
    if not state.eyeline_events:
        return
    config = _config(state)
    state.send_event(
        "eyeline.generation.updated",
        generation={
            "enabled": config.enabled,
            "prompt": [{"text": text, "weight": weight} for text, weight in state.prompt],
            "readings": _readings(state),
            "sampler": config.sampler,
            "steps": config.steps,
            "seed": config.seed,
            "source": "camera" if config.camera else "none",
            "strength": config.strength,
            "paused": config.paused,
            "pictures": config.pictures,
        },
    )


def _readings(state: ConversationState) -> list[dict[str, Any]] | None:
    """Return how the texts of the prompt are read; None if the model reads any words."""
    vocabulary = offered(state).vocabulary
    if vocabulary is None:
        return None
    known = vocabulary.with_own(state.looks)
    return [_reading_fields(read_prompt(text, known)) for text, _ in state.prompt]


def _reading_fields(reading: PromptReading) -> dict[str, Any]:
    """Return how a prompt is read; `caption` is what is drawn, None if nothing is."""
    return {
        "caption": reading.caption if reading.drawable else None,
        "things": [
            {
                "name": thing.kind,
                "size": thing.size or None,
                "color": thing.color or None,
                "motion": thing.motion or None,
            }
            for thing in reading.things
        ],
        "background": reading.background or None,
        "unknown": [
            {"kind": part.kind, "text": part.text, "nearest": list(part.nearest)}
            for part in reading.unknown
        ],
    }


COMMANDS: dict[type, Callable[[ConversationState, Any], None]] = {
    PromptSet: set_prompt,
    TrackAppend: append_track,
    TrackClear: clear_track,
    GenerationUpdate: update,
}
