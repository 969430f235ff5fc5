"""A plain loop: IDX files in, ONNX Runtime with its own settings, the same Parquet out, and nothing else.

python plain_bulk.py FOLDER OUT
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq

PART, CHUNK, HEADER = 100_000, 1000, 16

folder, out = map(Path, sys.argv[1:])
out.mkdir()
session = onnxruntime.InferenceSession(resources.files("digitlab").joinpath("shipped", "model.onnx").read_bytes())
names = [str(digit) for digit in range(10)]
number = 0
for path in sorted(folder.glob("*-ubyte")):
    with path.open("rb") as file:
        file.seek(HEADER)
        start = 0
        while len(images := np.fromfile(file, np.uint8, PART * 784).reshape(-1, 28, 28)):
            chunks = (images[first : first + CHUNK] for first in range(0, len(images), CHUNK))
            probabilities = np.concatenate([session.run(None, {"images": chunk})[0] for chunk in chunks])
            best = probabilities.argmax(axis=1)
            columns = {
                "file": pa.DictionaryArray.from_arrays(np.zeros(len(best), np.int32), [str(path)]),
                "index": pa.array(np.arange(start, start + len(best))),
                "label": pa.DictionaryArray.from_arrays(best.astype(np.int8), names),
                "probability": pa.array(probabilities[np.arange(len(best)), best]),
                "probabilities": pa.FixedSizeListArray.from_arrays(pa.array(probabilities.reshape(-1)), 10),
            }
            target = out / f"part-{number:05d}.parquet"
            pq.write_table(pa.table(columns), target, compression="zstd", use_dictionary=["file", "label"])
            start += len(best)
            number += 1
