"""`Metrics`: what Prometheus is told."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import Scope

# Seconds, from a small batch to a large photo.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ELSEWHERE = "other"


class Metrics:
    """Counters of one application, in a registry of their own.

    Args:
        paths: The paths that are told apart; all others are one, since clients can make them up.
    """

    def __init__(self, paths: set[str]) -> None:
        self._paths = paths
        self._registry = CollectorRegistry()
        labels = ("path", "method", "status")
        self._requests = Counter("digitlab_requests", "Requests answered.", labels, registry=self._registry)
        self._seconds = Histogram(
            "digitlab_request_seconds",
            "From the request to its answer.",
            ("path",),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.active = Gauge("digitlab_active_requests", "Requests being answered.", registry=self._registry)
        self.images = Counter("digitlab_images", "Images classified by /v1/predict.", registry=self._registry)
        self.digits = Counter("digitlab_digits", "Digits found by /v1/read.", ("readable",), registry=self._registry)

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """One answered request; status 0 where the client went away."""
        path = scope["path"] if scope["path"] in self._paths else ELSEWHERE
        method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST") else ELSEWHERE
        children = self._children.get((path, method, status))
        if children is None:  # looking them up by their labels takes longer than counting
            children = (self._requests.labels(path, method, str(status)), self._seconds.labels(path))
            self._children[path, method, status] = children
        children[0].inc()
        children[1].observe(seconds)

    def add(self, counts: dict[str, int]) -> None:
        """What an answer counts: ``images``, or ``readable`` and ``unreadable`` digits."""
        if images := counts.get("images"):
            self.images.inc(images)
        for name, readable in (("readable", "true"), ("unreadable", "false")):
            if digits := counts.get(name):
                self.digits.labels(readable).inc(digits)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)
