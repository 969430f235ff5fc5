"""What OpenAPI is told of bodies that are parsed here and not by FastAPI, with an example of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from digitlab.data.split import IMAGE_SIDE

PIXELS = IMAGE_SIDE * IMAGE_SIDE
_PIXEL = {"type": "integer", "minimum": 0, "maximum": 255}
_ROW = {"type": "array", "items": _PIXEL, "minItems": IMAGE_SIDE, "maxItems": IMAGE_SIDE}
_IMAGE = {"type": "array", "items": _ROW, "minItems": IMAGE_SIDE, "maxItems": IMAGE_SIDE}
_BINARY = {"type": "string", "format": "binary"}
_PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}
# A 1: two columns of ink, twenty rows long.
_ONE = [
    [255 if 4 <= row < 24 and column in (13, 14) else 0 for column in range(IMAGE_SIDE)] for row in range(IMAGE_SIDE)
]
_DIGIT = {
    "type": "object",
    "required": ["label", "probability", "readable", "digit_probability", "probabilities", "box", "framed"],
    "properties": {
        "label": {"type": "string", "description": "The most probable class; always given."},
        "probability": _PROBABILITY,
        "readable": {"type": "boolean", "description": "Whether it is a digit at all."},
        "digit_probability": _PROBABILITY,
        "probabilities": {"type": "array", "items": _PROBABILITY},
        "box": {
            "type": "array",
            "items": {"type": "integer"},
            "minItems": 4,
            "maxItems": 4,
            "description": "x, y, width and height in the picture's pixels.",
        },
        "framed": {"type": "string", "description": f"What the network saw: {PIXELS} bytes, base64."},
    },
}
_LINE = {
    "type": "object",
    "required": ["text", "digits"],
    "properties": {"text": {"type": "string"}, "digits": {"type": "array", "items": _DIGIT}},
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "hint"],
            "properties": {"message": {"type": "string"}, "hint": {"type": "string"}},
        }
    },
}
_MEANINGS = {
    400: "The body is not what it should be.",
    401: "The API key is missing or wrong.",
    403: "The page that asks is of another origin.",
    408: "The body came too slowly.",
    413: "The body or the batch is too large, or takes too much memory or time.",
    415: "The content type is unknown.",
    421: "The request is for another host.",
    503: "Too busy, or the process that read the body ended; try again.",
}


@dataclass(frozen=True)
class Operation:
    """What FastAPI is told of one route.

    Args:
        request: Its ``openapi_extra``.
        responses: Its ``responses``.
    """

    request: dict[str, Any]
    responses: dict[int | str, dict[str, Any]]


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {
        status: {"description": _MEANINGS[status], "content": {"application/json": {"schema": _ERROR}}}
        for status in statuses
    }


def _ok(description: str, schema: dict[str, Any], **others: Any) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": description, "content": {"application/json": {"schema": schema}, **others}}}


PREDICT = Operation(
    request={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["instances"],
                        "additionalProperties": False,
                        "properties": {"instances": {"type": "array", "items": _IMAGE, "minItems": 1}},
                    },
                    "example": {"instances": [_ONE]},
                },
                "application/octet-stream": {"schema": {**_BINARY, "description": f"n x {PIXELS} bytes."}},
            },
        }
    },
    responses={
        **_ok(
            "A row of probabilities and a label an image; where bytes are accepted, float32 [n, k], little-endian.",
            {
                "type": "object",
                "required": ["predictions", "labels"],
                "properties": {
                    "predictions": {"type": "array", "items": {"type": "array", "items": _PROBABILITY}},
                    "labels": {"type": "array", "items": {"type": "string"}},
                },
            },
            **{"application/octet-stream": {"schema": _BINARY}},
        ),
        **_errors(400, 401, 403, 408, 413, 415, 421, 503),
    },
)
READ = Operation(
    request={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["picture"],
                        "additionalProperties": False,
                        "properties": {"picture": _BINARY},
                    }
                },
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["canvas"],
                        "additionalProperties": False,
                        "properties": {"canvas": {"type": "string", "pattern": "^data:image/[a-z]+;base64,"}},
                    },
                    "example": {"canvas": "data:image/png;base64,iVBORw0KGgo="},
                },
                "image/*": {"schema": _BINARY},
            },
        }
    },
    responses={
        **_ok(
            "Rows from top to bottom, each left to right; none on blank paper.",
            {
                "type": "object",
                "required": ["text", "lines"],
                "properties": {"text": {"type": "string"}, "lines": {"type": "array", "items": _LINE}},
            },
        ),
        **_errors(400, 401, 403, 408, 413, 415, 421, 503),
    },
)
GUARDED = _errors(401, 403, 421)
