"""`predict_files`: MNIST-format images in bulk to labels and probabilities in Parquet."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from digitlab.bulk.arrow import import_parquet
from digitlab.bulk.folder import PartFolder, manifest_text
from digitlab.bulk.here import Here
from digitlab.bulk.images import ImageRows
from digitlab.bulk.job import Engine, Outcome, Progress, run_job
from digitlab.bulk.parts import ImagePart, cut_images
from digitlab.bulk.place import place
from digitlab.bulk.sources import ImageFile, find_image_files, open_file
from digitlab.classifier import Classifier
from digitlab.classifier.load import read_network
from digitlab.runs.version import VERSION

PART_ROWS = 100_000
FORMAT = 1


def predict_files(
    data: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    model: str | Path | None = None,
    probabilities: bool = True,
    part_rows: int = PART_ROWS,
    engine: Engine | None = None,
    overwrite: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Labels of any number of images, into a folder of Parquet files, in bounded memory.

    The input is cut into parts. A part is what is read, answered and written at once, and what is done or not: the same
    call goes on with the parts whose file is not there.

    Args:
        data: Files of images (IDX or NPY, plain or gzipped; NPZ; Parquet), folders of such files, URIs of either, or
            names of known sets, whose test images are meant. Images are uint8, 28x28, bright ink on dark.
        out: The folder, a path or a URI: ``_manifest.json`` says what was asked, ``part-*.parquet`` are the answers,
            with the columns ``file`` (string), ``index`` (int64, the row in the file), ``label`` (string),
            ``probability`` (float32, of that label) and ``probabilities`` (float32 of each class).
        model: A run folder that was exported, or an ONNX file; the shipped network by default.
        probabilities: Whether ``probabilities`` is among the columns.
        part_rows: The most images in a part; a part is images of one file.
        engine: Who does the parts: `Here`, which is this process, by default, or `digitlab.cluster.bulk.OnRay`.
        overwrite: Throw away what another call left in `out`.
        progress: Told how far it is, at the start and after every part.

    Returns:
        What was done.

    Raises:
        DataError: A file is damaged, or holds no images.
        ModelError: The network cannot be opened.
        RunError: `out` holds something else, or answers to another question; or it cannot be written to.
        UsageError: There is nothing to predict, or the package pyarrow is missing.

    Example:
        >>> outcome = predict_files("archive/", "labels/")
        >>> pyarrow.parquet.read_table("labels/").column_names
        ['file', 'index', 'label', 'probability', 'probabilities']
    """
    import_parquet()
    content, name = read_network(model)
    names = Classifier(content, name=name).class_names
    files, passed_over = find_image_files([data] if isinstance(data, (str, Path)) else data)
    parts = cut_images(files, part_rows)
    question = _manifest(files, content, names, probabilities=probabilities, part_rows=part_rows)
    folder = PartFolder(place(out).address, question, len(parts))
    job = PredictJob(folder, content, name, probabilities)
    outcome = run_job(job, parts, engine or Here(), overwrite=overwrite, progress=progress)
    return dataclasses.replace(outcome, passed_over=tuple(passed_over))


@dataclass(frozen=True)
class PredictJob:
    """The network, sent as the bytes of its file, since a worker may not see the file."""

    folder: PartFolder
    content: bytes
    name: str
    probabilities: bool

    def open(self, threads: int) -> TablePredictor:
        """What predicts its parts."""
        return TablePredictor(Classifier(self.content, name=self.name, threads=threads), self.probabilities)


class Predictor:
    """A network over the parts of files; the last file stays open, for the part that follows.

    Args:
        classifier: The network.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._opened: tuple[str, ImageRows] | None = None

    def probabilities(self, part: ImagePart) -> npt.NDArray[np.float32]:
        """float32 [n, k] of the part's images.

        Raises:
            DataError: The file is not there, or is damaged.
        """
        return self._classifier.predict_proba(self._rows(part.file.address).read(part.start, part.stop))

    def close(self) -> None:
        """Close the file that is open."""
        if self._opened:
            self._opened[1].close()
        self._opened = None

    def _rows(self, address: str) -> ImageRows:
        if self._opened is None or self._opened[0] != address:
            self.close()
            self._opened = address, open_file(address)
        return self._opened[1]


class TablePredictor:
    """The same as Arrow tables.

    Args:
        classifier: The network.
        probabilities: Whether ``probabilities`` is among the columns.
    """

    def __init__(self, classifier: Classifier, probabilities: bool) -> None:
        self._class_names = list(classifier.class_names)
        self._predictor = Predictor(classifier)
        self._probabilities = probabilities

    def __call__(self, part: ImagePart) -> tuple[Any, int]:
        """The part's rows; none of them holds an error, since a damaged file is one for all."""
        import pyarrow as pa

        of_classes = self._predictor.probabilities(part)
        best = of_classes.argmax(axis=1)
        columns = {
            "file": pa.DictionaryArray.from_arrays(np.zeros(part.rows, np.int32), [part.file.name]),
            "index": pa.array(np.arange(part.start, part.stop, dtype=np.int64)),
            "label": pa.DictionaryArray.from_arrays(best.astype(np.int8), self._class_names),
            "probability": pa.array(of_classes[np.arange(part.rows), best]),
        }
        if self._probabilities:
            flat = pa.array(of_classes.reshape(-1))
            columns["probabilities"] = pa.FixedSizeListArray.from_arrays(flat, of_classes.shape[1])
        return pa.table(columns), 0

    def close(self) -> None:
        """Close the file that is open."""
        self._predictor.close()


def _manifest(
    files: Sequence[ImageFile], content: bytes, names: Sequence[str], *, probabilities: bool, part_rows: int
) -> str:
    """The question: what decides any byte of the answer."""
    return manifest_text(
        {
            "format": FORMAT,
            "command": "predict",
            "digitlab": VERSION,
            "model": hashlib.sha256(content).hexdigest(),
            "class_names": list(names),
            "probabilities": probabilities,
            "part_rows": part_rows,
            "rows": sum(file.rows for file in files),
            "inputs": [{"file": file.name, "bytes": file.bytes, "rows": file.rows} for file in files],
        }
    )
