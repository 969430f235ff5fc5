"""`Answer`: what a route answers, made in a worker or in the server's own process."""

from __future__ import annotations

from dataclasses import dataclass, field

JSON, BYTES, FORM = "application/json", "application/octet-stream", "multipart/form-data"
# What a worker is asked for.
READ, PREDICT = "read", "predict"


@dataclass(frozen=True)
class Answer:
    """The answer to a request that could be served.

    Args:
        body: The bytes of the answer.
        media_type: What they are.
        counts: What to add to the counters of `Metrics`, by their names there.
    """

    body: bytes
    media_type: str = JSON
    counts: dict[str, int] = field(default_factory=dict)


def media_type_of(content_type: str) -> str:
    """A ``Content-Type`` without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()
