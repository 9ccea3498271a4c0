"""GET /health and /v1/models: what the service has, and how busy it is."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request

from web.context import MODEL_NAME, ServiceContext, service_context
from web.problems import ProblemError
from web.setting_checks import SMALL

router = APIRouter()


@router.get("/health")
async def health(request: Request) -> dict[str, Any]:
    """Report that the service is up and how many sessions are free. Needs no key."""
    context = service_context(request)
    return {
        "status": "ok",
        "sessions": {
            "live": context.sessions.capacity - context.sessions.free,
            "free": context.sessions.free,
            "capacity": context.sessions.capacity,
        },
        "models": list(context.capabilities.recognizers),
        "answers": _assistant_fields(context),
        "notices": list(context.capabilities.notices),
    }


@router.get("/v1/models")
async def list_models(request: Request) -> dict[str, Any]:
    """List the model names of this service. Requests with other names are served by these."""
    context = service_context(request)
    data = [_model_fields(context, name) for name in _model_names(context)]
    return {"object": "list", "data": data}


@router.get("/v1/models/{name}")
async def get_model(request: Request, name: str) -> dict[str, Any]:
    """Describe one model."""
    context = service_context(request)
    if name not in _model_names(context):
        raise ProblemError(404, f"no model {name[:80]!r} here", code="model_not_found")
    return _model_fields(context, name)


def _model_names(context: ServiceContext) -> list[str]:
    return [MODEL_NAME, *context.capabilities.recognizers, *context.capabilities.voices]


def _model_fields(context: ServiceContext, name: str) -> dict[str, Any]:
    fields = {"id": name, "object": "model", "created": 0, "owned_by": "eyeline"}
    return {**fields, "eyeline": _assistant_fields(context)} if name == MODEL_NAME else fields


def _assistant_fields(context: ServiceContext) -> dict[str, Any]:
    """Return which model answers questions, and what it can do."""
    assistant = context.models.services.assistant
    name = Path(context.settings.video_model).name  # clients need not know the path
    return {
        "model": None if assistant.stand_in else name,
        "small": name == SMALL,
        "stand_in": assistant.stand_in,
        "about": assistant.about,
    }
