"""``POST /v1/predict``: arrays of 28x28 images to probabilities."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from digitlab.classifier import Classifier
from digitlab.server.answers import BYTES, JSON, PREDICT, Answer, media_type_of
from digitlab.server.batches import answer_batch
from digitlab.server.body import SMALL_BYTES, Bodies
from digitlab.server.metrics import Metrics
from digitlab.server.pool import WorkerPool
from digitlab.server.problems import UNSUPPORTED, RequestError, quoted
from digitlab.server.schemas import PREDICT as OPERATION
from digitlab.server.settings import Settings


def predict_routes(
    classifier: Classifier, settings: Settings, bodies: Bodies, workers: WorkerPool, metrics: Metrics
) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["classify"])

    async def answer(body: bytes | bytearray, kind: str, as_bytes: bool) -> Answer:
        """Small bodies here, large ones of bytes in a thread. Parsing JSON holds the lock: large ones in a worker."""
        if len(body) <= SMALL_BYTES:
            # Requests that arrived together are classified right after one another, while the network is in the
            # processor's caches. That saves a sixth of the time of a request.
            await asyncio.sleep(0)
            return answer_batch(classifier, settings.most_images, body, kind, as_bytes=as_bytes)
        if kind == BYTES:
            return await workers.run(answer_batch, classifier, settings.most_images, body, kind, as_bytes=as_bytes)
        return await workers.ask({"route": PREDICT, "as_bytes": as_bytes}, body)

    @router.post(
        "/v1/predict", summary="Classify 28x28 images", openapi_extra=OPERATION.request, responses=OPERATION.responses
    )
    async def predict(request: Request) -> Response:
        """Probabilities of 28x28 images, 0 paper to 255 ink, framed as MNIST's are."""
        kind = media_type_of(request.headers.get("content-type", ""))
        if kind not in (JSON, BYTES):
            raise RequestError(
                UNSUPPORTED, f"expected {JSON} or {BYTES}, got {quoted(kind) or 'no content type'}", hint="name one"
            )
        body = await bodies.receive(request)
        try:
            told = await answer(body, kind, BYTES in request.headers.get("accept", ""))
        finally:
            bodies.release(body)
        metrics.add(told.counts)
        return Response(told.body, media_type=told.media_type)

    return router
