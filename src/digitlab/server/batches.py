"""A batch of 28x28 images, as bytes or as JSON, to the probabilities of their classes.

JSON is a stranger's: every step is linear in the body, and no value is converted before its type is known. NumPy would
make a list that holds one long string an array of strings of that length.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import Any

import numpy as np
import orjson

from digitlab.classifier import Classifier
from digitlab.data.split import IMAGE_SIDE, Images
from digitlab.errors import ModelError
from digitlab.server.answers import BYTES, Answer
from digitlab.server.problems import BAD, TOO_LARGE, RequestError, encodable, quoted

PIXELS = IMAGE_SIDE * IMAGE_SIDE
INSTANCES = "instances"
HINT = 'send {"instances": [...]}'


def answer_batch(
    classifier: Classifier, most_images: int, body: bytes | bytearray, media_type: str, *, as_bytes: bool
) -> Answer:
    """The probabilities of every image of a body.

    Args:
        classifier: The network.
        most_images: Largest batch.
        body: The body of the request.
        media_type: ``application/json`` or ``application/octet-stream``.
        as_bytes: Whether the answer is float32 [n, k], little-endian. Otherwise it is JSON.

    Raises:
        RequestError: The body is no batch, or too large a one.
        ModelError: The network answers something else than probabilities.
    """
    images = _of_bytes(body) if media_type == BYTES else _of_json(body)
    if len(images) > most_images:
        raise RequestError(
            TOO_LARGE,
            f"expected at most {most_images:,} images, got {len(images):,}",
            hint="send them in several requests",
        )
    probabilities = classifier.predict_proba(images)
    if not math.isfinite(np.add.reduce(probabilities, None)):  # orjson would write null
        raise ModelError("expected probabilities of the network, got NaN or infinity", hint="serve another network")
    counts = {"images": len(images)}
    if as_bytes:
        return Answer(np.ascontiguousarray(probabilities, dtype="<f4").tobytes(), BYTES, counts)
    names = classifier.class_names
    answer: dict[str, Any] = {
        "predictions": probabilities,
        "labels": [encodable(names[index]) for index in probabilities.argmax(axis=1)],
    }
    return Answer(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), counts=counts)


def _of_bytes(body: bytes | bytearray) -> Images:
    if not body or len(body) % PIXELS:
        raise RequestError(
            BAD, f"expected n x {PIXELS} bytes, got {len(body):,}", hint="a byte a pixel, row by row, image by image"
        )
    return np.frombuffer(body, np.uint8).reshape(-1, IMAGE_SIDE, IMAGE_SIDE)


def _of_json(body: bytes | bytearray) -> Images:
    try:
        received = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(BAD, f"expected JSON, got: {error}", hint=HINT) from None
    instances = received.get(INSTANCES) if isinstance(received, dict) else None
    if not isinstance(instances, list) or not instances:
        raise RequestError(BAD, "expected an object with a list of instances, at least one", hint=HINT)
    if len(received) > 1:
        other = next(key for key in received if key != INSTANCES)
        raise RequestError(BAD, f"expected {INSTANCES} alone, got {quoted(other)} besides", hint=HINT)
    rows = _rows(instances)
    try:
        pixels = b"".join(map(bytes, rows))
    except TypeError:  # strings, fractions, null, objects, lists
        raise _wrong("something else than whole numbers") from None
    except ValueError:
        raise _out_of_range(rows) from None
    # Python counts true and false among the whole numbers, JSON does not.
    if (b"true" in body or b"false" in body) and bool in set(map(type, chain.from_iterable(rows))):
        raise _wrong("something else than whole numbers")
    return np.frombuffer(pixels, np.uint8).reshape(-1, IMAGE_SIDE, IMAGE_SIDE)


def _rows(instances: list[Any]) -> list[list[Any]]:
    """Lists of pixels that together are the images: from [n, 784], [n, 28, 28] or [n, 28, 28, 1]."""
    length = _common_length(instances, [len(instances)])
    if length == PIXELS:
        return instances
    if length != IMAGE_SIDE:
        raise _wrong_shape([len(instances), length], instances[0])
    rows = list(chain.from_iterable(instances))
    shape = [len(instances), IMAGE_SIDE, _common_length(rows, [len(instances), IMAGE_SIDE])]
    if shape[-1] != IMAGE_SIDE:
        raise _wrong_shape(shape, rows[0])
    if type(rows[0][0]) is not list:
        return rows
    pixels = list(chain.from_iterable(rows))
    if (length := _common_length(pixels, shape)) != 1:
        raise _wrong_shape([*shape, length], pixels[0])
    return pixels


def _common_length(lists: list[Any], shape: list[int]) -> int:
    """How long every one of the lists is."""
    types = set(map(type, lists))
    if types != {list}:
        if list in types:
            raise _wrong("lists of unequal lengths")
        raise _wrong(f"the shape {shape}") if types == {int} else _wrong("something else than whole numbers")
    lengths = set(map(len, lists))
    if len(lengths) > 1:
        raise _wrong("lists of unequal lengths")
    return lengths.pop()


def _wrong_shape(shape: list[int], first: list[Any]) -> RequestError:
    return _wrong(f"the shape {shape}" + (" and lists in it" if first and type(first[0]) is list else ""))


def _out_of_range(rows: list[list[Any]]) -> RequestError:
    values = list(chain.from_iterable(rows))
    if set(map(type, values)) != {int}:
        return _wrong("something else than whole numbers")
    return _wrong(f"numbers from {min(values)} to {max(values)}")


def _wrong(came: str) -> RequestError:
    return RequestError(
        BAD,
        f"expected instances of {IMAGE_SIDE} rows of {IMAGE_SIDE} whole numbers from 0 to 255, got {came}",
        hint="0 is paper, 255 is ink; nothing is to be divided by 255",
    )
