"""The OpenAPI document of the REST endpoints, complete: what FastAPI cannot see is added here.

Some routes read their bodies themselves, because these are SDP, forms with files, or large. All
errors are problems, and most routes need a key.
"""

from typing import Any, get_args

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from web import problems
from web.access.routes import RULES
from web.rest.chat.request import ChatCompletionRequest
from web.rest.subtitles import MEDIA_TYPES
from web.rest.transcription.fields import ResponseFormat

Fields = dict[str, Any]

TEXT: Fields = {"type": "string"}
BINARY: Fields = {"type": "string", "format": "binary"}
OBJECT: Fields = {"type": "object"}
KEY = "key"  # the name of the security scheme

PROBLEM: Fields = {
    "type": "object",
    "description": "A problem (RFC 9457), with the `error` that OpenAI's SDKs read.",
    "required": ["type", "title", "status", "detail", "error"],
    "properties": {
        "type": TEXT,
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": TEXT,
        "error": {
            "type": "object",
            "required": ["message", "type", "code", "param"],
            "properties": {
                "message": TEXT,
                "type": TEXT,
                "code": {"type": ["string", "null"]},
                "param": {"type": ["string", "null"]},
            },
        },
    },
}
OFFER: Fields = {"application/sdp": {"schema": TEXT}}
PATH: Fields = {"application/trickle-ice-sdpfrag": {"schema": TEXT}}
CALL: Fields = {
    **OFFER,
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["sdp"],
            "properties": {"sdp": TEXT, "session": {**TEXT, "description": "a session, as JSON"}},
        }
    },
}
UPLOAD: Fields = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {
                "file": BINARY,
                "model": TEXT,
                "language": TEXT,
                "response_format": {**TEXT, "enum": list(get_args(ResponseFormat))},
                "stream": {**TEXT, "enum": ["true", "false"]},
                "track": {**TEXT, "pattern": "^[1-9][0-9]{0,2}$"},
                "timestamp_granularities[]": {
                    "type": "array",
                    "items": {**TEXT, "enum": ["word", "segment"]},
                },
            },
        }
    }
}
CHAT: Fields = {"application/json": {"schema": {"$ref": "#/components/schemas/ChatRequest"}}}
TRANSCRIPTS: Fields = {kind.split(";")[0]: {"schema": TEXT} for kind in MEDIA_TYPES.values()}
EVENTS: Fields = {"text/event-stream": {"schema": TEXT}}
JSON_OBJECT: Fields = {"application/json": {"schema": OBJECT}}

# By method and path: the body of a request, and the successful response.
BODIES: dict[tuple[str, str], Fields] = {
    ("post", "/v1/realtime/calls"): CALL,
    ("post", "/v1/realtime/calls/{id}"): OFFER,
    ("post", "/whip"): OFFER,
    ("post", "/whip/{id}"): OFFER,
    ("post", "/whep/{id}"): OFFER,
    ("patch", "/v1/realtime/calls/{id}"): PATH,
    ("patch", "/whip/{id}"): PATH,
    ("patch", "/whep/{id}/{viewer}"): PATH,
    ("post", "/v1/chat/completions"): CHAT,
    ("post", "/v1/audio/transcriptions"): UPLOAD,
    ("post", "/v1/audio/translations"): UPLOAD,
}
RESPONSES: dict[tuple[str, str], tuple[str, Fields]] = {
    ("post", "/v1/realtime/calls"): ("201", OFFER),
    ("post", "/whip"): ("201", OFFER),
    ("options", "/whip"): ("204", {}),
    ("post", "/whep/{id}"): ("201", OFFER),
    ("options", "/whep/{id}"): ("204", {}),
    ("patch", "/v1/realtime/calls/{id}"): ("200", PATH),
    ("patch", "/whip/{id}"): ("200", PATH),
    ("patch", "/whep/{id}/{viewer}"): ("200", PATH),
    ("delete", "/whep/{id}/{viewer}"): ("200", {}),
    ("post", "/v1/realtime/calls/{id}"): ("200", OFFER),
    ("post", "/whip/{id}"): ("200", OFFER),
    ("post", "/v1/realtime/calls/{id}/hangup"): ("200", {}),
    ("delete", "/v1/realtime/calls/{id}"): ("200", {}),
    ("delete", "/whip/{id}"): ("200", {}),
    ("post", "/v1/chat/completions"): ("200", {**JSON_OBJECT, **EVENTS}),
    ("post", "/v1/audio/transcriptions"): ("200", {**TRANSCRIPTS, **JSON_OBJECT, **EVENTS}),
    ("post", "/v1/audio/translations"): ("200", {**TRANSCRIPTS, **JSON_OBJECT, **EVENTS}),
    ("post", "/v1/audio/speech"): ("200", {"audio/*": {"schema": BINARY}}),
    ("get", "/sessions/{id}/captions.{format}"): ("200", {**TRANSCRIPTS, **JSON_OBJECT}),
    ("get", "/sessions/{id}/moments/{number}.jpg"): ("200", {"image/jpeg": {"schema": BINARY}}),
}


def install(app: FastAPI) -> None:
    """Make the document of `app` complete."""

    def document() -> Fields:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # as FastAPI's documentation has it


def _document(app: FastAPI) -> Fields:
    made = get_openapi(title=app.title, version=app.version, routes=app.routes)
    schemas = made["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    template = "#/components/schemas/{model}"
    chat = ChatCompletionRequest.model_json_schema(ref_template=template)
    schemas.update(chat.pop("$defs"))
    schemas.update({"Problem": PROBLEM, "ChatRequest": chat})
    made["components"]["securitySchemes"] = {KEY: {"type": "http", "scheme": "bearer"}}
    open_to_all = {rule.path for rule in RULES if rule.scope is None}
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            _complete(operation, method, path)
            if path not in open_to_all or method != "options":
                operation["security"] = [{}, {KEY: []}]
    return made


def _complete(operation: Fields, method: str, path: str) -> None:
    """Add the body and the responses that FastAPI cannot see."""
    responses = operation["responses"]
    responses.pop("422", None)  # bad input is a problem of status 400
    if (method, path) in RESPONSES:
        responses.clear()
        status, content = RESPONSES[method, path]
        responses[status] = {"description": "Success", **({"content": content} if content else {})}
    problem = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses["default"] = {"description": "A problem", "content": problem}
    if (method, path) in BODIES:
        operation["requestBody"] = {"required": True, "content": BODIES[method, path]}
