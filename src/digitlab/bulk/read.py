"""`read_files`: digits and numbers on any number of pictures, in Parquet."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digitlab.bulk.arrow import import_parquet
from digitlab.bulk.folder import PartFolder, fingerprint, manifest_text
from digitlab.bulk.here import Here
from digitlab.bulk.job import Engine, Outcome, Progress, run_job
from digitlab.bulk.parts import PicturePart, cut_pictures
from digitlab.bulk.pictures import PictureFile, find_pictures
from digitlab.bulk.place import LocalPlace, place
from digitlab.bulk.reading import reading
from digitlab.classifier import Classifier
from digitlab.classifier.load import read_network
from digitlab.errors import DataError, DigitlabError, RunError
from digitlab.imaging.decode import MOST_BYTES
from digitlab.runs.version import VERSION

if TYPE_CHECKING:
    from digitlab.reading import Line

PART_PICTURES = 64
FORMAT = 1
THRESHOLD = 0.5
_BOX = ("x", "y", "width", "height")


def read_files(
    pictures: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    model: str | Path | None = None,
    threshold: float = THRESHOLD,
    part_pictures: int = PART_PICTURES,
    engine: Engine | None = None,
    overwrite: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Outcome:
    """What stands on any number of pictures, into a folder of Parquet files, in bounded memory.

    The same call goes on with the parts whose file is not there, as `predict_files` does. A picture that cannot be read
    is a row with an error, and the others are read all the same.

    Args:
        pictures: Files, folders of pictures, or URIs of either. They are read in the order of their names.
        out: The folder, a path or a URI, with ``_manifest.json`` and ``part-*.parquet``; columns: ``file`` and ``text``
            (strings; the rows of digits, one below the other), ``lines`` (a list of ``text`` and ``digits``, each with
            ``label``, ``probability``, ``readable`` and ``box``: ``x``, ``y``, ``width``, ``height`` in pixels), and
            ``error`` (string, or null where the picture was read).
        model: Names the digits: a run folder that was exported, or an ONNX file; the shipped network by default.
        threshold: The least probability of being a digit that is believed.
        part_pictures: The most pictures in a part.
        engine: Who does the parts: `Here`, which is this process, by default, or `digitlab.cluster.bulk.OnRay`.
        overwrite: Throw away what another call left in `out`.
        progress: Told how far it is, at the start and after every part.

    Returns:
        What was done.

    Raises:
        ModelError: The network cannot be opened.
        RunError: `out` holds something else, or answers to another question; or it cannot be written to.
        UsageError: There is nothing to read, or the package pyarrow is missing.
    """
    import_parquet()
    content, name = read_network(model)
    names = Classifier(content, name=name).class_names
    found = find_pictures([pictures] if isinstance(pictures, (str, Path)) else pictures)
    parts = cut_pictures(found, part_pictures)
    question = _manifest(found, content, names, threshold=threshold, part_pictures=part_pictures)
    job = ReadJob(PartFolder(place(out).address, question, len(parts)), content, name, threshold)
    return run_job(job, parts, engine or Here(), overwrite=overwrite, progress=progress)


@dataclass(frozen=True)
class ReadJob:
    """The network that names the digits, sent as the bytes of its file, and what is believed."""

    folder: PartFolder
    content: bytes
    name: str
    threshold: float

    def open(self, threads: int) -> PictureReader:
        """What reads its parts; a picture's few digits are no work to share between threads."""
        return PictureReader(Classifier(self.content, name=self.name), self.threshold)


class PictureReader:
    """Reads pictures into Arrow tables.

    Args:
        classifier: Names the digits.
        threshold: The least probability of being a digit that is believed.
    """

    def __init__(self, classifier: Classifier, threshold: float) -> None:
        self._classifier = classifier
        self._threshold = threshold

    def __call__(self, part: PicturePart) -> tuple[Any, int]:
        """A row a picture, and how many of them hold an error."""
        import pyarrow as pa

        rows = [_row(picture, self._classifier, self._threshold) for picture in part.pictures]
        return pa.Table.from_pylist(rows, schema=_schema()), sum(row["error"] is not None for row in rows)

    def close(self) -> None:
        """Nothing is open between two pictures."""


def _row(picture: PictureFile, classifier: Classifier, threshold: float) -> dict[str, Any]:
    from digitlab.reading import read_number

    try:
        lines = [_line(line) for line in read_number(_content(picture), classifier, threshold=threshold)]
    except DataError as error:
        return _failed(picture, error.message)
    except DigitlabError:  # of the network or the folder: no picture's fault
        raise
    except Exception as error:  # noqa: BLE001 - one picture of a million must not end the reading of the others
        return _failed(picture, f"unexpected {type(error).__name__}: {error}")
    text = "\n".join(line["text"] for line in lines)
    return {"file": picture.name, "text": text, "lines": lines, "error": None}


def _content(picture: PictureFile) -> str | bytes:
    """What `read_number` takes: a path, or the bytes that lie elsewhere."""
    where = place(picture.address)
    if isinstance(where, LocalPlace):
        if not where.path.parent.is_dir():
            raise RunError(
                f"{where.path.parent}: expected a folder of pictures, found none on {socket.gethostname()}",
                hint="all machines must see the pictures: on a shared file system, or by a URI such as s3://",
            )
        return str(where.path)
    with reading(picture.name), where.open() as stream:
        return stream.read(MOST_BYTES + 1)  # a longer file is refused


def _failed(picture: PictureFile, why: str) -> dict[str, Any]:
    return {"file": picture.name, "text": "", "lines": [], "error": why}


def _line(line: Line) -> dict[str, Any]:
    digits = [
        {
            "label": digit.label,
            "probability": digit.probability,
            "readable": digit.readable,
            "box": dict(zip(_BOX, digit.box, strict=True)),
        }
        for digit in line.digits
    ]
    return {"text": line.text, "digits": digits}


def _schema() -> Any:
    import pyarrow as pa

    box = pa.struct([(name, pa.int32()) for name in _BOX])
    digit = pa.struct([("label", pa.string()), ("probability", pa.float32()), ("readable", pa.bool_()), ("box", box)])
    line = pa.struct([("text", pa.string()), ("digits", pa.list_(digit))])
    return pa.schema([("file", pa.string()), ("text", pa.string()), ("lines", pa.list_(line)), ("error", pa.string())])


def _manifest(
    pictures: Sequence[PictureFile], content: bytes, names: Sequence[str], *, threshold: float, part_pictures: int
) -> str:
    """The question; of the pictures, which may be millions, a fingerprint."""
    return manifest_text(
        {
            "format": FORMAT,
            "command": "read",
            "digitlab": VERSION,
            "model": hashlib.sha256(content).hexdigest(),
            "class_names": list(names),
            "threshold": threshold,
            "part_pictures": part_pictures,
            "pictures": len(pictures),
            "pictures_fingerprint": fingerprint([(picture.name, picture.bytes) for picture in pictures]),
        }
    )
