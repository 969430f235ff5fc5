"""Predictions as text, a row an image: CSV or JSON lines, part by part, so that memory stays bounded."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from digitlab.bulk.parts import ImagePart
from digitlab.bulk.predict import Predictor
from digitlab.text import csv_text, json_escaped

TextFormat = Literal["csv", "jsonl"]

# As many digits as are the same wherever the network runs.
DIGITS = 6


def text_of(
    parts: Sequence[ImagePart],
    predictor: Predictor,
    class_names: Sequence[str],
    form: TextFormat,
    *,
    files: bool,
    probabilities: bool,
) -> Iterator[str]:
    """The text of the parts in order, a piece a part, and before them CSV's head.

    Args:
        parts: What to predict.
        predictor: What predicts them.
        class_names: In the order of the network's classes.
        form: ``csv`` or ``jsonl``: one JSON object per line. In CSV, names that a spreadsheet would take for a formula
            begin with an apostrophe; see `csv_text`.
        files: Whether each row begins with its file; JSON always says it.
        probabilities: Whether each row ends with the probabilities of all classes.

    Yields:
        ``index,label,probability`` and the same of every image; whole lines.

    Raises:
        DataError: A file is damaged.
    """
    if form == "csv":
        head = [*(["file"] if files else []), "index", "label", "probability"]
        yield _csv([head + [f"probability_{name}" for name in class_names if probabilities]])
    for part in parts:
        rows = _rows(part, predictor.probabilities(part), class_names)
        if form == "csv":
            file = [csv_text(part.file.name)] if files else []
            labels = {name: csv_text(name) for name in class_names}
            yield _csv([[*file, row[1], labels[row[2]], row[3], *(row[4] if probabilities else [])] for row in rows])
        else:
            yield "".join(_json(row, probabilities=probabilities) for row in rows)


def _rows(
    part: ImagePart, of_classes: npt.NDArray[np.float32], class_names: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    best = of_classes.argmax(axis=1)
    rounded = np.round(of_classes.astype(np.float64), DIGITS)
    for index, (label, row) in enumerate(zip(best.tolist(), rounded.tolist(), strict=True), part.start):
        yield part.file.name, index, class_names[label], row[label], row


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _json(row: tuple[Any, ...], *, probabilities: bool) -> str:
    said = dict(zip(("file", "index", "label", "probability", "probabilities"), row, strict=True))
    if not probabilities:
        del said["probabilities"]
    return json_escaped(json.dumps(said, ensure_ascii=False)) + "\n"
