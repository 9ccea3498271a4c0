"""GET /health and /v1/models: what the service has, and how busy it is."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request

from web.context import MODEL_NAME, ServiceContext, service_context
from web.problems import ProblemError
from web.protocol.client_events.turn_detection import default_vad, turn_detector
from web.settings.checks import SMALL

router = APIRouter()


@router.get("/health")
async def health(request: Request) -> dict[str, Any]:
    """Report that the service is up and how many sessions are free. Needs no key."""
    context = service_context(request)
    own = context.models.services.frame_filter
    return {
        "status": "ok",
        "sessions": {
            "live": context.sessions.capacity - context.sessions.free,
            "free": context.sessions.free,
            "capacity": context.sessions.capacity,
        },
        "models": list(context.capabilities.recognizers),
        "languages": _language_fields(context),
        "answers": _assistant_fields(context),
        "turn_detector": turn_detector(default_vad(context.capabilities.turn_detection)),
        "frame_filter": None if own is None else own.name,
        "engines": {
            each.name: {
                "backend": each.backend,
                "device": each.device,
                "precision": each.precision,
            }
            for each in context.models.engines
        },
        "queues": {
            name: queue.snapshot() for name, queue in context.models.services.queues.items()
        },
        "notices": list(context.capabilities.notices),
        **({} if context.cluster is None else {"cluster": context.cluster.description()}),
    }


@router.get("/v1/models")
async def list_models(request: Request) -> dict[str, Any]:
    """List the models to converse with: programs offer all that are listed as chat models.

    Requests with other names are served by these, too.
    """
    return {"object": "list", "data": [_model_fields(service_context(request), MODEL_NAME)]}


@router.get("/v1/models/{name}")
async def get_model(request: Request, name: str) -> dict[str, Any]:
    """Describe one model, also one that only transcribes or speaks."""
    context = service_context(request)
    capabilities = context.capabilities
    if name not in (MODEL_NAME, *capabilities.recognizers, *capabilities.voices):
        raise ProblemError(404, f"no model {name[:80]!r} here", code="model_not_found")
    return _model_fields(context, name)


def _language_fields(context: ServiceContext) -> dict[str, Any]:
    """Return the languages of speech: which are by which model, and whether that is loaded."""
    other = context.models.services.languages.other
    return {
        "available": list(context.capabilities.languages),
        "default": context.capabilities.language,
        "others_by": other.about,
        "others_loaded": other.loaded,
    }


def _model_fields(context: ServiceContext, name: str) -> dict[str, Any]:
    """Return the fields of a model: `eyeline` has its endpoints, and what it can do."""
    fields = {"id": name, "object": "model", "created": 0, "owned_by": "eyeline"}
    if name == MODEL_NAME:
        own = {"endpoints": ["/v1/chat/completions", "/v1/realtime"], **_assistant_fields(context)}
    elif name in context.capabilities.recognizers:
        paths = ["/v1/audio/transcriptions", "/v1/audio/translations", "/v1/realtime"]
        own = {"endpoints": paths}
    else:
        own = {"endpoints": ["/v1/audio/speech", "/v1/realtime"]}
    return {**fields, "eyeline": own}


def _assistant_fields(context: ServiceContext) -> dict[str, Any]:
    """Return which model answers questions, and what it can do.

    An `outside` model takes the conversation, instructions and tools of its client.
    """
    services = context.models.services
    assistant, answerer = services.assistant.model, services.answerer
    name = Path(context.settings.video_model).name  # clients need not know the path
    packaged = None if assistant.stand_in else name
    return {
        "model": answerer.outside or packaged,
        "outside": answerer.outside is not None,
        "tools": answerer.tools,
        "small": answerer.outside is None and name == SMALL,
        "stand_in": answerer.outside is None and assistant.stand_in,
        "about": answerer.about,
    }
