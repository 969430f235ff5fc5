"""Sound inputs, which mutations begin with. All are small and made here."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np


def digit(side: int = 40) -> np.ndarray:
    """A 7 on paper, uint8 [side, side]."""
    pixels = np.full((side, side), 245, np.uint8)
    pixels[side // 5 : side // 4, side // 4 : 3 * side // 4] = 20
    for row in range(side // 4, 4 * side // 5):
        column = 3 * side // 4 - (row - side // 4) // 2
        pixels[row, column - 3 : column] = 20
    return pixels


def pictures() -> dict[str, bytes]:
    """Pictures by file name: each format, in the modes that it knows."""
    from PIL import Image

    grey = Image.fromarray(digit())
    images = {
        "grey": grey, "colour": grey.convert("RGB"), "alpha": grey.convert("RGBA"), "palette": grey.convert("P"),
        "bit": grey.convert("1"), "deep": Image.fromarray(digit().astype(np.uint16) * 257), "two": grey.convert("LA"),
    }  # fmt: skip
    found = {}
    for name, format_name, modes, options in _FORMATS:
        for mode in modes.split():
            content = io.BytesIO()
            images[mode].save(content, format_name, **options)
            found[f"{name}-{mode}.{format_name.lower()}"] = content.getvalue()
    oriented = Image.Exif()
    oriented[0x0112] = 6
    content = io.BytesIO()
    images["colour"].save(content, "JPEG", exif=oriented)
    return {**found, "turned.jpeg": content.getvalue()}


_FORMATS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("plain", "PNG", "grey colour alpha palette bit deep two", {}),
    ("baseline", "JPEG", "grey colour", {}),
    ("progressive", "JPEG", "colour", {"progressive": True}),
    ("plain", "GIF", "grey palette", {}),
    ("plain", "BMP", "grey colour palette bit", {}),
    ("plain", "WEBP", "colour alpha", {}),
    ("plain", "TIFF", "grey colour alpha bit deep", {}),
    ("packed", "TIFF", "grey colour", {"compression": "tiff_lzw"}),
    ("deflated", "TIFF", "colour", {"compression": "tiff_adobe_deflate"}),
    ("plain", "PPM", "grey colour bit", {}),
)


def data_files() -> dict[str, bytes]:
    """Data sets by file name: NPZ, NPY, IDX and CSV."""
    images, labels = np.tile(digit(28), (6, 1, 1)), np.array([0, 1, 2, 0, 1, 2], np.uint8)
    rows = "\n".join(
        f"{label}," + ",".join(map(str, image.ravel())) for image, label in zip(images, labels, strict=True)
    )
    csv = ("label," + ",".join(f"pixel{i}" for i in range(784)) + "\n" + rows + "\n").encode()
    idx_images = struct.pack(">IIII", 0x0803, len(images), 28, 28) + images.tobytes()
    idx_labels = struct.pack(">II", 0x0801, len(labels)) + labels.tobytes()
    return {
        "small.csv": csv,
        "small.csv.gz": gzip.compress(csv, mtime=0),
        "parts.npz": _npz(x_train=images, y_train=labels, x_test=images, y_test=labels),
        "all.npz": _npz(images=images.reshape(-1, 784), labels=labels.astype(np.int64)),
        "train-images-idx3-ubyte": idx_images,
        "train-labels-idx1-ubyte": idx_labels,
        "train-images-idx3-ubyte.gz": gzip.compress(idx_images, mtime=0),
        "train-images.npy": _npy(images),
        "train-labels.npy": _npy(labels),
    }


def companions(name: str) -> list[str]:
    """The files that must lie beside `name` for the two to be a data set."""
    pairs = {
        "train-images-idx3-ubyte": "train-labels-idx1-ubyte",
        "train-images-idx3-ubyte.gz": "train-labels-idx1-ubyte",
        "train-labels-idx1-ubyte": "train-images-idx3-ubyte",
        "train-images.npy": "train-labels.npy",
        "train-labels.npy": "train-images.npy",
    }
    return [pairs[name]]


def settings() -> dict[str, bytes]:
    """TOML files with every key of the settings, and of a search space."""
    from digitlab.config import TrainConfig
    from digitlab.tuning.space import SearchSpace

    values = {key: value for key, value in TrainConfig().to_dict().items() if key != "preset"}
    space = {key: value for key, value in SearchSpace().to_dict().items() if value}
    return {"settings.toml": b"\n".join(_toml(values)), "space.toml": b"\n".join(_toml(space))}


def networks() -> dict[str, bytes]:
    """ONNX files as `digitlab export` writes them."""
    from digitlab.classifier.load import READABLE_FILE, shipped_file

    return {"readable.onnx": shipped_file(READABLE_FILE).read_bytes()}


def run_folders(into: Path) -> list[Path]:
    """A finished training and a finished study, without any training."""
    import synthetic

    training, study = into / "training", into / "study"
    synthetic.make_run(training, tuple("0123456789"))
    synthetic.make_study(study, recommended=synthetic.RECOMMENDED)
    return [training, study]


def figure_texts(runs: Iterable[Path]) -> dict[str, str]:
    """An empty drawing for every figure that the pages of these runs show."""
    from digitlab.report.contents import read_contents
    from digitlab.report.style import styled
    from digitlab.report.write import draw_figures

    with styled():
        names = [name for run in runs for name in draw_figures(read_contents(run))]
    return dict.fromkeys(names, "<svg></svg>")


def _npz(**arrays: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def _npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def _toml(values: dict[str, Any]) -> Iterator[bytes]:
    for key, value in values.items():
        text = str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')
        yield f"{key} = {text}".encode()
