"""What can be said of data sets without training on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digitlab.data.idx_folder import PARTS, find_idx_files
from digitlab.data.known import FILES, KNOWN_SETS, SIZES, checksum
from digitlab.data.places import find_known
from digitlab.data.split import Dataset, Split
from digitlab.errors import DataError


@dataclass(frozen=True)
class FileCheck:
    """One file of a known set: is its content what was published?"""

    path: Path
    expected: str
    came: str | None

    @property
    def right(self) -> bool:
        """Whether the two checksums agree."""
        return self.came == self.expected


def locate_known_sets() -> dict[str, Path | None]:
    """Where each known set lies on this machine, `None` for one that would have to be fetched."""
    places = {}
    for name, known in KNOWN_SETS.items():
        files = find_known(known)
        places[name] = files["train"][0].parent if files else None
    return places


def verify(folder: Path, name: str) -> list[FileCheck]:
    """Compare a folder's four IDX files with what a known set's files should be.

    Raises:
        DataError: Not all four files are there.
    """
    files = find_idx_files(folder)
    if set(files) != set(PARTS):
        raise DataError(
            f"{folder}: expected the four IDX files of {name}, found {2 * len(files)}",
            hint=f"digitlab data fetch {name}",
        )
    known = KNOWN_SETS[name]
    checks = []
    for (part, kind), file_name in FILES.items():
        path = files[part][0 if kind == "images" else 1]
        checks.append(FileCheck(path, known.checksums[file_name], checksum(path, SIZES[file_name])))
    return checks


def describe(dataset: Dataset) -> dict[str, object]:
    """Counts, pixel statistics and fingerprints, as plain values for JSON."""
    return {
        "name": dataset.name,
        "note": dataset.note,
        "fingerprint": dataset.fingerprint,
        "classes": list(dataset.class_names),
        "train": _describe_split(dataset.train),
        "test": _describe_split(dataset.test),
        "remark": _remark(dataset.train),
    }


def _describe_split(split: Split) -> dict[str, object]:
    counts = np.bincount(split.labels, minlength=split.num_classes)
    # A set may be larger than memory; and of whole numbers the sums are exact.
    pieces = [(int(p.min()), int(p.max()), int(p.sum(dtype=np.int64)), p.size) for p in split.pieces()]
    lowest, highest, sums, sizes = zip(*pieces, strict=True)
    return {
        "images": len(split),
        "per_class": {name: int(count) for name, count in zip(split.class_names, counts, strict=True)},
        "pixel_min": min(lowest),
        "pixel_max": max(highest),
        "pixel_mean": round(sum(sums) / sum(sizes), 2),
        "fingerprint": split.fingerprint,
    }


def _remark(split: Split) -> str:
    first = next(split.pieces())
    border = np.concatenate([first[:, 0].ravel(), first[:, -1].ravel()])
    if np.median(border) > 127:
        return "the pictures look dark on bright; digitlab's convention is bright ink on dark (255 - images)"
    return ""
