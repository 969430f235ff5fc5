"""`create_app`: the application."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path, PurePath

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, Response

from digitlab.classifier import Classifier, load_classifier
from digitlab.classifier.load import MODEL_FILE
from digitlab.runs.version import VERSION
from digitlab.server.body import Bodies
from digitlab.server.guard import Guard, error_response
from digitlab.server.metrics import Metrics
from digitlab.server.page import page_routes
from digitlab.server.pool import WorkerPool
from digitlab.server.predict import predict_routes
from digitlab.server.problems import RequestError, as_json, encodable, quoted
from digitlab.server.process import WorkerError
from digitlab.server.read import read_routes
from digitlab.server.schemas import GUARDED
from digitlab.server.settings import Settings

PATHS = {"/", "/v1/read", "/v1/predict", "/v1/model", "/healthz", "/metrics"}
DESCRIPTION = "Reads handwritten digits. No picture is kept."


def create_app(
    classifier: Classifier | None = None, settings: Settings | None = None, *, report: Path | None = None
) -> FastAPI:
    """An ASGI application that reads digits; no TensorFlow is loaded.

    Uploads are read in worker processes, which the application's lifespan starts and ends. Where a server or a test
    runs no lifespan, the first upload starts them, and they end when the application is forgotten or the interpreter
    ends.

    Args:
        classifier: What names the digits; the shipped network by default.
        settings: Who may ask, and for how much.
        report: The report.html of the run that the classifier is of, for the page to link to.
    """
    classifier = classifier or load_classifier()
    settings = settings or Settings()
    name = public_name(classifier.name)
    workers, metrics = WorkerPool(settings, classifier.content, name), Metrics(PATHS)
    bodies = Bodies(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        workers.start()
        yield
        workers.close()

    app = FastAPI(
        title="digitlab", version=VERSION, description=DESCRIPTION, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.include_router(read_routes(bodies, workers, metrics))
    app.include_router(predict_routes(classifier, settings, bodies, workers, metrics))
    app.include_router(page_routes(report))
    app.state.workers = workers  # ended early where the server is told to stop
    # FastAPI's caches keep routes, and so the pool, for as long as the process lives, but not the application.
    weakref.finalize(app, workers.close)
    _add_state_routes(app, name, classifier.class_names, metrics, has_report=report is not None)
    app.add_middleware(Guard, settings=settings, metrics=metrics)
    if settings.origins:  # around the guard, since a browser asks whether it may ask without a key
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type", "X-API-Key", "X-Request-Id"),
            expose_headers=("X-Request-Id",),
        )
    app.add_exception_handler(HTTPException, _not_found)
    app.add_exception_handler(RequestError, _problem)
    return app


def public_name(name: str) -> str:
    """What clients are told of a network's name, which may be a path: the file's or the run folder's own name."""
    path = PurePath(name)
    own = path.parent.name if path.name == MODEL_FILE and path.parent.name else path.name
    return quoted(encodable(own))


def _add_state_routes(
    app: FastAPI, name: str, class_names: Sequence[str], metrics: Metrics, *, has_report: bool
) -> None:
    @app.get("/v1/model", tags=["state"], summary="The network that answers", responses=GUARDED)
    async def model() -> dict[str, object]:
        """Its classes and where it came from."""
        return {
            "name": name,
            "class_names": [encodable(class_name) for class_name in class_names],
            "input": "uint8 [n, 28, 28], 0 paper to 255 ink",
            "digitlab": VERSION,
            "report": "/report" if has_report else None,
        }

    @app.get("/healthz", tags=["state"], summary="Whether it answers")
    async def healthz() -> dict[str, str]:
        """Always ok, where it answers at all."""
        return {"status": "ok"}

    @app.get(
        "/metrics",
        tags=["state"],
        summary="Counters for Prometheus",
        response_class=PlainTextResponse,
        responses=GUARDED,
    )
    async def prometheus() -> Response:
        """The exposition format."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _problem(request: Request, problem: Exception) -> Response:
    if not isinstance(problem, RequestError) or isinstance(problem, WorkerError):
        raise problem  # the guard logs it
    return error_response(problem)


async def _not_found(request: Request, error: Exception) -> Response:
    """A path or a method that is not there, in the one shape that errors have."""
    if not isinstance(error, HTTPException):
        raise error
    message = f"{request.method} {quoted(request.scope['path'])}: {error.detail}"
    return JSONResponse(as_json(message, "see /openapi.json"), error.status_code, error.headers)
