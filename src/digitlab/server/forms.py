"""The one file of a form (multipart/form-data), by python-multipart's parser, in memory and within bounds."""

from __future__ import annotations

import codecs

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from digitlab.server.problems import BAD, UNSUPPORTED, RequestError, quoted

FIELD = "picture"
HINT = "curl -F picture=@seven.jpg"
# RFC 2046 allows no longer boundary.
LONGEST_BOUNDARY = 70


def file_of_form(content_type: str, body: bytes | bytearray) -> bytes:
    """The content of the file in the field `FIELD`, which must be the only part of the form.

    Args:
        content_type: The ``Content-Type`` of the request, with its parameters.
        body: The body of the request.

    Raises:
        RequestError: The body is no such form, or its charset is another than UTF-8.
    """
    boundary = _boundary_of(content_type)
    form = _Form()
    try:
        parser = MultipartParser(boundary, form.callbacks())  # type: ignore[arg-type]
        parser.write(bytes(body))
        parser.finalize()
    except FormParserError as error:
        raise _not_a_form(quoted(str(error))) from None
    if not form.ended:
        raise _not_a_form("the end of the body before the end of the form")
    if form.parts == 0:
        raise RequestError(BAD, f"expected a file as {FIELD}, got none", hint=HINT)
    return b"".join(form.content)


def _boundary_of(content_type: str) -> bytes:
    _, options = parse_options_header(content_type)
    charset = options.get(b"charset", b"utf-8").decode("latin-1")
    if not _is_utf8(charset):
        raise RequestError(
            UNSUPPORTED, f"expected a form in UTF-8, got the charset {quoted(charset)}", hint="leave the charset out"
        )
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= LONGEST_BOUNDARY:
        raise _not_a_form(f"a boundary of {len(boundary)} bytes; it has 1 to {LONGEST_BOUNDARY}")
    return boundary


def _is_utf8(charset: str) -> bool:
    try:
        return codecs.lookup(charset).name in ("utf-8", "ascii")
    except (LookupError, ValueError):
        return False


class _Form:
    """What python-multipart tells of a form. Any part but the one file ends the parsing."""

    def __init__(self) -> None:
        self.parts = 0
        self.ended = False
        self.content: list[bytes] = []
        self._header = b""
        self._value = b""
        self._disposition = b""

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_header,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._add_data,
            "on_end": self._end,
        }

    def _begin_part(self) -> None:
        self.parts += 1
        if self.parts > 1:
            raise RequestError(BAD, f"expected one part, a file as {FIELD}, got more parts", hint=HINT)

    def _add_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _end_headers(self) -> None:
        kind, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if kind != b"form-data" or not name:
            raise _not_a_form("a part without a name")
        if name != FIELD:
            raise RequestError(BAD, f"expected a file as {FIELD} and no other field, got {quoted(name)}", hint=HINT)
        if b"filename" not in options:
            raise RequestError(BAD, f"expected a file as {FIELD}, got text", hint=HINT)

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        self.content.append(data[start:end])

    def _end(self) -> None:
        self.ended = True


def _not_a_form(received: str) -> RequestError:
    return RequestError(BAD, f"expected a form with a file, got: {received}", hint=f"name its field {FIELD}")
