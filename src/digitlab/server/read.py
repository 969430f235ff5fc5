"""``POST /v1/read``: a picture, or what was drawn on a canvas, to rows of digits."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from digitlab.server.answers import FORM, JSON, READ, media_type_of
from digitlab.server.body import Bodies
from digitlab.server.metrics import Metrics
from digitlab.server.pool import WorkerPool
from digitlab.server.problems import UNSUPPORTED, RequestError, quoted
from digitlab.server.schemas import READ as OPERATION


def read_routes(bodies: Bodies, workers: WorkerPool, metrics: Metrics) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["read"])

    @router.post("/v1/read", summary="Read a picture", openapi_extra=OPERATION.request, responses=OPERATION.responses)
    async def read(request: Request) -> Response:
        """Rows of digits with boxes, probabilities and what the network saw."""
        content_type = request.headers.get("content-type", "")
        kind = media_type_of(content_type)
        if kind not in (FORM, JSON) and not kind.startswith("image/"):
            raise RequestError(
                UNSUPPORTED,
                f"expected {FORM}, {JSON} or image/*, got {quoted(kind) or 'no content type'}",
                hint="see /openapi.json for each",
            )
        body = await bodies.receive(request)
        try:
            told = await workers.ask({"route": READ, "content_type": content_type}, body)
        finally:
            bodies.release(body)
        metrics.add(told.counts)
        return Response(told.body, media_type=told.media_type)

    return router
