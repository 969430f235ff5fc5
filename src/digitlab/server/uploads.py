"""An upload in any of its three forms to the digits on it. Runs in a worker process."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

import orjson

from digitlab.classifier import Classifier
from digitlab.errors import ModelError, PictureError
from digitlab.reading import Line, Reading, read_number
from digitlab.server.answers import FORM, JSON, Answer, media_type_of
from digitlab.server.forms import file_of_form
from digitlab.server.problems import BAD, RequestError, encodable, quoted

CANVAS = "canvas"
DATA_URL, BASE64 = "data:image/", ";base64,"
HINT = 'send {"canvas": "data:image/png;base64,..."}'
# Of the part of a data URL that stands before the content.
LONGEST_MEDIA_TYPE = 100


def answer_upload(classifier: Classifier, body: bytes | bytearray, content_type: str) -> Answer:
    """Rows of digits of a picture.

    Args:
        classifier: The network.
        body: The body of the request.
        content_type: Its ``Content-Type``, with its parameters: a form, JSON, or the file of a picture.

    Raises:
        RequestError: The body is no picture.
        ModelError: The network answers something else than probabilities.
    """
    picture = _picture_of(body, content_type)
    try:
        lines = read_number(picture, classifier)
    except PictureError as error:
        raise RequestError(BAD, error.message, hint=error.hint) from None
    digits = [digit for line in lines for digit in line.digits]
    if not all(math.isfinite(digit.probabilities.sum() + digit.digit_probability) for digit in digits):
        raise ModelError("expected probabilities of the network, got NaN or infinity", hint="serve another network")
    readable = sum(digit.readable for digit in digits)
    answer = {"text": "\n".join(encodable(line.text) for line in lines), "lines": [_line(line) for line in lines]}
    return Answer(
        orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY),
        counts={"readable": readable, "unreadable": len(digits) - readable},
    )


def _picture_of(body: bytes | bytearray, content_type: str) -> bytes | bytearray:
    kind = media_type_of(content_type)
    if kind == FORM:
        return file_of_form(content_type, body)
    if kind == JSON:
        return _of_json(body)
    return body


def _of_json(body: bytes | bytearray) -> bytes:
    try:
        received = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(BAD, f"expected JSON, got: {error}", hint=HINT) from None
    url = received.get(CANVAS) if isinstance(received, dict) else None
    if not isinstance(url, str):
        raise RequestError(BAD, f"expected an object with a data URL of a picture as {CANVAS}", hint=HINT)
    if len(received) > 1:
        other = next(key for key in received if key != CANVAS)
        raise RequestError(BAD, f"expected {CANVAS} alone, got {quoted(other)} besides", hint=HINT)
    end = url.find(BASE64, 0, LONGEST_MEDIA_TYPE)
    if not url.startswith(DATA_URL) or end < 0:
        raise RequestError(
            BAD, f"expected a data URL of a picture as {CANVAS}", hint="send canvas.toDataURL() of the page"
        )
    try:
        return base64.b64decode(url[end + len(BASE64) :], validate=True)
    except (binascii.Error, ValueError):
        raise RequestError(BAD, "expected base64 in the data URL, got something else", hint="do not cut it") from None


def _line(line: Line) -> dict[str, Any]:
    return {"text": encodable(line.text), "digits": [_digit(digit) for digit in line.digits]}


def _digit(digit: Reading) -> dict[str, Any]:
    return {
        "label": encodable(digit.label),
        "probability": digit.probability,
        "readable": digit.readable,
        "digit_probability": digit.digit_probability,
        "probabilities": digit.probabilities,
        "box": digit.box,
        "framed": base64.b64encode(digit.framed.tobytes()).decode("ascii"),
    }
