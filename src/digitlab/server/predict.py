"""``POST /v1/predict``: arrays of 28x28 images to probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from digitlab.classifier import Classifier
from digitlab.data.split import IMAGE_SIDE, Images
from digitlab.server.body import read_body
from digitlab.server.metrics import Metrics
from digitlab.server.problems import BAD, TOO_LARGE, UNSUPPORTED, RequestError
from digitlab.server.schemas import PREDICT
from digitlab.server.settings import Settings
from digitlab.server.work import Workers

PIXELS = IMAGE_SIDE * IMAGE_SIDE
JSON, BYTES = "application/json", "application/octet-stream"
# A body of so few bytes is worked on at once, since handing it to another thread takes longer.
BYTES_AT_ONCE = 32 * 1024


def predict_routes(classifier: Classifier, settings: Settings, workers: Workers, metrics: Metrics) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["classify"])

    @router.post(
        "/v1/predict", summary="Classify 28x28 images", openapi_extra=PREDICT.request, responses=PREDICT.responses
    )
    async def predict(request: Request) -> Response:
        """Probabilities of 28x28 images, 0 paper to 255 ink, framed as MNIST's are."""
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind not in (JSON, BYTES):
            raise RequestError(
                UNSUPPORTED, f"expected {JSON} or {BYTES}, got {kind or 'no content type'}", hint="name one"
            )
        body = await read_body(request, settings)
        as_bytes = BYTES in request.headers.get("accept", "")
        asked = (classifier, settings, body, kind, as_bytes)
        count, response = _answer(*asked) if len(body) <= BYTES_AT_ONCE else await workers.run(_answer, *asked)
        metrics.images.inc(count)
        return response

    return router


def _answer(classifier: Classifier, settings: Settings, body: bytes, kind: str, as_bytes: bool) -> tuple[int, Response]:
    """How many images, and the answer."""
    images = _of_bytes(body) if kind == BYTES else _of_json(body)
    if len(images) > settings.most_images:
        raise RequestError(
            TOO_LARGE,
            f"expected at most {settings.most_images:,} images, got {len(images):,}",
            hint="send them in several requests",
        )
    probabilities = classifier.predict_proba(images)
    if as_bytes:
        return len(images), Response(np.ascontiguousarray(probabilities, dtype="<f4").tobytes(), media_type=BYTES)
    names = classifier.class_names
    told: dict[str, Any] = {
        "predictions": probabilities,
        "labels": [names[index] for index in probabilities.argmax(axis=1)],
    }
    return len(images), Response(orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY), media_type=JSON)


def _of_bytes(body: bytes) -> Images:
    if not body or len(body) % PIXELS:
        raise RequestError(
            BAD, f"expected n x {PIXELS} bytes, got {len(body):,}", hint="a byte a pixel, row by row, image by image"
        )
    return np.frombuffer(body, np.uint8).reshape(-1, IMAGE_SIDE, IMAGE_SIDE)


def _of_json(body: bytes) -> Images:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(BAD, f"expected JSON, got: {error}", hint='send {"instances": [...]}') from None
    if not isinstance(told, dict) or not isinstance(told.get("instances"), list) or not told["instances"]:
        raise RequestError(
            BAD, "expected an object with a list of instances, at least one", hint='send {"instances": [...]}'
        )
    try:
        values = np.array(told["instances"])
    except (ValueError, OverflowError, TypeError):  # lists of unequal lengths, numbers beyond all bounds
        raise _wrong("lists of unequal lengths") from None
    if values.dtype.kind not in "iu":
        raise _wrong("something else than whole numbers")
    if values.shape[1:] not in ((PIXELS,), (IMAGE_SIDE, IMAGE_SIDE), (IMAGE_SIDE, IMAGE_SIDE, 1)):
        raise _wrong(f"the shape {list(values.shape)}")
    if values.min() < 0 or values.max() > 255:
        raise _wrong(f"numbers from {values.min()} to {values.max()}")
    return values.astype(np.uint8).reshape(-1, IMAGE_SIDE, IMAGE_SIDE)


def _wrong(came: str) -> RequestError:
    return RequestError(
        BAD,
        f"expected instances of {IMAGE_SIDE} rows of {IMAGE_SIDE} whole numbers from 0 to 255, got {came}",
        hint="0 is paper, 255 is ink; nothing is to be divided by 255",
    )
