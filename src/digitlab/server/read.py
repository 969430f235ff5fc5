"""``POST /v1/read``: a picture, or what was drawn on a canvas, to rows of digits."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator
from typing import Any

import orjson
from fastapi import APIRouter, Request
from python_multipart.exceptions import MultipartParseError
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import Response

from digitlab.classifier import Classifier
from digitlab.errors import PictureError
from digitlab.reading import Line, Reading, read_number
from digitlab.server.body import read_body
from digitlab.server.metrics import Metrics
from digitlab.server.problems import BAD, UNSUPPORTED, RequestError
from digitlab.server.schemas import READ
from digitlab.server.settings import Settings
from digitlab.server.work import Workers

FORM, JSON = "multipart/form-data", "application/json"
FIELD = "picture"
DATA_URL = "data:image/"


def read_routes(classifier: Classifier, settings: Settings, workers: Workers, metrics: Metrics) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["read"])

    @router.post("/v1/read", summary="Read a picture", openapi_extra=READ.request, responses=READ.responses)
    async def read(request: Request) -> Response:
        """Rows of digits with boxes, probabilities and what the network saw."""
        body = await read_body(request, settings)
        picture = await _picture(request, body)
        lines = await workers.run(_read, picture, classifier)
        for digit in (digit for line in lines for digit in line.digits):
            metrics.digits.labels(str(digit.readable).lower()).inc()
        told = {"text": "\n".join(line.text for line in lines), "lines": [_line(line) for line in lines]}
        return Response(orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY), media_type=JSON)

    return router


async def _picture(request: Request, body: bytes) -> bytes:
    """The bytes of the picture, however it came."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == FORM:
        return await _of_form(request, body)
    if kind == JSON:
        return _of_json(body)
    if kind.startswith("image/"):
        return body
    raise RequestError(
        UNSUPPORTED, f"expected {FORM}, {JSON} or image/*, got {kind or 'no content type'}", hint="see /docs for each"
    )


async def _of_form(request: Request, body: bytes) -> bytes:
    async def parts() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MultiPartParser(request.headers, parts(), max_files=1, max_fields=10).parse()
    except (MultiPartException, MultipartParseError, ValueError, KeyError, AssertionError) as error:
        raise RequestError(BAD, f"expected a form with a file, got: {error}", hint=f"name its field {FIELD}") from None
    try:
        file = form.get(FIELD)
        if file is None or isinstance(file, str):
            raise RequestError(BAD, f"expected a file as {FIELD}, got none", hint="curl -F picture=@seven.jpg")
        return await file.read()
    finally:
        await form.close()


def _of_json(body: bytes) -> bytes:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(
            BAD, f"expected JSON, got: {error}", hint='send {"canvas": "data:image/png;base64,..."}'
        ) from None
    url = told.get("canvas") if isinstance(told, dict) else None
    if not isinstance(url, str) or not url.startswith(DATA_URL) or ";base64," not in url:
        raise RequestError(
            BAD, "expected an object with a data URL of a picture as canvas", hint="send canvas.toDataURL() of the page"
        )
    try:
        return base64.b64decode(url.split(";base64,", 1)[1], validate=True)
    except (binascii.Error, ValueError):
        raise RequestError(BAD, "expected base64 in the data URL, got something else", hint="do not cut it") from None


def _read(picture: bytes, classifier: Classifier) -> list[Line]:
    try:
        return read_number(picture, classifier)
    except PictureError as error:
        raise RequestError(BAD, error.message, hint=error.hint) from None


def _line(line: Line) -> dict[str, Any]:
    return {"text": line.text, "digits": [_digit(digit) for digit in line.digits]}


def _digit(digit: Reading) -> dict[str, Any]:
    return {
        "label": digit.label,
        "probability": digit.probability,
        "readable": digit.readable,
        "digit_probability": digit.digit_probability,
        "probabilities": digit.probabilities,
        "box": digit.box,
        "framed": base64.b64encode(digit.framed.tobytes()).decode("ascii"),
    }
